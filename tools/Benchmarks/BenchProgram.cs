using System.Globalization;
using System.Runtime.InteropServices;
using Shop.Benchmarks.Reports;
using Spectre.Console;

namespace Shop.Benchmarks;

/// <summary>A program that measures some scenarios: the shop's own, or those beside its peers.</summary>
/// <param name="catalog">In the order in which they run and are shown.</param>
/// <param name="pictureOption">The option that names a file for people, such as <c>--chart</c>.</param>
/// <param name="picture">Writes that file.</param>
/// <param name="libraries">Assemblies that only this program measures, by name.</param>
internal sealed class BenchProgram(
    IReadOnlyList<Scenario> catalog, string pictureOption, Action<string, Measurements> picture, params IReadOnlyList<string> libraries)
{
    public async Task<int> RunAsync(string[] args)
    {
        Options options;
        try
        {
            options = Parse([.. args]);
        }
        catch (ArgumentException wrong)
        {
            await Console.Error.WriteLineAsync($"{wrong.Message} See: ./shop bench --help");
            return 2;
        }

        if (options.Drawn is { } found)
        {
            picture(options.Picture!, found);
            return 0;
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
            await Run.AllAsync(options.Chosen, libraries, options.Quick, options.Events, found => Save(found, options), stopping.Token);
            return 0;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            AnsiConsole.MarkupLine("[yellow]Stopped.[/]");
            return 130;
        }
    }

    /// <exception cref="ArgumentException">The arguments are wrong.</exception>
    private Options Parse(List<string> words)
    {
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

        var (json, file, quick, events) = (Option("--json"), Option(pictureOption), words.Remove("--quick"), 10_000_000);
        if (Option("--events") is { } count && !(int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out events) && events >= 100_000))
        {
            throw new ArgumentException($"--events needs a number from 100000, and not '{count}'.");
        }

        if (words.Remove("--draw"))
        {
            var drawn = JsonReport.Read(json ?? throw new ArgumentException("--draw needs --json FILE."))
                ?? throw new ArgumentException($"There is no file {json}.");
            return new Options([], quick, events, json, file ?? throw new ArgumentException($"--draw needs {pictureOption} FILE."), drawn);
        }

        var unknown = words.FirstOrDefault(word => catalog.All(scenario => scenario.Name != word));
        return unknown is null
            ? new Options([.. catalog.Where(scenario => words.Count == 0 ? scenario.InQuick || !quick : words.Contains(scenario.Name))],
                quick, events, json, file, Drawn: null)
            : throw new ArgumentException($"There is no scenario '{unknown}'.");
    }

    private void Save(Measurements found, Options options)
    {
        if (options.Json is { } json)
        {
            found = JsonReport.Merge(JsonReport.Read(json), found, [.. catalog.Select(scenario => scenario.Name)]);
            JsonReport.Write(json, found);
        }

        if (options.Picture is { } file)
        {
            picture(file, found);
        }
    }

    private sealed record Options(
        IReadOnlyList<Scenario> Chosen, bool Quick, int Events, string? Json, string? Picture, Measurements? Drawn);
}
