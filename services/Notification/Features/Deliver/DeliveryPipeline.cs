using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// One attempt to deliver: a few quick retries with exponential backoff and jitter, each through a circuit breaker that leaves a
/// provider in trouble alone, each with a timeout, all with one together. A refusal for good is neither retried nor held against
/// the provider.
/// </summary>
internal static class DeliveryPipeline
{
    /// <param name="builder">The pipeline of one provider: what has the same pipeline fails and recovers together.</param>
    /// <param name="settings">Times and counts.</param>
    /// <param name="timeout">How long one conversation may take.</param>
    /// <param name="errorOf">Why a conversation failed; null for one that did not.</param>
    public static ResiliencePipelineBuilder<T> AddDelivery<T>(
        this ResiliencePipelineBuilder<T> builder, DeliverySettings settings, TimeSpan timeout, Func<Outcome<T>, DeliveryError?> errorOf) => builder
        .AddTimeout(settings.TotalTimeout)
        .AddRetry(new RetryStrategyOptions<T>
        {
            ShouldHandle = args => Failed(args.Outcome, errorOf, error => error.WorthTryingAtOnce),
            MaxRetryAttempts = settings.QuickRetries,
            BackoffType = DelayBackoffType.Exponential,
            Delay = settings.QuickRetryDelay,
            UseJitter = true,
        })
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions<T>
        {
            ShouldHandle = args => Failed(args.Outcome, errorOf, error => !error.Permanent),
            FailureRatio = 0.5,
            MinimumThroughput = settings.BreakerThroughput,
            SamplingDuration = TimeSpan.FromSeconds(30),
            BreakDuration = settings.BreakDuration,
        })
        .AddTimeout(new TimeoutStrategyOptions { Timeout = timeout });

    private static ValueTask<bool> Failed<T>(Outcome<T> outcome, Func<Outcome<T>, DeliveryError?> errorOf, Func<DeliveryError, bool> which) =>
        ValueTask.FromResult(outcome.Exception is not (OperationCanceledException or BrokenCircuitException) && errorOf(outcome) is { } error && which(error));
}
