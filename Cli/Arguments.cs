using System.Globalization;
using System.Numerics;

namespace Shop.Cli;

/// <summary>The words after a command, taken one by one; what is left at the end was not understood.</summary>
internal sealed class Arguments(IEnumerable<string> words)
{
    private readonly List<string> _words = [.. words];

    /// <summary>Takes a switch such as <c>--staff</c>; whether it was there.</summary>
    public bool Flag(string name) => _words.Remove(name);

    /// <summary>Takes an option with a number such as <c>--hours 8</c> or <c>--hours=8</c>.</summary>
    /// <exception cref="UsageException">The value is missing, not a number, or out of range.</exception>
    public T Number<T>(string name, T otherwise, T least, T most)
        where T : INumber<T>
    {
        var value = Option(name);
        if (value is null)
        {
            return otherwise;
        }

        return T.TryParse(value, NumberStyles.Number, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException($"{name} takes a number from {least} to {most}, not '{value}'.");
    }

    /// <summary>Takes an option with a value; null when it is not there.</summary>
    public string? Option(string name)
    {
        var at = _words.FindIndex(w => w == name || w.StartsWith(name + "=", StringComparison.Ordinal));
        if (at < 0)
        {
            return null;
        }

        var word = _words[at];
        _words.RemoveAt(at);
        if (word != name)
        {
            return word[(name.Length + 1)..];
        }

        if (at >= _words.Count)
        {
            throw new UsageException($"{name} needs a value.");
        }

        var value = _words[at];
        _words.RemoveAt(at);
        return value;
    }

    /// <summary>Takes the next word that is not an option.</summary>
    public string Required(string what) => Optional() ?? throw new UsageException($"{what} is missing.");

    /// <summary>Takes the next word that is not an option; null where there is none.</summary>
    public string? Optional()
    {
        var at = _words.FindIndex(w => !w.StartsWith('-'));
        if (at < 0)
        {
            return null;
        }

        var value = _words[at];
        _words.RemoveAt(at);
        return value;
    }

    /// <summary>Call when everything was taken.</summary>
    /// <exception cref="UsageException">Something is left.</exception>
    public void End()
    {
        if (_words.Count > 0)
        {
            throw new UsageException($"Not understood: {string.Join(' ', _words)}");
        }
    }
}
