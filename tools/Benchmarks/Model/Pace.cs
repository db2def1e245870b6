using System.Diagnostics;

namespace Shop.Benchmarks.Model;

/// <summary>Starts work at its times, whatever became of the work before, so that a queue shows.</summary>
internal static class Pace
{
    /// <summary>Returns how many were started, when the last of them is through.</summary>
    /// <param name="rate">Per second.</param>
    public static async Task<int> KeepAsync(int rate, TimeSpan time, Func<Task> start, CancellationToken ct)
    {
        var count = (int)(rate * time.TotalSeconds);
        var begun = Stopwatch.GetTimestamp();
        List<Task> started = [];
        for (var number = 0; number < count; number++)
        {
            var due = TimeSpan.FromSeconds((double)number / rate) - Stopwatch.GetElapsedTime(begun);
            if (due > TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(due, ct);
            }

            started.Add(start());
        }

        await Task.WhenAll(started);
        return count;
    }
}
