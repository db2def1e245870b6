using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Messaging.Relay;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M5 and M10: claims neither skip a row nor scan removed ones.</summary>
public sealed class ClaimTests : MessagingTest
{
    [Fact]
    public async Task A_row_that_is_committed_after_higher_ones_were_claimed_is_not_skipped()
    {
        var service = await ServiceAsync(relay: false);
        await using var session = await OpenAsync(service);
        await using var late = new NpgsqlConnection(Database.ConnectionString);
        await late.OpenAsync();
        var lateTransaction = await late.BeginTransactionAsync();
        await InsertAsync(late, "late");
        await InsertAsync(null, "early");

        Assert.Equal(["early"], await ClaimAsync(session));
        await Eventually.HoldsAsync("the relay has looked for writers often enough to have settled", async () =>
        {
            await InsertManyAsync(1_000); // after so many it looks sooner
            await ClaimAsync(session, 5_000);
            return await Database.ScalarAsync<long>("SELECT nextval('outbox_seq_seq')") > 12_000;
        });
        Assert.True(session.Floor <= 1, $"the floor rose to {session.Floor} over a row that was still to come");
        await lateTransaction.CommitAsync();

        Assert.Equal(["late"], await ClaimAsync(session));
    }

    [Fact]
    public async Task The_floor_rises_while_a_long_running_reader_holds_back_vacuum()
    {
        var service = await ServiceAsync(relay: false);
        await using var session = await OpenAsync(service);
        await using var reader = new NpgsqlConnection(Database.ConnectionString);
        await reader.OpenAsync();
        await using var snapshot = await reader.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await new NpgsqlCommand("SELECT count(*) FROM outbox", reader).ExecuteScalarAsync();
        await InsertManyAsync(2_000);

        Assert.Equal(2000, (await ClaimAsync(session, 5000)).Count);
        await Eventually.HoldsAsync("the floor is above them", async () =>
        {
            await ClaimAsync(session);
            return session.Floor == 2001;
        });
        await InsertAsync(null, "next");
        Assert.Equal(["next"], await ClaimAsync(session));
    }

    [Fact]
    public async Task A_newly_locked_partition_may_have_rows_below_the_floor()
    {
        var service = await ServiceAsync(relay: false);
        await using var session = await OpenAsync(service);
        await session.UnlockAsync(3, CancellationToken.None);
        await InsertAsync(null, "theirs", partition: 3);
        await InsertAsync(null, "ours");
        Assert.Equal(["ours"], await ClaimAsync(session));
        await Eventually.HoldsAsync("the floor is above the other's", async () =>
        {
            await ClaimAsync(session);
            return session.Floor > 1;
        });

        await session.LockAsync(1, CancellationToken.None);

        Assert.Equal(["theirs"], await ClaimAsync(session));
    }

    private Task<int> InsertManyAsync(int count) => Database.ExecuteAsync(
        "INSERT INTO outbox (event_id, stream, partition, type, headers, body) SELECT gen_random_uuid(), 's', 1, 't', '{}', '' "
        + $"FROM generate_series(1, {count})");

    private static async Task<RelaySession> OpenAsync(TestService service)
    {
        var settings = service.Services.GetRequiredService<MessagingSettings>();
        var session = await RelaySession.OpenAsync(settings.Database, settings.Service, settings.RelayLease, CancellationToken.None);
        await session.RebalanceAsync(CancellationToken.None);
        return session;
    }

    private static async Task<IReadOnlyList<string>> ClaimAsync(RelaySession session, int size = 100)
    {
        await using var transaction = await session.BeginAsync(CancellationToken.None);
        var rows = await session.ClaimAsync(size, CancellationToken.None);
        await transaction.CommitAsync();
        return [.. rows.Select(row => row.Stream)];
    }

    private async Task InsertAsync(NpgsqlConnection? within, string stream, short partition = 1)
    {
        var sql = "INSERT INTO outbox (event_id, stream, partition, type, headers, body) VALUES "
            + $"(gen_random_uuid(), '{stream}', {partition}, 't', '{{}}', '')";
        if (within is null)
        {
            await Database.ExecuteAsync(sql);
            return;
        }

        await using var command = new NpgsqlCommand(sql, within);
        await command.ExecuteNonQueryAsync();
    }
}
