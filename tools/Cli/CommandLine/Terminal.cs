using System.Globalization;
using Spectre.Console;

namespace Shop.Cli;

/// <summary>How this program writes: results to the output, everything else to the error output; colours and moving lines only for people.</summary>
internal static class Terminal
{
    /// <summary>Whether a person watches the output. NO_COLOR and TERM=dumb say no.</summary>
    public static bool IsWatched { get; } = !Console.IsOutputRedirected && IsCapable();

    /// <summary>Whether a person watches the error output, where progress is shown.</summary>
    public static bool IsErrorWatched { get; } = !Console.IsErrorRedirected && IsCapable();

    /// <summary>Without a terminal no control code is written, whatever the environment says of colours.</summary>
    public static void Configure()
    {
        if (!IsWatched)
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

    /// <summary>What is going on, for a person who waits. Not part of a command's result.</summary>
    public static void Note(string message) => Console.Error.WriteLine(message);

    /// <summary>One line from elsewhere, without what a terminal would obey: control and direction characters as \uXXXX.</summary>
    public static string Safe(string text) => string.Concat(text.Select(character => char.GetUnicodeCategory(character)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}")
            : $"{character}"));

    private static bool IsCapable() =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
}
