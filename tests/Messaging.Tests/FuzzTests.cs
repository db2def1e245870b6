using System.Globalization;
using Microsoft.EntityFrameworkCore;
using RabbitMQ.Client;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>
/// M6a over generated messages: each is settled exactly once, handled or dead-lettered; valid messages among them are
/// handled. <c>./shop fuzz</c> sends any number, with another seed each time; memory must not grow then.
/// </summary>
public sealed class FuzzTests : HostileTest
{
    private static readonly int s_messages = Setting("SHOP_FUZZ_MESSAGES", 20_000);
    private static readonly int s_round = Math.Clamp(s_messages / 50, 2_500, 20_000);

    // Beside other tests the memory is theirs too.
    private static readonly bool s_isAlone = Environment.GetEnvironmentVariable("SHOP_FUZZ_MESSAGES") is not null;
    private static readonly int s_seed = Setting("SHOP_FUZZ_SEED", 17);

    [Fact]
    public async Task Each_malformed_message_is_settled_once_and_no_other_is_affected()
    {
        // Some fail whenever they are read, so that copies of spoilt messages go through the retry queues too.
        var service = await BothAsync(fails: sku => sku == "failing" ? new InvalidOperationException("this one fails") : null, settings: new() { ["Messaging:RetryDelays:0"] = "00:00:00.010", ["Messaging:RetryDelays:1"] = "00:00:00.010" });
        var mutator = new Mutator(s_seed);
        long handled = 0, dead = 0, grownFrom = 0;
        for (var sent = 0; sent < s_messages; sent += s_round)
        {
            var innocents = await SendRoundAsync(mutator);
            await SettledAsync();

            var deadNow = await PurgeDeadAsync();
            var handledNow = await Database.ScalarAsync<long>("SELECT count(*) FROM inbox");
            Assert.True(handledNow + deadNow == s_round, $"seed {s_seed}, after {sent + s_round}: {s_round} sent, {handledNow} handled, {deadNow} dead letters");
            Assert.Equal(innocents, await service.CountEffectsAsync("innocent"));
            (handled, dead) = (handled + handledNow, dead + deadNow);
            await ReportAsync($"seed {s_seed}: {handled + dead} messages, {handled} handled, {dead} dead-lettered, none lost");
            await Database.ExecuteAsync("TRUNCATE inbox; TRUNCATE effects; TRUNCATE outbox");

            var memory = GC.GetTotalMemory(forceFullCollection: true);
            grownFrom = sent == s_round ? memory : grownFrom; // the second round: by then all is loaded
            Assert.True(!s_isAlone || sent <= s_round || memory - grownFrom < 64 << 20, $"memory grew from {grownFrom >> 20} to {memory >> 20} MiB");
        }

        Assert.True(dead > s_messages / 5 && handled > s_messages / 5, $"{handled} handled and {dead} dead letters: one of them is hardly tried");
    }

    private async Task<int> SendRoundAsync(Mutator mutator)
    {
        List<Task> publishing = [];
        var innocents = 0;
        for (var n = 0; n < s_round; n++)
        {
            var kind = n % 2 == 0 ? ConsumerKind.OneByOne : ConsumerKind.Batch;
            if (n % 5 == 0)
            {
                innocents++;
                publishing.Add(SendAsync(kind, Bytes(Envelope("innocent"))));
            }
            else
            {
                var (body, properties) = mutator.Spoil(Envelope(n % 50 is 1 or 2 ? "failing" : "spoilt"));
                publishing.Add(SendAsync(kind, body, properties));
            }

            if (publishing.Count == 200)
            {
                await Task.WhenAll(publishing);
                publishing.Clear();
            }
        }

        await Task.WhenAll(publishing);
        return innocents;
    }

    private async Task SettledAsync()
    {
        string[] queues = [QueueOf(ConsumerKind.OneByOne), QueueOf(ConsumerKind.Batch), "ordering.retry-1", "ordering.retry-2"];
        await Eventually.HoldsAsync("all is settled", async () => (await Broker.QueuesAsync())
            .Where(queue => queues.Contains(queue.Name)).All(queue => queue is { Ready: 0, Unacknowledged: 0 })
            && await CountAsync() == s_round);

        async Task<long> CountAsync() => await Database.ScalarAsync<long>("SELECT count(*) FROM inbox")
            + await Broker.CountReadyAsync(DeadOf(ConsumerKind.OneByOne)) + await Broker.CountReadyAsync(DeadOf(ConsumerKind.Batch));
    }

    private async Task<long> PurgeDeadAsync()
    {
        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        return await channel.QueuePurgeAsync(DeadOf(ConsumerKind.OneByOne)) + await channel.QueuePurgeAsync(DeadOf(ConsumerKind.Batch));
    }

    private static async Task ReportAsync(string line)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (Environment.GetEnvironmentVariable("SHOP_FUZZ_REPORT") is { } file)
        {
            await File.AppendAllLinesAsync(file, [line]);
        }
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
