using System.Globalization;
using System.Runtime.InteropServices;
using Shop.Benchmarks;
using Shop.Benchmarks.Reports;
using Shop.Benchmarks.Servers;
using Spectre.Console;

// ./shop bench has the help, and passes these arguments.
List<string> words = [.. args];
string? Option(string name)
{
    var at = words.IndexOf(name);
    if (at < 0)
    {
        return null;
    }

    var value = at + 1 < words.Count ? words[at + 1] : throw new ArgumentException($"{name} needs a value.");
    words.RemoveRange(at, 2);
    return value;
}

string? json, chart;
bool quick;
var events = 10_000_000;
Scenario[] chosen;
try
{
    (json, chart, quick) = (Option("--json"), Option("--chart"), words.Remove("--quick"));
    if (Option("--events") is { } count && !(int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out events) && events >= 100_000))
    {
        throw new ArgumentException($"--events needs a number from 100000, and not '{count}'.");
    }

    if (words.Remove("--draw"))
    {
        var found = JsonReport.Read(json ?? throw new ArgumentException("--draw needs --json FILE."))
            ?? throw new ArgumentException($"There is no file {json}.");
        ChartReport.Write(chart ?? throw new ArgumentException("--draw needs --chart FILE."), found);
        return 0;
    }

    var unknown = words.FirstOrDefault(word => Catalog.All.All(scenario => scenario.Name != word));
    chosen = unknown is null
        ? [.. Catalog.All.Where(scenario => words.Count == 0 ? scenario.InQuick || !quick : words.Contains(scenario.Name))]
        : throw new ArgumentException($"There is no scenario '{unknown}'.");
}
catch (ArgumentException wrong)
{
    await Console.Error.WriteLineAsync($"{wrong.Message} See: ./shop bench --help");
    return 2;
}

if (Console.IsOutputRedirected)
{
    AnsiConsole.Profile.Width = 160;
}

using var stopping = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true; // the servers are stopped first
    stopping.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
try
{
    await Run.AllAsync(chosen, quick, events, json, chart, stopping.Token);
    return 0;
}
catch (OperationCanceledException) when (stopping.IsCancellationRequested)
{
    AnsiConsole.MarkupLine("[yellow]Stopped.[/]");
    return 130;
}
