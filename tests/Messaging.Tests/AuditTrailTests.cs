using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>Nothing is moved or discarded by a person without an entry, whenever the instance ends.</summary>
public sealed class AuditTrailTests : MessagingTest
{
    private const string Queue = "ordering.effect";

    [Fact]
    public async Task A_move_is_recorded_before_it_begins_and_its_outcome_after_it()
    {
        var service = await ServiceAsync(relay: false);
        var audit = service.Services.GetRequiredService<AuditTrail>();
        IReadOnlyList<AuditEntry> during = [];

        await audit.RecordAsync("ada", "retry dead letters", Queue, reason: null, async () =>
        {
            during = await audit.ReadAsync(10, CancellationToken.None);
            return new Moved(3, 0);
        }, CancellationToken.None);
        await Assert.ThrowsAsync<TimeoutException>(() => audit.RecordAsync(
            "eve", "discard dead letter", Queue, "a crash", () => throw new TimeoutException(), CancellationToken.None));

        Assert.Equal(["retry dead letters by ada:  (started, no outcome known)"], during.Select(Line));
        Assert.Equal(["discard dead letter by eve:  (started, no outcome known)", "retry dead letters by ada: 3 ()"],
            (await audit.ReadAsync(10, CancellationToken.None)).Select(Line));

        static string Line(AuditEntry entry) => $"{entry.Action} by {entry.By}: {entry.Count} ({entry.Detail})";
    }

    [Fact]
    public async Task What_changes_rows_and_its_entry_are_stored_together_or_not_at_all()
    {
        var service = await ServiceAsync(consumes: true, settings: new Dictionary<string, string?>
        {
            ["Messaging:FirstRetryDelay"] = "01:00:00",
            ["Messaging:MaxRetryDelay"] = "01:00:00",
        });
        var report = service.Services.GetRequiredService<IOutboxReport>();
        var jobs = service.Services.GetRequiredService<RedriveJobs>();
        await service.OpenAsync(); // no queue is bound for what it publishes
        var parked = (await Eventually.IsAsync("it is parked", () => report.ListParkedAsync(null, 10, CancellationToken.None), all => all is [{ Attempts: 1 }]))[0];
        await Database.ExecuteAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no entry'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON operations_audit FOR EACH ROW EXECUTE FUNCTION refuse();
            """);

        await RefusedAsync(() => report.RetryAsync(null, "ada", CancellationToken.None));
        await RefusedAsync(() => report.DiscardParkedAsync(parked.Seq, 0, "a test", "ada", CancellationToken.None));
        await RefusedAsync(() => jobs.StartAsync(new RedriveOrder("retry", Queue, null, 50, null, "ada"), CancellationToken.None));

        var still = Assert.Single(await report.ListParkedAsync(null, 10, CancellationToken.None));
        Assert.Equal((parked.Seq, parked.Attempts, parked.NextAttempt), (still.Seq, still.Attempts, still.NextAttempt));
        Assert.Empty(await jobs.ListAsync(CancellationToken.None));
        await Database.ExecuteAsync("DROP TRIGGER refuse ON operations_audit");
        await report.DiscardParkedAsync(parked.Seq, 0, "a test", "ada", CancellationToken.None);
        Assert.Equal("discard parked: a test", Assert.Single((await service.Services.GetRequiredService<AuditTrail>().ReadAsync(10, CancellationToken.None))
            .Select(entry => $"{entry.Action}: {entry.Reason}")));

        static async Task RefusedAsync(Func<Task> act) => Assert.Equal("no entry", (await Assert.ThrowsAsync<PostgresException>(act)).MessageText);
    }
}
