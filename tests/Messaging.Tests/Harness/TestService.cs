using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A service of the real registration, with the ticket model, against real servers.</summary>
internal sealed class TestService : ServiceUnderTest<TicketDbContext>
{
    private static readonly Dictionary<string, string?> s_shortDelays = new()
    {
        ["Messaging:FirstRetryDelay"] = "00:00:00.100",
        ["Messaging:MaxRetryDelay"] = "00:00:00.500",
        ["Messaging:RetryDelays:0"] = "00:00:00.050",
        ["Messaging:RetryDelays:1"] = "00:00:00.200",
        // A late confirm, or a session that was silent for long, would make the relay publish duplicates that a test does not expect.
        ["Messaging:ConfirmTimeout"] = "00:02:00",
        ["Messaging:RelayLease"] = "00:04:00",
        ["Messaging:SwitchTimeout"] = "00:04:00",
    };

    private TestService(WebApplication app)
        : base(app)
    {
    }

    public ConsumerScript Script => Services.GetRequiredService<ConsumerScript>();

    /// <summary>What a service that has the consumer needs: its user may do what an instance with the consumer may.</summary>
    public static JsonObject DefinitionsOfConsumer
    {
        get
        {
            var topology = new BrokerTopology("ordering", ShopEvents.Catalog) { VirtualHost = "shop" };
            MassTransitConsumers.Subscribe(topology, typeof(EffectConsumer));
            return BrokerDefinitions.Of(topology);
        }
    }

    public static TestService Create(
        TestDatabase database, Uri broker, IReadOnlyDictionary<string, string?>? settings = null,
        bool consumes = false, Action<IServiceCollection>? services = null, Action<MessagingBuilder>? consumers = null)
    {
        var all = new Dictionary<string, string?>(s_shortDelays);
        foreach (var (key, value) in settings ?? new Dictionary<string, string?>())
        {
            all[key] = value;
        }

        return new TestService(Build(
            database.ConnectionString,
            broker,
            TicketEvents.From,
            bus =>
            {
                consumers?.Invoke(bus);
                if (consumes)
                {
                    bus.AddConsumer<EffectConsumer>();
                }
            },
            registrations =>
            {
                registrations.AddSingleton<ConsumerScript>();
                services?.Invoke(registrations);
            },
            all));
    }

    /// <summary>Opens a ticket, which publishes one event.</summary>
    public Task<Ticket> OpenAsync() => WorkAsync(async db =>
    {
        var ticket = Ticket.Open(TimeProvider.System.GetUtcNow());
        db.Tickets.Add(ticket);
        await db.SaveChangesAsync();
        return ticket;
    });

    public Task<int> CountEffectsAsync(string what) => WorkAsync(db => db.Effects.CountAsync(effect => effect.What == what));
}
