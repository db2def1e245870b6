using System.Globalization;
using Spectre.Console;

namespace Shop.Cli;

/// <summary>Output of this program: results to stdout, everything else to stderr; colours and progress only on a terminal.</summary>
internal static class Terminal
{
    /// <summary>Whether stdout is a terminal, and neither NO_COLOR nor TERM=dumb is set.</summary>
    public static bool IsInteractive { get; } = !Console.IsOutputRedirected && IsCapable();

    /// <summary>Whether stderr, where progress is shown, is a terminal.</summary>
    public static bool IsErrorInteractive { get; } = !Console.IsErrorRedirected && IsCapable();

    /// <summary>Without a terminal no control codes are written, whatever the environment sets for colours.</summary>
    public static void Configure()
    {
        if (!IsInteractive)
        {
            AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.No,
                ColorSystem = ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
            });
            AnsiConsole.Profile.Width = 120;
        }
    }

    public static void Error(string message) => Console.Error.WriteLine($"shop: {message}");

    /// <summary>A note on progress, not part of a command's result.</summary>
    public static void Note(string message) => Console.Error.WriteLine(message);

    /// <summary>Untrusted text on one line: control and direction characters as \uXXXX.</summary>
    public static string Safe(string text) => string.Concat(text.Select(character => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}")
            : $"{character}"));

    private static bool IsCapable() =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
}
