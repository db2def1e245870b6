using System.Diagnostics;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Stores that notifications were delivered. Those that are while one statement is under way share the next one: when there are
/// many, few statements are needed; one alone never waits.
/// </summary>
internal sealed class DeliveredTogether(IServiceScopeFactory scopes)
{
    private readonly Lock _lock = new();
    private List<Outcome> _next = [];
    private bool _storing;

    /// <summary>Whether the claim still held.</summary>
    public Task<bool> DeliveredAsync(Notification claimed)
    {
        var outcome = new Outcome(claimed, new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            _next.Add(outcome);
            if (!_storing)
            {
                _storing = true;
                _ = StoreAllAsync();
            }
        }

        return outcome.Held.Task;
    }

    private async Task StoreAllAsync()
    {
        Activity.Current = null; // it belongs to many, and not to the trace of whoever came first
        while (TakeNext() is { } outcomes)
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var held = await scope.ServiceProvider.GetRequiredService<DeliveryQueue>()
                    .DeliveredAsync([.. outcomes.Select(outcome => outcome.Claimed)]);
                outcomes.ForEach(outcome => outcome.Held.SetResult(held.Contains(outcome.Claimed.Id)));
            }
            catch (Exception e)
            {
                outcomes.ForEach(outcome => outcome.Held.SetException(e));
            }
        }
    }

    private List<Outcome>? TakeNext()
    {
        lock (_lock)
        {
            if (_next.Count == 0)
            {
                _storing = false;
                return null;
            }

            (var taken, _next) = (_next, []);
            return taken;
        }
    }

    private sealed record Outcome(Notification Claimed, TaskCompletionSource<bool> Held);
}
