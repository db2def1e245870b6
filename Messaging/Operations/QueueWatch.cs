using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.Operations;

/// <summary>Reports the queues as metrics: what waits, who consumes, what is dead.</summary>
internal sealed class QueueWatch : BackgroundService
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(15);

    private readonly IOperationsReport _report;
    private readonly TimeProvider _clock;
    private readonly Meter _meter = new(MessagingTelemetry.Name);
    private volatile OperationsView? _last;

    public QueueWatch(IOperationsReport report, TimeProvider clock)
    {
        (_report, _clock) = (report, clock);
        Gauge("shop.queue.ready", queue => queue.Ready, "{message}", "Messages that wait for a consumer.");
        Gauge("shop.queue.consumers", queue => queue.Consumers, "{consumer}", "Consumers of all instances.");
        Gauge("shop.queue.dead_letters", queue => queue.DeadLetters, "{message}", "Messages that could not be handled: a person decides.");
        _meter.CreateObservableGauge("shop.queue.retrying", Retrying, "{message}", "Messages of the service that wait for a delayed retry.");
    }

    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                _last = await _report.ReadAsync(stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(s_every, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Gauge(string name, Func<QueueState, long?> value, string unit, string description) => _meter.CreateObservableGauge(name,
        () => (_last?.Queues ?? []).Where(queue => value(queue) is not null)
            .Select(queue => new Measurement<long>(value(queue)!.Value, new KeyValuePair<string, object?>("queue", queue.Queue))), unit, description);

    private IEnumerable<Measurement<long>> Retrying() => _last is { Retrying: { } retrying } view
        ? [new Measurement<long>(retrying, new KeyValuePair<string, object?>("service", view.Service))]
        : [];
}
