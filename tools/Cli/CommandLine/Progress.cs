using System.Diagnostics;
using System.Globalization;

namespace Shop.Cli;

/// <summary>Shows the progress of a long step, its duration and its result; on a terminal in one line that counts the seconds.</summary>
internal static class Progress
{
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    /// <param name="what">Such as "Building".</param>
    /// <param name="expectation">How long it takes, and where its log is.</param>
    public static async Task<T> ShowAsync<T>(string what, string expectation, Func<Task<T>> workAsync)
    {
        var watch = Stopwatch.StartNew();
        var line = $"{what} ({expectation}) ...";
        await Console.Error.WriteAsync(Terminal.IsErrorInteractive ? line : line + Environment.NewLine);
        var work = workAsync();
        try
        {
            while (await Task.WhenAny(work, Task.Delay(s_tick)) != work)
            {
                if (Terminal.IsErrorInteractive)
                {
                    await Console.Error.WriteAsync($"\r{line} {Seconds(watch)}");
                }
            }

            return await work;
        }
        finally
        {
            var end = work.IsCompletedSuccessfully ? $"{what}: {Seconds(watch)}." : $"{what}: failed after {Seconds(watch)}.";
            await Console.Error.WriteLineAsync(Terminal.IsErrorInteractive ? "\r" + end.PadRight(line.Length + 8) : end);
        }
    }

    private static string Seconds(Stopwatch watch) => string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalSeconds:0} s");
}
