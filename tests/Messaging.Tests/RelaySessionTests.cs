using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Messaging.Relay;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M3: the session of a polling relay, which alone makes it the owner of rows and partitions.</summary>
public sealed class RelaySessionTests : MessagingTest
{
    [Fact]
    public async Task A_relay_that_lost_its_session_cannot_undo_what_another_did()
    {
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.OpenAsync();
        await using var paused = await OpenSessionAsync(service);
        await paused.RebalanceAsync(CancellationToken.None);
        await using var transaction = await paused.BeginAsync(CancellationToken.None);
        var claimed = await paused.ClaimAsync(100, CancellationToken.None);
        Assert.Single(claimed);

        // The server ends a session that stays silent for longer than its lease.
        await TerminateAsync(paused.BackendId);
        await ServiceAsync(migrate: false);
        await probe.CountIsAsync(1);
        await OutboxIsEmptyAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => paused.PutBackAsync(claimed, CancellationToken.None));
        await Assert.ThrowsAnyAsync<Exception>(() => transaction.CommitAsync());
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
    }

    [Fact]
    public async Task An_idle_relay_loses_its_session_and_its_partitions()
    {
        var service = await ServiceAsync(relay: false);
        var settings = service.Services.GetRequiredService<MessagingSettings>();
        await using var silent = await Eventually.IsAsync("it has all partitions before it falls silent", ClaimAsync, _ => true);

        await using var other = await OpenSessionAsync(service);
        await Eventually.HoldsAsync("the other relay has every partition", async () =>
        {
            await other.RebalanceAsync(CancellationToken.None);
            return other.HoldsAll;
        });

        // On a slow machine the server may end the session before the claim: then open another one.
        async Task<RelaySession> ClaimAsync()
        {
            var session = await RelaySession.OpenAsync(settings.Database, "silent", TimeSpan.FromMilliseconds(300), CancellationToken.None);
            try
            {
                await session.RebalanceAsync(CancellationToken.None);
                Assert.True(session.HoldsAll);
                await session.BeginAsync(CancellationToken.None);
                await session.ClaimAsync(1, CancellationToken.None);
                return session;
            }
            catch
            {
                await session.DisposeAsync();
                throw;
            }
        }
    }

    private static Task<RelaySession> OpenSessionAsync(TestService service)
    {
        var settings = service.Services.GetRequiredService<MessagingSettings>();
        return RelaySession.OpenAsync(settings.Database, settings.Service, settings.RelayLease, CancellationToken.None);
    }

    private async Task TerminateAsync(int backendId)
    {
        await using var connection = new NpgsqlConnection(Database.AdminConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT pg_terminate_backend({backendId})", connection);
        Assert.True((bool)(await command.ExecuteScalarAsync())!);
    }
}
