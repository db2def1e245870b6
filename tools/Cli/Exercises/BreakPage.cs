namespace Shop.Cli.Exercises;

/// <summary>docs/break.md: what the exercises showed when they ran.</summary>
internal static class BreakPage
{
    private const string Head = $"""
        # Break it yourself

        Each exercise takes one protection away and answers one question. It copies the last commit, counts what happens with the protection,
        applies the change that is shown here, counts again, and removes the copy. Shipped code has no switch that disables a guarantee.

        <!-- not run by a test: an exercise builds a copy of the repository; a test checks that each change fits and that its test exists -->
        ```bash
        ./shop break                    # the exercises and their questions
        ./shop break no-outbox          # one: some minutes, most of them for the first build
        ./shop break --write docs/break.md   # all of them, and this page
        ```

        The numbers are those of the run that wrote this page. The exercises are in [exercises.txt](../{Exercise.List}); what they count is in
        [Exercises](../tests/Messaging.Tests/Exercises/), which the gate runs with all protections in place. More faults than these:
        [mutations](testing.md#mutations-a-test-must-be-able-to-fail).
        """;

    public static string Of(IEnumerable<Counted> all) => string.Join("\n\n", all.Select(Section).Prepend(Head)) + "\n";

    private static string Section(Counted counted)
    {
        var (exercise, fault) = (counted.Exercise, counted.Exercise.Fault);
        return $"""
            ## {exercise.Name}

            **{exercise.Question}**

            The change, in [{Path.GetFileName(fault.File)}](../{fault.File}):

            ```diff
            {string.Join('\n', exercise.Diff())}
            ```

            | | `{fault.Test.Split('.')[^1]}` counts |
            |---|---|
            | with the protection | {counted.Protected} |
            | without it | {counted.Broken} |

            What went wrong: {exercise.Wrong}

            What protects you: {fault.Guarantee} More: [{exercise.Read}]({Path.GetRelativePath("docs", exercise.Read)}).
            """;
    }
}
