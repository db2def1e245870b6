using System.Diagnostics.Metrics;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.LogTailing;

/// <summary>The last known state of the slot, refreshed about once a second, for metrics and the health check.</summary>
internal sealed class LogStatus : ILogBacklog, IDisposable
{
    private readonly Meter _meter;
    private volatile LogState? _state;
    private volatile bool _leads;

    public LogStatus()
    {
        _meter = new Meter(new MeterOptions(MessagingTelemetry.Name) { Scope = this });
        _meter.CreateObservableGauge("shop.log.retained", () => Of(state => state.Retained), "By",
            "Log that the server keeps because of the slot.");
        _meter.CreateObservableGauge("shop.log.lag", () => Of(state => state.Lag), "By",
            "Log after the last confirmed position, of all databases of the cluster.");
        _meter.CreateObservableGauge("shop.log.active", () => Of(state => state.Active ? 1 : 0), "{reader}",
            "1 while some process reads the slot.");
        _meter.CreateObservableGauge("shop.log.leads", () => Of(_ => _leads ? 1 : 0), "{reader}", "1 while this process reads the slot.");
        _meter.CreateObservableGauge("shop.log.used", () => _state is { HasTrigger: true, IsReadable: true } ? 1 : 0, "{database}",
            "1 while events go into the log, 0 while they are stored as rows.");
        _meter.CreateObservableGauge("shop.log.lost", () => _state is { IsLost: true } ? 1 : 0, "{slot}",
            "1 when events in the log can no longer be read: a person has to act.");
    }

    /// <summary>Null until it was read for the first time.</summary>
    public LogState? State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>Whether this process reads the slot.</summary>
    public bool Leads
    {
        get => _leads;
        set => _leads = value;
    }

    long? ILogBacklog.Bytes => _state is { HasSlot: true } state ? state.Lag : null;

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Of(Func<LogState, long> value) => _state is { HasSlot: true } state
        ? [new Measurement<long>(value(state), new("slot", state.Slot), new("wal_status", state.WalStatus))]
        : [];
}
