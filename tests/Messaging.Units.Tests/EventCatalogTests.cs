using System.Reflection;
using System.Reflection.Emit;
using MassTransit;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;
using V2 = Shop.Contracts.Ordering.V2;

namespace Shop.Messaging.Units.Tests;

/// <summary>Wire names and versions of events, and the steps between them.</summary>
public sealed class EventCatalogTests
{
    private static readonly EventCatalog s_events = TestEvents.Catalog;

    [Fact]
    public void Events_are_found_by_wire_name_and_by_type()
    {
        Assert.Equal(["any.without-namespace.v1", "inventory.stock-replenished.v1", "test.constrained.v1", "test.grown.v1", "test.grown.v2", "test.grown.v3", "test.unreadable.v1"],
            s_events.Names);
        Assert.All(s_events.Names, name => Assert.Equal(name, s_events.NameOf(s_events.TypeOf(name)!)));
        Assert.Null(s_events.TypeOf("test.grown.v4"));
        var error = Assert.Throws<ArgumentException>(() => s_events.NameOf(typeof(StockReserved)));
        Assert.StartsWith("Shop.Contracts.Inventory.V1.StockReserved is not an integration event of the registered assemblies", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_duplicate_assembly_counts_once() =>
        Assert.Equal(s_events.Names.Order(StringComparer.Ordinal), EventCatalog.Of(typeof(TestEvents).Assembly, typeof(TestEvents).Assembly).Names);

    [Fact]
    public void Two_events_with_one_wire_name_are_rejected()
    {
        var error = Assert.Throws<InvalidOperationException>(() => EventCatalog.Of(typeof(TestEvents).Assembly, typeof(ShopEvents).Assembly));

        Assert.Contains("Shop.Messaging.Units.Tests.SameName", error.Message, StringComparison.Ordinal);
        Assert.Contains(" and ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Shop.Contracts.Inventory.V1.StockReplenished", error.Message, StringComparison.Ordinal);
        Assert.Contains("have the same wire name, 'inventory.stock-replenished.v1'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_without_a_wire_name_is_rejected()
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Nameless"), AssemblyBuilderAccess.Run);
        var nameless = assembly.DefineDynamicModule("Nameless").DefineType("Any.Nameless", TypeAttributes.Public, typeof(NamelessEvent)).CreateType();

        var error = Assert.Throws<InvalidOperationException>(() => EventCatalog.Of(nameless.Assembly));

        Assert.Equal("Any.Nameless is an integration event and needs an [EventName].", error.Message);
    }

    [Fact]
    public void A_version_has_a_newer_and_an_older_one()
    {
        Assert.Equal((typeof(GrownV2), typeof(GrownV3), null), (s_events.NewerThan(typeof(GrownV1)), s_events.NewerThan(typeof(GrownV2)), s_events.NewerThan(typeof(GrownV3))));
        Assert.Equal((null, typeof(GrownV1), typeof(GrownV2)), (s_events.OlderThan(typeof(GrownV1)), s_events.OlderThan(typeof(GrownV2)), s_events.OlderThan(typeof(GrownV3))));
    }

    [Theory]
    [InlineData(typeof(GrownV1), typeof(GrownV2), true)]
    [InlineData(typeof(GrownV1), typeof(GrownV3), true)]
    [InlineData(typeof(GrownV2), typeof(GrownV3), true)]
    [InlineData(typeof(GrownV1), typeof(GrownV1), false)]
    [InlineData(typeof(GrownV2), typeof(GrownV1), false)]
    [InlineData(typeof(GrownV1), typeof(Constrained), false)]
    public void Only_an_older_version_can_be_upcast(Type older, Type newer, bool can) => Assert.Equal(can, s_events.CanBecome(older, newer));

    [Fact]
    public void An_event_is_upcast_step_by_step_and_downcast_by_one_and_keeps_its_id()
    {
        var (old, middle) = (new GrownV1("m"), new GrownV2("m", "7"));

        Assert.Equal(new GrownV3("m", "1", "cm") { EventId = old.EventId }, s_events.Newest(old));
        Assert.Equal(new GrownV3("m", "1", "cm") { EventId = old.EventId }, s_events.As<GrownV3>(old));
        Assert.Equal(new GrownV2("m", "1") { EventId = old.EventId }, s_events.As<GrownV2>(old));
        Assert.Equal(new GrownV1("m") { EventId = middle.EventId }, s_events.Older(middle));
        Assert.Same(old, s_events.As<GrownV1>(old));
        Assert.Same(old, s_events.As<IIntegrationEvent>(old));
        Assert.Null(s_events.As<GrownV1>(middle));
        Assert.Null(s_events.As<Constrained>(old));
        Assert.Null(s_events.Older(old));
        Assert.Same(Constrained.Valid, s_events.Newest(Constrained.Valid));
    }

    [Fact]
    public void An_argument_that_is_null_is_named()
    {
        Assert.Throws<ArgumentNullException>("type", () => s_events.NameOf(null!));
        Assert.Throws<ArgumentNullException>("@event", () => s_events.As(null!, typeof(GrownV1)));
        Assert.Throws<ArgumentNullException>("type", () => s_events.As(new GrownV1("m"), null!));
        Assert.Throws<ArgumentNullException>("@event", () => s_events.Newest(null!));
        Assert.Throws<ArgumentNullException>("@event", () => s_events.Older(null!));
        Assert.Throws<ArgumentNullException>("@event", () => EventConstraints.FindViolation(null!));
    }

    [Fact]
    public void Schemas_and_examples_are_resources_of_the_assembly()
    {
        const string Name = "ordering.order-cancelled.v1";

        Assert.Equal("urn:shop:schema:" + Name, ShopEvents.Catalog.SchemaIdOf(Name));
        Assert.Contains("\"$id\"", ShopEvents.Catalog.SchemaOf(Name), StringComparison.Ordinal);
        Assert.Equal(2, ShopEvents.Catalog.ExamplesOf(Name).Count);
        Assert.Contains("reservation-expired", ShopEvents.Catalog.ExamplesOf(Name)[1], StringComparison.Ordinal);
        Assert.Null(s_events.SchemaOf("test.grown.v1"));
        Assert.Null(s_events.SchemaIdOf("test.grown.v1"));
        Assert.Null(s_events.SchemaOf("unknown"));
        Assert.Empty(s_events.ExamplesOf("test.grown.v1"));
        Assert.Empty(ShopEvents.Catalog.ExamplesOf("unknown"));
    }

    [Fact]
    public void Upcasting_and_downcasting_loses_only_what_the_old_version_lacks()
    {
        var placed = new V2.OrderPlaced(Guid.CreateVersion7(), TestEvents.Now, Guid.CreateVersion7(), 1, "ada",
            [new("TEA-1", 2, new Money(4.25m, "EUR"))], new Money(0.50m, "EUR"), new Money(8.00m, "EUR"), "web");

        var back = V2.OrderPlacedStep.Up(V2.OrderPlacedStep.Down(placed));

        Assert.Equivalent(placed with { Channel = null }, back, strict: true);
        Assert.Equivalent(back, ShopEvents.Catalog.Newest(V2.OrderPlacedStep.Down(placed)), strict: true);
        Assert.Null(ShopEvents.Catalog.As<StockReserved>(placed));
    }

    [Theory]
    [InlineData("ordering.order-placed.v1", true)]
    [InlineData("ordering.order-placed.v0", true)]
    [InlineData("ordering.order-placed.v2", false)]
    [InlineData("inventory.stock-reserved.v1", false)]
    public void Only_own_older_versions_can_be_switched_off(string name, bool may)
    {
        var settings = Settings("ordering", name);

        if (may)
        {
            Assert.Same(settings.RetiredVersions, OldVersions.Validate(settings, ShopEvents.Catalog));
            return;
        }

        var error = Assert.Throws<InvalidOperationException>(() => OldVersions.Validate(settings, ShopEvents.Catalog));
        Assert.Equal($"Messaging:RetiredVersions names '{name}', which is not an older version of an event of ordering.", error.Message);
    }

    [Theory]
    [InlineData("inventory")]
    [InlineData("order")]
    public void An_older_version_of_another_service_cannot_be_switched_off(string service) => Assert.Throws<InvalidOperationException>(
        () => OldVersions.Validate(Settings(service, "ordering.order-placed.v1"), ShopEvents.Catalog));

    [Fact]
    public void Subscribing_to_an_older_version_that_cannot_be_upcast_is_an_error()
    {
        var error = Assert.Throws<InvalidOperationException>(() => MassTransitConsumers.Subscribe(new BrokerTopology("ordering", ShopEvents.Catalog), typeof(UnrelatedVersionConsumer)));

        Assert.Contains(nameof(StockReserved), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_without_a_namespace_is_rejected_at_registration()
    {
        var error = Assert.Throws<InvalidOperationException>(() => MassTransitConsumers.Subscribe(new BrokerTopology("any", s_events), typeof(NamelessConsumer)));

        Assert.Contains("NamelessConsumer subscribes to EventWithoutNamespace, which is in no namespace", error.Message, StringComparison.Ordinal);
    }

    private static MessagingSettings Settings(string service, string retired) =>
        new() { Service = service, Database = "", Broker = new Uri("amqp://nowhere"), RetiredVersions = [retired] };

    private sealed class NamelessConsumer : IConsumer<EventWithoutNamespace>
    {
        public Task Consume(ConsumeContext<EventWithoutNamespace> context) => Task.CompletedTask;
    }

    [AlsoSubscribesTo(typeof(StockReserved))]
    private sealed class UnrelatedVersionConsumer : IConsumer<V2.OrderPlaced>
    {
        public Task Consume(ConsumeContext<V2.OrderPlaced> context) => Task.CompletedTask;
    }
}
