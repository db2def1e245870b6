using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// One attempt to deliver: a few quick retries with exponential backoff and jitter, each through a circuit breaker that leaves a
/// mail server in trouble alone, each with a timeout. A refusal for good is neither retried nor held against the server.
/// </summary>
internal sealed class DeliveryPipeline(IOptions<DeliverySettings> options, TimeProvider clock)
{
    private readonly ResiliencePipeline _pipeline = Build(options.Value, clock);

    public ValueTask ExecuteAsync(Func<CancellationToken, ValueTask> deliver, CancellationToken ct) => _pipeline.ExecuteAsync(deliver, ct);

    private static ResiliencePipeline Build(DeliverySettings settings, TimeProvider clock)
    {
        var passing = new PredicateBuilder().Handle<Exception>(e =>
            e is not (OperationCanceledException or BrokenCircuitException) && !DeliveryError.Of(e).Permanent);
        return new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddTimeout(settings.AttemptTimeout)
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = passing,
                MaxRetryAttempts = settings.QuickRetries,
                BackoffType = DelayBackoffType.Exponential,
                Delay = settings.QuickRetryDelay,
                UseJitter = true,
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                ShouldHandle = passing,
                FailureRatio = 0.5,
                MinimumThroughput = settings.BreakerThroughput,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = settings.BreakDuration,
            })
            .AddTimeout(new TimeoutStrategyOptions { Timeout = settings.Timeout })
            .Build();
    }
}
