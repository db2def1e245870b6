using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Shop.Cli;

/// <summary>Numbers, as options are given them.</summary>
internal static class Numbers
{
    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public static Action<OptionResult> Between<T>(Option<T> option, T least, T most)
        where T : INumber<T> => result =>
    {
        if (result is { Implicit: false, Tokens: [var token] }
            && !(T.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most))
        {
            result.AddError($"{option.Name} must be a number from {least} to {most}, not '{token.Value}'.");
        }
    };
}
