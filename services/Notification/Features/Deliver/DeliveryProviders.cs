using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// The mail server and each webhook's host, as this instance knows them: each has a circuit of its own and only so many
/// conversations at once, so that one in trouble costs the others nothing.
/// </summary>
internal sealed class DeliveryProviders(IOptions<DeliverySettings> options, TimeProvider clock)
{
    private const int MaxKnown = 10_000;

    private readonly ConcurrentDictionary<string, DeliveryProvider> _known = new(StringComparer.Ordinal);

    public DeliveryProvider Of(INotificationSender sender, Contact contact)
    {
        if (_known.Count >= MaxKnown)
        {
            _known.Clear(); // circuits are worth little: whoever is in trouble is found out again
        }

        return _known.GetOrAdd($"{sender.Channel} {sender.ProviderOf(contact)}", _ => new DeliveryProvider(sender, options.Value, clock));
    }
}

/// <summary>
/// One attempt to deliver: a few quick retries with exponential backoff and jitter, each through a circuit breaker that leaves a
/// provider in trouble alone, each with a timeout, all with one together. A refusal for good is neither retried nor held against
/// the provider.
/// </summary>
internal sealed class DeliveryProvider(INotificationSender sender, DeliverySettings settings, TimeProvider clock)
{
    private readonly ResiliencePipeline _pipeline = Build(sender.Timeout, settings, clock);
    private int _underWay;

    /// <summary>Whether there was room for one more conversation; if so, <see cref="Leave"/> must follow.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _underWay) <= sender.AtOnce)
        {
            return true;
        }

        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _underWay);

    public ValueTask ExecuteAsync(Func<CancellationToken, ValueTask> deliver, CancellationToken ct) => _pipeline.ExecuteAsync(deliver, ct);

    private static ResiliencePipeline Build(TimeSpan timeout, DeliverySettings settings, TimeProvider clock) =>
        new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddTimeout(settings.TotalTimeout)
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = Failures(error => error.WorthTryingAtOnce),
                MaxRetryAttempts = settings.QuickRetries,
                BackoffType = DelayBackoffType.Exponential,
                Delay = settings.QuickRetryDelay,
                UseJitter = true,
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                ShouldHandle = Failures(error => !error.Permanent),
                FailureRatio = 0.5,
                MinimumThroughput = settings.BreakerThroughput,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = settings.BreakDuration,
            })
            .AddTimeout(new TimeoutStrategyOptions { Timeout = timeout })
            .Build();

    private static PredicateBuilder<object> Failures(Func<DeliveryError, bool> which) => new PredicateBuilder().Handle<Exception>(e =>
        e is not (OperationCanceledException or BrokenCircuitException) && which(DeliveryError.Of(e)));
}
