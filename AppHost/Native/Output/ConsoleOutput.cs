namespace Shop.AppHost.Native.Output;

/// <summary>The console: each line under the name of the resource that wrote it, in that resource's colour.</summary>
internal sealed class ConsoleOutput(TextWriter writer, bool colour)
{
    private const string Reset = "\e[0m";
    private const string Dim = "\e[2m";
    private const string Bold = "\e[1m";
    private const string Red = "\e[31m";
    private const string OwnName = "shop";

    private static readonly string[] s_palette = ["\e[36m", "\e[33m", "\e[35m", "\e[32m", "\e[34m", "\e[96m", "\e[93m", "\e[95m"];

    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _colours = [];
    private int _width = OwnName.Length;

    /// <summary>The process's own console; plain when it is not a terminal, or when NO_COLOR is set.</summary>
    public static ConsoleOutput OfProcess() => new(
        Console.Out, !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")));

    /// <summary>Makes room for these names, and gives each its colour. A service's migration shares the service's.</summary>
    public void Introduce(IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            _width = Math.Max(_width, name.Length);
            var family = Family(name);
            _colours.TryAdd(family, s_palette[_colours.Count % s_palette.Length]);
        }
    }

    /// <summary>A line that a resource wrote.</summary>
    public void Line(string resource, string text) => Write(resource, _colours.GetValueOrDefault(Family(resource), ""), text, "");

    /// <summary>Something that the shop itself has to say.</summary>
    public void Notice(string text) => Write(OwnName, Bold, text, Bold);

    /// <summary>Something that the shop itself does and that only matters when it goes wrong.</summary>
    public void Detail(string text) => Write(OwnName, Dim, text, Dim);

    public void Problem(string text) => Write(OwnName, Red, text, Red);

    /// <summary>Text as it is, without a name before it.</summary>
    public void Block(string text)
    {
        lock (_gate)
        {
            writer.WriteLine(text);
            writer.Flush();
        }
    }

    private static string Family(string name) => name.Split('-')[0];

    private void Write(string name, string nameColour, string text, string textColour)
    {
        var padded = name.PadRight(_width);
        lock (_gate)
        {
            foreach (var line in text.Split('\n'))
            {
                writer.WriteLine(colour ? $"{nameColour}{padded}{Reset} {textColour}{line}{Reset}" : $"{padded} {line}");
            }

            writer.Flush();
        }
    }
}
