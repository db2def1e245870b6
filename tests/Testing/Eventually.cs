using System.Diagnostics;
using System.Globalization;

namespace Shop.Testing;

/// <summary>Waiting for something that happens in its own time: never for a fixed time.</summary>
public static class Eventually
{
    /// <summary>
    /// Bounds what hangs, and nothing else: a machine with twenty times as much to do as it can has time enough. SHOP_TEST_WAIT, in
    /// seconds, is for runs in which tests are expected to fail.
    /// </summary>
    private static readonly TimeSpan s_timeout =
        int.TryParse(Environment.GetEnvironmentVariable("SHOP_TEST_WAIT"), CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.FromMinutes(5);

    /// <summary>Returns as soon as <paramref name="condition"/> holds; fails if it does not within the time (5 min by default).</summary>
    /// <param name="what">What is to come true, for the message: "the order is confirmed".</param>
    /// <param name="condition">Asked every 20 ms, and every 200 where it takes long. An exception means "not yet", and is shown if that was the last answer.</param>
    /// <param name="within">How long to wait.</param>
    public static Task HoldsAsync(string what, Func<Task<bool>> condition, TimeSpan? within = null) =>
        IsAsync(what, condition, holds => holds, within);

    /// <inheritdoc cref="HoldsAsync(string, Func{Task{bool}}, TimeSpan?)" />
    public static Task HoldsAsync(string what, Func<bool> condition, TimeSpan? within = null) =>
        IsAsync(what, () => Task.FromResult(condition()), holds => holds, within);

    /// <summary>Reads a state until it is as wanted, and returns it; a failure shows the last state that was read.</summary>
    public static async Task<T> IsAsync<T>(string what, Func<Task<T>> read, Func<T, bool> isSo, TimeSpan? within = null)
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentNullException.ThrowIfNull(isSo);
        var limit = within ?? s_timeout;
        var waited = Stopwatch.StartNew();
        while (true)
        {
            string last;
            Exception? error = null;
            try
            {
                var state = await read();
                if (isSo(state))
                {
                    return state;
                }

                last = state is IEnumerable<string> rows ? $"[{string.Join(", ", rows)}]" : $"{state}";
            }
#pragma warning disable CA1031 // whatever the reading throws is the state that a failure has to show
            catch (Exception thrown)
#pragma warning restore CA1031
            {
                (last, error) = ($"{thrown.GetType().Name}: {thrown.Message}", thrown);
            }

            if (waited.Elapsed > limit)
            {
                throw new TimeoutException($"Did not come true within {limit.TotalSeconds:0.#} s: {what}. Last state: {last}", error);
            }

            await Task.Delay(Pause(waited.Elapsed));
        }
    }

    /// <summary>A twentieth of the wait: what makes it long is often a machine that has too much to do to answer more questions.</summary>
    private static TimeSpan Pause(TimeSpan waited) => TimeSpan.FromMilliseconds(Math.Clamp(waited.TotalMilliseconds / 20, 20, 200));
}
