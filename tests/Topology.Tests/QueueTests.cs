using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Definitions = Shop.Testing.Topology;

namespace Shop.Topology.Tests;

/// <summary>What the arguments of the committed queues are for: each is shown with the queue that lacks it.</summary>
public sealed class QueueTests(WholeTopology topology) : IClassFixture<WholeTopology>
{
    private TestVirtualHost Broker => topology.Broker;

    [Fact]
    public async Task Over_the_delivery_limit_a_message_is_dead_lettered_and_without_dead_letters_dropped()
    {
        var careless = await DeclareAsync("careless", without: "x-dead-letter-exchange", "x-dead-letter-strategy", "x-overflow");
        var careful = await DeclareAsync("careful");

        await KillAsync(careless, prefetch: 1, times: 3);
        await KillAsync(careful, prefetch: 1, times: 3);

        await CountBecomesAsync(careful + ".dead", 1);
        await CountBecomesAsync(careful, 0);
        await CountBecomesAsync(careless, 0);
        await CountBecomesAsync(careless + ".dead", 0);
    }

    [Fact]
    public async Task Requeueing_a_prefetch_counts_for_each_message_so_the_limit_is_far_above_the_consumers_retries()
    {
        var queue = await DeclareAsync("group", messages: 3);

        await KillAsync(queue, prefetch: 3, times: 3); // one of the three kills the process, the other two were only held

        await CountBecomesAsync(queue + ".dead", 3);
        Assert.All(Queues(), arguments => Assert.True(arguments.GetProperty("x-delivery-limit").GetInt32() >= 50));
    }

    [Fact]
    public async Task A_message_that_cannot_be_dead_lettered_stays_and_with_another_strategy_is_dropped()
    {
        var careless = await DeclareAsync("at-most-once", without: "x-dead-letter-strategy");
        var careful = await DeclareAsync("at-least-once");
        foreach (var queue in (string[])[careless, careful])
        {
            await Broker.UnbindAsync(queue + ".dead", queue + ".dead");
            await KillAsync(queue, prefetch: 1, times: 3);
        }

        await Eventually.HoldsAsync("the one is dropped, the other kept", async () =>
            await Broker.CountHeldAsync(careless) == 0 && await Broker.CountHeldAsync(careful) == 1);
        Assert.All(Queues(), arguments => Assert.Equal(
            ("at-least-once", "reject-publish"), (arguments.GetProperty("x-dead-letter-strategy").GetString(), arguments.GetProperty("x-overflow").GetString())));
    }

    [Fact]
    public async Task A_publish_without_a_bound_queue_is_returned_if_mandatory_and_otherwise_confirmed_and_dropped()
    {
        await Broker.DeclareExchangeAsync("ordering.bound-to-nothing.v1");
        await using var connection = await new ConnectionFactory { Uri = Broker.UriOf("ordering") }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

        await channel.BasicPublishAsync("ordering.bound-to-nothing.v1", "", ReadOnlyMemory<byte>.Empty); // confirmed, and nowhere
        var returned = await Assert.ThrowsAnyAsync<PublishException>(async () =>
            await channel.BasicPublishAsync("ordering.bound-to-nothing.v1", "", mandatory: true, ReadOnlyMemory<byte>.Empty));
        Assert.True(returned.IsReturn);
    }

    /// <summary>The arguments of every committed consumer queue.</summary>
    private static IEnumerable<JsonElement> Queues() => JsonSerializer.SerializeToElement(Definitions.Committed()["queues"]).EnumerateArray()
        .Select(queue => queue.GetProperty("arguments"))
        .Where(arguments => arguments.TryGetProperty("x-dead-letter-exchange", out var exchange) && exchange.GetString()!.EndsWith(".dead", StringComparison.Ordinal));

    /// <summary>A queue with its dead letters, like a committed one but for a low delivery limit and what is left out, and messages in it.</summary>
    private async Task<string> DeclareAsync(string name, int messages = 1, params string[] without)
    {
        var arguments = Queues().First().EnumerateObject().Where(argument => !without.Contains(argument.Name)).ToDictionary(
            argument => argument.Name, argument => argument.Value.ValueKind == JsonValueKind.Number ? (object)argument.Value.GetInt32() : argument.Value.GetString()!);
        arguments["x-delivery-limit"] = 2;
        if (arguments.ContainsKey("x-dead-letter-exchange"))
        {
            arguments["x-dead-letter-exchange"] = name + ".dead";
        }

        await Broker.DeclareExchangeAsync(name + ".dead");
        await Broker.DeclareQueueAsync(name + ".dead");
        await Broker.BindAsync(name + ".dead", name + ".dead");
        await Broker.DeclareQueueAsync(name, arguments);
        for (var message = 0; message < messages; message++)
        {
            Assert.True(await Broker.PublishAsync("", name, ReadOnlyMemory<byte>.Empty));
        }

        return name;
    }

    private Task<string> DeclareAsync(string name, string without, params string[] more) => DeclareAsync(name, 1, [without, .. more]);

    /// <summary>A consumer receives messages and loses its connection before it has settled any, as in a crash.</summary>
    private async Task KillAsync(string queue, int prefetch, int times)
    {
        for (var death = 0; death < times; death++)
        {
            await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync();
            for (var taken = 0; taken < prefetch; taken++)
            {
                // Requeued messages of the previous crash may arrive with a delay.
                await Eventually.HoldsAsync($"{queue} has a message", async () => await channel.BasicGetAsync(queue, autoAck: false) is not null);
            }

            await connection.AbortAsync();
        }
    }

    private Task CountBecomesAsync(string queue, int count) =>
        Eventually.HoldsAsync($"{queue} holds {count}", async () => await Broker.CountReadyAsync(queue) == count);
}
