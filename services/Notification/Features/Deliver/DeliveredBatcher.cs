using System.Diagnostics;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Stores delivered notifications in batches: those delivered while a statement runs share the next one. Under load
/// few statements are needed; a single one never waits.
/// </summary>
internal sealed class DeliveredBatcher(IServiceScopeFactory scopes)
{
    private readonly Lock _lock = new();
    private List<Outcome> _next = [];
    private bool _storing;

    /// <summary>Whether the claim still held.</summary>
    public Task<bool> MarkDeliveredAsync(Notification claimed)
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
        Activity.Current = null; // the statement belongs to several traces
        while (TakeNext() is { } outcomes)
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var held = await scope.ServiceProvider.GetRequiredService<DeliveryQueue>()
                    .MarkDeliveredAsync([.. outcomes.Select(outcome => outcome.Claimed)]);
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

            (var batch, _next) = (_next, []);
            return batch;
        }
    }

    private sealed record Outcome(Notification Claimed, TaskCompletionSource<bool> Held);
}
