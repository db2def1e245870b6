using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>A person sees a parked event, and may discard it if they accept what that does to its stream.</summary>
public sealed class ParkedEventsTests : MessagingTest
{
    private static readonly Dictionary<string, string?> s_longDelays = new()
    {
        ["Messaging:FirstRetryDelay"] = "01:00:00",
        ["Messaging:MaxRetryDelay"] = "01:00:00",
    };

    [Fact]
    public async Task A_parked_event_is_shown_with_its_content_and_the_personal_data_masked()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        var ticket = await OpenAndTouchAsync(service, touches: 1);
        var report = service.Services.GetRequiredService<IOutboxReport>();

        var parked = await ParkedAsync(report, 2);

        Assert.Equal([(TicketEvents.Opened, true, 1L, 1), (TicketEvents.Touched, false, 0L, 0)],
            parked.Select(one => (one.Type, one.IsHead, one.Behind, one.Attempts)));
        Assert.All(parked, one => Assert.Equal(ticket.Id.ToString(), one.Stream));
        Assert.Contains("\"customerId\": \"***\"", parked[0].Body, StringComparison.Ordinal);
        Assert.Equal(ticket.Id.ToString(), parked[0].Headers["aggregate-id"]);
        Assert.Empty(await report.ListParkedAsync("another stream", 10, CancellationToken.None));
        Assert.Single(await report.ListParkedAsync(ticket.Id.ToString(), 1, CancellationToken.None));
    }

    [Fact]
    public async Task Only_the_head_is_discarded_and_only_by_who_knows_what_is_behind_it()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        var ticket = await OpenAndTouchAsync(service, touches: 2);
        var report = service.Services.GetRequiredService<IOutboxReport>();
        var parked = await ParkedAsync(report, 3);

        var behind = await report.DiscardParkedAsync(parked[1].Seq, 1, "no", "ada", CancellationToken.None);
        Assert.Equal((false, true), (behind.Discarded, behind.Refusal!.Contains("only the first event", StringComparison.Ordinal)));
        foreach (var wrong in (long[])[0, 1, 3])
        {
            var refused = await report.DiscardParkedAsync(parked[0].Seq, wrong, "no", "ada", CancellationToken.None);
            Assert.Equal((false, true), (refused.Discarded, refused.Refusal!.Contains("behind = 2", StringComparison.Ordinal)));
        }

        Assert.Equal(new ParkedDiscard(false, null), await report.DiscardParkedAsync(4_711, 0, "no", "ada", CancellationToken.None));
        Assert.Equal(3, (await ParkedAsync(report, 3)).Count);

        var probe = await ProbeAsync(TicketEvents.Touched);
        Assert.Equal(new ParkedDiscard(true, null), await report.DiscardParkedAsync(parked[0].Seq, 2, "a test", "ada", CancellationToken.None));
        await probe.CountIsAsync(2); // what was behind it
        await OutboxIsEmptyAsync();
        Assert.Equal(new ParkedDiscard(false, null), await report.DiscardParkedAsync(parked[0].Seq, 2, "again", "ada", CancellationToken.None));
        Assert.Equal($"{TicketEvents.Opened} {ticket.Id} ada: a test", await Database.ScalarAsync<string>(
            "SELECT format('%s %s %s: %s', type, stream, discarded_by, reason) FROM outbox_discarded"));
        await using var scope = service.Services.CreateAsyncScope();
        var journey = await scope.ServiceProvider.GetRequiredService<IJourneyReport>().ReadAsync([], ticket.Id.ToString(), CancellationToken.None);
        Assert.Equal([(TicketEvents.Opened, null, "ada", "a test")], journey.Discarded.Select(one => (one.Type!, one.Queue, one.By, one.Reason)));
    }

    /// <summary>Otherwise one that consumers have received would be reported as discarded.</summary>
    [Fact]
    public async Task A_discard_waits_for_a_relay_that_publishes_the_event_and_finds_it_gone()
    {
        var service = await ServiceAsync(relay: false);
        await service.OpenAsync();
        var settings = service.Services.GetRequiredService<MessagingSettings>();
        await using var session = await Shop.Messaging.Relay.RelaySession.OpenAsync(settings.Database, settings.Service, settings.RelayLease, default);
        await Shop.Messaging.Relay.PartitionShares.RebalanceAsync(session, default);
        await using (var park = await session.BeginAsync(default))
        {
            await session.ParkAsync(await session.ClaimAsync(10, default), default);
            await park.CommitAsync();
        }

        await using var publishing = await session.BeginAsync(default);
        var due = Assert.Single(await session.DueAsync(10, default));
        var discarding = service.Services.GetRequiredService<IOutboxReport>().DiscardParkedAsync(due.Seq, 0, "a test", "ada", CancellationToken.None);
        await Eventually.HoldsAsync("the discard waits", async () => discarding.IsCompleted || await Database.ScalarAsync<bool>(
            $"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE {session.BackendId} = ANY (pg_blocking_pids(pid)))"));
        Assert.False(discarding.IsCompleted);
        await session.DeleteParkedAsync([due.Seq], default);
        await publishing.CommitAsync();

        Assert.Equal(new ParkedDiscard(false, null), await discarding);
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox_discarded"));
    }

    private static Task<IReadOnlyList<ParkedEvent>> ParkedAsync(IOutboxReport report, int count) => Eventually.IsAsync(
        $"{count} are parked", () => report.ListParkedAsync(null, 10, CancellationToken.None), parked => parked.Count == count && parked[0].Attempts == 1);

    private static async Task<Ticket> OpenAndTouchAsync(TestService service, int touches)
    {
        var ticket = await service.OpenAsync(); // no queue is bound for what it publishes
        for (var i = 0; i < touches; i++)
        {
            await service.WorkAsync(async db =>
            {
                (await db.Tickets.FindAsync(ticket.Id))!.Touch(TimeProvider.System.GetUtcNow());
                await db.SaveChangesAsync();
            });
        }

        return ticket;
    }
}
