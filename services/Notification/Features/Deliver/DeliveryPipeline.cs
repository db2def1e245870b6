using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// One delivery attempt: a few quick retries with exponential backoff and jitter, each through a circuit breaker per
/// provider, each with a timeout, and a timeout for all. A permanent failure is neither retried nor counted by
/// the circuit breaker.
/// </summary>
internal static class DeliveryPipeline
{
    /// <param name="builder">The pipeline of one provider, which shares a circuit breaker.</param>
    /// <param name="settings">Timeouts and counts.</param>
    /// <param name="timeout">The timeout of one call.</param>
    /// <param name="errorOf">Why a call failed; null for one that did not.</param>
    public static ResiliencePipelineBuilder<T> AddDelivery<T>(
        this ResiliencePipelineBuilder<T> builder, DeliverySettings settings, TimeSpan timeout, Func<Outcome<T>, DeliveryError?> errorOf) => builder
        .AddTimeout(settings.TotalTimeout)
        .AddRetry(new RetryStrategyOptions<T>
        {
            ShouldHandle = args => Failed(args.Outcome, errorOf, error => error.CanRetryImmediately),
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
