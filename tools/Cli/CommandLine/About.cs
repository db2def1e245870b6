namespace Shop.Cli;

/// <summary>A command's help text: one line in the list of commands, all of it in the command's own help.</summary>
internal static class About
{
    /// <param name="summary">One line.</param>
    /// <param name="more">Whole sentences; line breaks in it are blanks.</param>
    /// <param name="lines">What follows line by line.</param>
    public static string Text(string summary, string more, params string[] lines) =>
        $"{summary}\n\n{more.ReplaceLineEndings(" ")}\n{string.Concat(lines.Select(line => $"\n{line}"))}".TrimEnd();

    public static string Summary(string? description) => description?.Split('\n')[0] ?? "";
}
