using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>
/// M6a, M7: a malformed message is dead-lettered immediately, with a reason; messages before and after it are handled, and the
/// consumer's connection stays open.
/// </summary>
public sealed class MalformedMessageTests : HostileTest
{
    public static TheoryData<ConsumerKind> Kinds => [ConsumerKind.OneByOne, ConsumerKind.Batch];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_malformed_message_is_dead_lettered_immediately_and_the_queue_continues(ConsumerKind kind)
    {
        // All wait in the queue, each between two that are all right, when the consumer starts: each is first once.
        var service = await BothAsync(start: false);
        foreach (var (name, (change, _)) in MalformedMessages.All)
        {
            await SendAsync(kind, change(Envelope(name)), new() { Headers = new Dictionary<string, object?> { ["case"] = name } });
            await SendAsync(kind, Bytes(Envelope("innocent")));
        }

        await service.StartAsync();

        await HandledAsync(service, "innocent", MalformedMessages.All.Count);
        await EmptyAsync(kind);
        await Eventually.HoldsAsync("all are dead letters", async () => await Broker.CountReadyAsync(DeadOf(kind)) == MalformedMessages.All.Count);
        var dead = await Broker.PeekAsync(DeadOf(kind), MalformedMessages.All.Count);
        Assert.Multiple([.. MalformedMessages.All.Select(malformed => (Action)(() =>
        {
            var (name, (_, reason)) = malformed;
            var letter = Assert.Single(dead, letter => letter.Header("case") == name);
            Assert.True(letter.Header("MT-Fault-Message")?.Contains(reason, StringComparison.OrdinalIgnoreCase), $"{name}: {letter.Header("MT-Fault-Message")}");
            Assert.DoesNotContain(letter.Header("MT-Fault-Message")!, character => char.IsControl(character) && character != '\n');
            Assert.InRange(letter.Header("MT-Fault-Message")!.Length, 1, 5_000);
            Assert.Null(letter.Header("shop-retries")); // waiting would not make it readable
        }))]);
        Assert.Equal(MalformedMessages.All.Count, await service.CountEffectsAsync("innocent"));
    }

    /// <summary>The negative control: unusual but valid messages are handled.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Unusual_but_valid_messages_are_handled(ConsumerKind kind)
    {
        var service = await BothAsync();
        foreach (var (name, make) in MalformedMessages.Unusual)
        {
            await SendAsync(kind, make(Envelope(name)));
            await Eventually.HoldsAsync("it is settled", async () =>
                await service.CountEffectsAsync(name) + await Broker.CountReadyAsync(DeadOf(kind)) > 0);
            Assert.True(await service.CountEffectsAsync(name) == 1,
                $"{name}: {string.Concat((await Broker.PeekAsync(DeadOf(kind))).Select(dead => dead.Properties))}");
        }

        Assert.Equal(0, await Broker.CountReadyAsync(DeadOf(kind)));
    }
}
