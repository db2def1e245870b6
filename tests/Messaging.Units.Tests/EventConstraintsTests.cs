namespace Shop.Messaging.Units.Tests;

/// <summary>Whether an event meets the constraints of its schema.</summary>
public sealed class EventConstraintsTests
{
    private static readonly Constrained s_valid = Constrained.Valid;

    public static TheoryData<string?, string> Violations => new()
    {
        { null, "as it is" },
        { "count is less than 2.", "count" },
        { "name is empty.", "name" },
        { "name is null.", "no name" },
        { "code does not match the pattern ^[a-z]{3}$", "code" },
        { "code does not match the pattern ^[a-z]{3}$", "code and a line break" },
        { "digit does not match the pattern [0-9]", "digit" },
        { "parts is empty.", "no part" },
        { "parts is null.", "null for the parts" },
        { "parts[1] is null.", "a part is null" },
        { "parts[1].sku is empty.", "a part without a sku" },
        { "parts[0].tags[1] is null.", "a tag is null" },
        { "numbers is null.", "no numbers" },
        { "amount is less than 5.", "amount" },
    };

    [Theory]
    [MemberData(nameof(Violations))]
    public void The_first_violation_is_returned_with_its_path(string? violation, string how) => Assert.Equal(violation, EventConstraints.FindViolation(how switch
    {
        "as it is" => s_valid with { Amount = 5, Note = "" },
        "count" => s_valid with { Count = 1 },
        "name" => s_valid with { Name = "", Code = "x" },
        "no name" => s_valid with { Name = null! },
        "code" => s_valid with { Code = "ABC" },
        "code and a line break" => s_valid with { Code = "abc\n" },
        "digit" => s_valid with { Digit = "a" },
        "no part" => s_valid with { Parts = [] },
        "null for the parts" => s_valid with { Parts = null! },
        "a part is null" => s_valid with { Parts = [s_valid.Parts[0], null!] },
        "a part without a sku" => s_valid with { Parts = [s_valid.Parts[0], new("", ["x"])] },
        "a tag is null" => s_valid with { Parts = [new("x", ["y", null!])] },
        "no numbers" => s_valid with { Numbers = null! },
        "amount" => s_valid with { Amount = 4.99m },
        _ => throw new ArgumentOutOfRangeException(nameof(how)),
    }));

    [Theory]
    [InlineData("abc", null)]
    [InlineData("abcd", "code does not match the pattern ^[a-z]{3}$")]
    public void A_pattern_with_a_final_dollar_matches_up_to_the_end(string code, string? violation)
    {
        Assert.Equal(violation, EventConstraints.FindViolation(s_valid with { Code = code }));
        Assert.Null(EventConstraints.FindViolation(s_valid with { Digit = "1\n" })); // and for a part of it where it does not
    }
}
