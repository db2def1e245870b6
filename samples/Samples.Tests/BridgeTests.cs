using System.Net.Http.Json;
using Shop.Testing;

namespace Samples.Tests;

/// <summary>
/// The three ways from a commit to the broker pass the same test. The publisher is a process that is killed; a proxy between it and the broker
/// holds what is sent, so that the kill is between the commit and the publishing, or between the publishing and its record.
/// </summary>
public sealed class BridgeTests
{
    [Theory]
    [MemberData(nameof(Bridge.Names), MemberType = typeof(Bridge))]
    public async Task Killed_between_commit_and_publish_the_event_arrives_after_the_restart(string bridge)
    {
        await using var run = await Bridge.StartAsync(bridge);
        run.Wire.HoldRequests();
        var stream = await run.CommitAsync();
        await Servers.UntilAsync(() => Task.FromResult(run.Wire.HeldPublishes > 0), "the event is on its way, and the broker has not got it");

        await run.KillAsync();
        Assert.Empty(await run.Subscriber.DeliveriesAsync(stream));
        await run.RestartAsync();

        await Servers.UntilAsync(async () => (await run.Subscriber.EffectsAsync(stream)).Count > 0, "the event arrives");
        Assert.Single(await run.Subscriber.DeliveriesAsync(stream));
        Assert.Single(await run.Subscriber.EffectsAsync(stream));
    }

    [Theory]
    [MemberData(nameof(Bridge.Names), MemberType = typeof(Bridge))]
    public async Task Killed_between_publish_and_its_record_the_event_repeats_with_the_same_id_and_changes_nothing(string bridge)
    {
        await using var run = await Bridge.StartAsync(bridge);
        run.Wire.HoldAnswers();
        var stream = await run.CommitAsync();
        await Servers.UntilAsync(() => Task.FromResult(run.Wire.HeldConfirms > 0), "the broker has confirmed, and the publisher does not know it");
        await Servers.UntilAsync(async () => (await run.Subscriber.EffectsAsync(stream)).Count > 0, "the event is consumed");

        await run.KillAsync();
        await run.RestartAsync();

        await Servers.UntilAsync(async () => (await run.Subscriber.DeliveriesAsync(stream)).Count > 1, "the event is published again");
        Assert.Single((await run.Subscriber.DeliveriesAsync(stream)).Distinct());
        await Servers.UntilAsync(() => Task.FromResult(run.Subscriber.Duplicates >= run.Subscriber.Repeats), "the inbox has found the duplicate");
        Assert.Single(await run.Subscriber.EffectsAsync(stream));
    }
}

/// <summary>One way from the commit to the broker: the publisher's process, its proxy, and a subscriber.</summary>
internal sealed class Bridge : IAsyncDisposable
{
    private static readonly Dictionary<string, (string Sample, string Path, Func<object> Body, string[] Settings)> s_bridges = new()
    {
        ["table as queue"] = ("Contacts", "/contacts", NewContact, []),
        ["log mining"] = ("Contacts", "/contacts", NewContact, ["--Messaging:Relay=LogTailing"]),
        ["event sourcing"] = ("Ledger", "/accounts", () => new { owner = "Ann", deposit = 20 }, []),
    };

    private readonly string _name = $"bridge_{Guid.CreateVersion7():N}";
    private readonly string _bridge;
    private readonly Servers _servers = new();
    private string _database = null!;
    private Uri _broker = null!;
    private RunningProgram _publisher = null!;

    private Bridge(string bridge) => _bridge = bridge;

    public static TheoryData<string> Names => [.. s_bridges.Keys];

    public FaultyWire Wire { get; private set; } = null!;

    public Subscriber Subscriber { get; private set; } = null!;

    public static async Task<Bridge> StartAsync(string bridge)
    {
        var run = new Bridge(bridge);
        run._broker = await run._servers.CreateVirtualHostAsync(run._name);
        run._database = await run._servers.CreateDatabaseAsync(run._name);
        run.Subscriber = await Subscriber.StartAsync(run._name, await run._servers.CreateDatabaseAsync(run._name + "_s"), run._broker);
        run.Wire = FaultyWire.ToBroker(run._broker);
        run._publisher = await run.StartPublisherAsync(run.Wire.Over(run._broker));
        await run.CommitFirstAsync();
        return run;
    }

    /// <summary>Commits a change whose event has the stream that is returned.</summary>
    public async Task<Guid> CommitAsync()
    {
        var (_, path, body, _) = s_bridges[_bridge];
        var response = await _publisher.Http.PostAsJsonAsync(path, body());
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<Guid>();
    }

    public async Task KillAsync()
    {
        await _publisher.KillAsync();
        Wire.Lose();
    }

    /// <summary>The same program again, without the proxy.</summary>
    public async Task RestartAsync()
    {
        await _publisher.DisposeAsync();
        _publisher = await StartPublisherAsync(_broker);
    }

    public async ValueTask DisposeAsync()
    {
        await _publisher.DisposeAsync();
        await Wire.DisposeAsync();
        await Subscriber.DisposeAsync();
        await _servers.DropDatabaseAsync(_name);
        await _servers.DropDatabaseAsync(_name + "_s");
    }

    private Task<RunningProgram> StartPublisherAsync(Uri broker) =>
        RunningProgram.StartAsync(s_bridges[_bridge].Sample, _database, broker, s_bridges[_bridge].Settings);

    private static object NewContact() => new { name = "Ann", email = $"{Guid.CreateVersion7()}@example.org" };

    /// <summary>An event that arrives and is confirmed: from then on all connections are open, and nothing is on its way.</summary>
    private async Task CommitFirstAsync()
    {
        var stream = await CommitAsync();
        await Servers.UntilAsync(async () => Wire.PassedConfirms > 0 && (await Subscriber.EffectsAsync(stream)).Count > 0, "the first event arrives");
    }
}
