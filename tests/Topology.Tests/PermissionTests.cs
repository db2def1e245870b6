using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using Shop.Contracts;
using Shop.Messaging;
using Definitions = Shop.Testing.Topology;

namespace Shop.Topology.Tests;

/// <summary>A virtual host with the whole topology and all four users.</summary>
public sealed class WholeTopology : IAsyncLifetime
{
    public TestVirtualHost Broker { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Broker = await TestServers.CreateVirtualHostAsync("permissions");
        await Broker.LoadTopologyAsync();
    }

    public ValueTask DisposeAsync() => Broker.DisposeAsync();
}

/// <summary>With its own user, a service can neither publish nor consume another's messages, nor grant itself the permission.</summary>
public sealed class PermissionTests(WholeTopology topology) : IClassFixture<WholeTopology>
{
    public static TheoryData<string, string> Pairs { get; } = new(
        from service in Definitions.Services from other in Definitions.Services where service != other select (service, other));

    public static TheoryData<string> Services { get; } = new(Definitions.Services);

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task A_service_cannot_access_what_belongs_to_another(string service, string other) =>
        Assert.Empty(await AllowedAsync(topology.Broker.UriOf(service), ForbiddenAttempts(service, other)));

    /// <summary>The negative control: without the permissions' limits, the same attempts succeed.</summary>
    [Fact]
    public async Task With_every_permission_the_attempts_succeed()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("permissions");
        await broker.LoadTopologyAsync("ordering", "inventory");
        var almighty = await broker.CreateUserAsync("almighty", ".*", ".*", ".*");

        var forbidden = ForbiddenAttempts("ordering", "inventory");

        Assert.Equal(forbidden.Select(attempt => attempt.What), await AllowedAsync(almighty, forbidden));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_service_has_the_permissions_that_it_needs(string service)
    {
        var queue = QueueOf(service);
        var arguments = (await topology.Broker.QueueAsync(queue))!.Arguments
            .ToDictionary(argument => argument.Key, argument => int.TryParse(argument.Value, out var number) ? (object?)number : argument.Value);
        List<Attempt> duties =
        [
            new("declare its queue again", channel => channel.QueueDeclareAsync(queue, true, false, false, arguments)),
            new("declare MassTransit's exchange again", channel => channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true)),
            new("bind the two again", channel => channel.QueueBindAsync(queue, queue, "")),
            new("read its queue", channel => channel.BasicGetAsync(queue, autoAck: false)),
            new("read its dead letters", channel => channel.BasicGetAsync(queue + ".dead", autoAck: false)),
            new("let a message wait", channel => PublishAsync(channel, service + ".retry-1", queue)),
            new("set a message aside", channel => PublishAsync(channel, queue + ".dead", "")),
            new("put a dead letter to the discarded", channel => PublishAsync(channel, service + ".discarded", "")),
            new("read the discarded", channel => channel.BasicGetAsync(service + ".discarded", autoAck: false)),
            new("send a dead letter again", channel => PublishAsync(channel, service + ".redelivery", queue)),
            .. ShopEvents.Catalog.Names.Where(name => name.StartsWith(service + ".", StringComparison.Ordinal))
                .Select(name => new Attempt($"publish {name}", channel => PublishAsync(channel, name, ""))),
        ];

        Assert.Equal(duties.Select(duty => duty.What), await AllowedAsync(topology.Broker.UriOf(service), duties));
    }

    private static List<Attempt> ForbiddenAttempts(string service, string other)
    {
        var (own, foreign) = (QueueOf(service), QueueOf(other));
        List<Attempt> attempts =
        [
            new("publish to another's redelivery exchange", channel => PublishAsync(channel, other + ".redelivery", foreign)),
            new("publish to another's dead letters", channel => PublishAsync(channel, foreign + ".dead", "")),
            new("publish to another's queue", channel => PublishAsync(channel, "", foreign)),
            new("publish to the exchange of another's queue", channel => PublishAsync(channel, foreign, "")),
            new("let a message wait at another's", channel => PublishAsync(channel, other + ".retry-1", foreign)),
            new("read another's queue", channel => channel.BasicGetAsync(foreign, autoAck: false)),
            new("read another's discarded", channel => channel.BasicGetAsync(other + ".discarded", autoAck: false)),
            new("consume from another's queue", channel => channel.BasicConsumeAsync(foreign, false, new AsyncEventingBasicConsumer(channel))),
            new("read another's dead letters", channel => channel.BasicGetAsync(foreign + ".dead", autoAck: false)),
            new("declare a queue of another's name", channel => channel.QueueDeclareAsync(other + ".new", true, false, false)),
            new("declare a queue beside its own", channel => channel.QueueDeclareAsync(service + ".new", true, false, false)),
            new("declare an exchange", channel => channel.ExchangeDeclareAsync(service + ".new.v1", ExchangeType.Fanout)),
            new("bind another's queue to its own exchange", channel => channel.QueueBindAsync(foreign, service + ".redelivery", "")),
            new("purge another's queue", channel => channel.QueuePurgeAsync(foreign)),
        ];
        attempts.AddRange(ShopEvents.Catalog.Names.Where(name => name.StartsWith(other + ".", StringComparison.Ordinal)).SelectMany(name => (Attempt[])
        [
            new($"publish {name}", channel => PublishAsync(channel, name, "")),
            new($"bind its own queue to {name}", channel => channel.QueueBindAsync(own, name, "")),
            new($"delete {name}", channel => channel.ExchangeDeleteAsync(name)),
        ]));
        attempts.Add(new("delete another's queue", channel => channel.QueueDeleteAsync(foreign)));
        return attempts;
    }

    private static string QueueOf(string service) => Definitions.Committed()["queues"]!.AsArray().Select(queue => (string)queue!["name"]!)
        .First(name => name.StartsWith(service + ".", StringComparison.Ordinal) && !name.EndsWith(".dead", StringComparison.Ordinal)
            && !name.EndsWith(".discarded", StringComparison.Ordinal) && !name.Contains(".retry-", StringComparison.Ordinal));

    private static async Task PublishAsync(IChannel channel, string exchange, string routingKey) =>
        await channel.BasicPublishAsync(exchange, routingKey, ReadOnlyMemory<byte>.Empty);

    /// <summary>What the broker allowed the user to do; any failure other than a missing permission is a bug in the test.</summary>
    private static async Task<List<string>> AllowedAsync(Uri user, IReadOnlyList<Attempt> attempts)
    {
        await using var connection = await new ConnectionFactory { Uri = user }.CreateConnectionAsync();
        var confirms = new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
        List<string> allowed = [];
        foreach (var attempt in attempts)
        {
            await using var channel = await connection.CreateChannelAsync(confirms);
            try
            {
                await attempt.Do(channel);
                allowed.Add(attempt.What);
            }
            catch (Exception e) when (e is RabbitMQClientException && channel.CloseReason is { ReplyCode: Constants.AccessRefused })
            {
                // As it should be.
            }
        }

        return allowed;
    }

    private sealed record Attempt(string What, Func<IChannel, Task> Do);
}
