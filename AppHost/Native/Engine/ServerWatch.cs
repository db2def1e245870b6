using Shop.AppHost.Native.State;
using Shop.AppHost.Native.Supervision;

namespace Shop.AppHost.Native.Engine;

/// <summary>
/// Starts a server again when its process is gone, for as long as it takes: the services wait for it, and so does their data.
/// </summary>
internal sealed class ServerWatch(string name, EngineContext context)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    /// <param name="process">The process that runs now.</param>
    /// <param name="start">Starts the server on its old port and data, and gives its new process.</param>
    public async Task RunAsync(ProcessIdentity process, Func<CancellationToken, Task<ProcessIdentity>> start, CancellationToken ct)
    {
        var backoff = new RestartBackoff();
        while (true)
        {
            var since = context.Clock.GetTimestamp();
            while (process.IsRunning())
            {
                await Task.Delay(s_interval, context.Clock, ct);
            }

            process = await RestartAsync(backoff, context.Clock.GetElapsedTime(since), start, ct);
            context.Console.Notice($"{name} runs again.");
        }
    }

    private async Task<ProcessIdentity> RestartAsync(
        RestartBackoff backoff, TimeSpan lasted, Func<CancellationToken, Task<ProcessIdentity>> start, CancellationToken ct)
    {
        var reason = "is gone";
        while (true)
        {
            var wait = backoff.Next(lasted);
            context.Console.Problem($"{name} {reason}; {backoff.Describe(wait)}");
            await Task.Delay(wait, context.Clock, ct);
            try
            {
                return await start(ct);
            }
#pragma warning disable CA1031 // Whatever kept it from starting may be over at the next attempt; the message says what it was.
            catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
            {
                reason = $"did not start ({e.Message})";
                lasted = TimeSpan.Zero;
            }
        }
    }
}
