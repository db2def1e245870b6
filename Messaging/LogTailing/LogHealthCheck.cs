using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Shop.Messaging.LogTailing;

/// <summary>Reports the state of the slot and what to do. Does not query the database: the relay reads the state about once a second.</summary>
internal sealed class LogHealthCheck(MessagingSettings settings, LogStatus status) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check(context.Registration.FailureStatus));

    private HealthCheckResult Check(HealthStatus failure) => status.State switch
    {
        null => HealthCheckResult.Healthy("Not read yet."),
        { IsLost: true } lost => Result(failure, lost, lost.LostMessage),
        { HasSlot: false } none => settings.Relay == RelayKind.Polling
            ? HealthCheckResult.Healthy("Polling.")
            : Result(HealthStatus.Degraded, none, "Polling, although Messaging:Relay is LogTailing: "
                + (none.UnmetRequirement ?? "the service's migrate command has not set it up") + "."),
        { MayReplicate: false } state => Result(failure, state, $"Events wait in the log: {state.UnmetRequirement}."),
        { WalStatus: "unreserved" } state => Result(failure, state, $"The server is about to remove log that slot {state.Slot} needs. Events "
            + "are moved into the table before that, if they can. Raise max_slot_wal_keep_size now, and see why they are not sent."),
        { Active: false } state => Result(HealthStatus.Degraded, state, $"Nobody reads slot {state.Slot}; {Amount(state.Lag)} wait."),
        { } state when state.Lag > state.Ceiling(settings.MaxRetainedLog) => Result(HealthStatus.Degraded, state,
            $"{Amount(state.Lag)} of log wait, more than {Amount(state.Ceiling(settings.MaxRetainedLog))} (Messaging:MaxRetainedLog, at most half of "
            + "max_slot_wal_keep_size): events are moved into the table until the broker accepts them."),
        { } state when state.Retained > settings.MaxRetainedLog => Result(HealthStatus.Degraded, state,
            $"The server keeps {Amount(state.Retained)} of log, although all but {Amount(state.Lag)} is confirmed: a transaction is open for "
            + "long (pg_stat_activity)."),
        { ServerCeiling: >= 0 } state when state.ServerCeiling < 2 * settings.MaxRetainedLog => Result(HealthStatus.Degraded, state,
            $"max_slot_wal_keep_size is {Amount(state.ServerCeiling)}: beyond it the server removes events, so they are moved into the table beyond "
            + $"half of it. Set it to -1, or to at least twice Messaging:MaxRetainedLog, which is {Amount(settings.MaxRetainedLog)}."),
        { } state => Result(HealthStatus.Healthy, state, $"Slot {state.Slot}: {Amount(state.Lag)} to confirm, {Amount(state.Retained)} kept."),
    };

    private HealthCheckResult Result(HealthStatus health, LogState state, string description) => new(health, description, null,
        new Dictionary<string, object>
        {
            ["slot"] = state.Slot,
            ["walStatus"] = state.WalStatus ?? "none",
            ["active"] = state.Active,
            ["leads"] = status.Leads,
            ["confirmed"] = state.Confirmed,
            ["lagBytes"] = state.Lag,
            ["retainedBytes"] = state.Retained,
            ["ceilingBytes"] = state.Ceiling(settings.MaxRetainedLog),
            ["serverCeilingBytes"] = state.ServerCeiling,
        });

    private static string Amount(long bytes) => bytes < 1 << 20
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MB");
}
