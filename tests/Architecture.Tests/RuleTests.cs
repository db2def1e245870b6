using System.Text.Json;
using System.Xml.Linq;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;

namespace Shop.Architecture.Tests;

/// <summary>Each rule over the shop, which keeps it, and over code below that breaks it, which it must name.</summary>
public sealed class RuleTests
{
    public static TheoryData<string> Services => [.. Code.Services];

    [Theory]
    [MemberData(nameof(Services))]
    public void A_domain_uses_only_the_BCL(string service) => Assert.Empty(Rules.DomainUsesOnlyTheBcl(Code.Service(service)));

    [Theory]
    [InlineData("Ordering")]
    [InlineData("Inventory")]
    public void Domain_events_are_internal(string service)
    {
        var assembly = Code.Service(service);
        Assert.Contains(assembly.AllTypes(), type => type.BaseType?.FullName == typeof(Messaging.DomainEvents.DomainEvent).FullName);
        Assert.Empty(Rules.DomainEventsAreInternal(assembly));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void A_service_references_no_other(string service)
    {
        Assert.Empty(Rules.ServicesShareOnlyContractsAndDefaults(Code.Service(service), Code.Services));
        var project = XDocument.Load(Path.Combine(Code.Repository, "services", service, service + ".csproj"));
        Assert.Equal(["../../ServiceDefaults/ServiceDefaults.csproj", "../../contracts/Contracts.csproj"],
            project.Descendants("ProjectReference").Select(reference => reference.Attribute("Include")!.Value).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void A_service_does_not_publish(string service) => Assert.Empty(Rules.OnlyTheRelayPublishes(Code.Service(service)));

    [Fact]
    public void Values_that_services_share_use_only_the_BCL()
    {
        using var defaults = Code.Of<Currency>();

        Assert.Empty(Rules.DomainUsesOnlyTheBcl(defaults));
    }

    [Fact]
    public void Nothing_in_the_libraries_but_the_relay_publishes()
    {
        using var messaging = Code.Of<AggregateRoot>();
        using var defaults = Code.Of<Currency>();

        Assert.Empty(Rules.OnlyTheRelayPublishes(messaging).Concat(Rules.OnlyTheRelayPublishes(defaults)));
        Assert.Contains(messaging.AllTypes(), type => type.OutermostNamespace() == "Shop.Messaging.RabbitMq"
            && type.Calls().Any(call => call.EndsWith(".BasicPublishAsync", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void In_a_service_only_consumers_use_MassTransit(string service) =>
        Assert.Empty(Rules.OnlyItsAdapterUsesMassTransit(Code.Service(service)));

    [Fact]
    public void In_Messaging_only_its_adapter_uses_MassTransit()
    {
        using var messaging = Code.Of<Messaging.DomainEvents.AggregateRoot>();
        using var defaults = Code.Of<ServiceDefaults.Domain.Currency>();

        Assert.Empty(Rules.OnlyItsAdapterUsesMassTransit(messaging));
        Assert.Empty(Rules.OnlyItsAdapterUsesMassTransit(defaults));
        Assert.Contains(messaging.AllTypes(), type => type.FullName == "Shop.Messaging.MassTransitConsumers");
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void A_service_declares_no_integration_event(string service) =>
        Assert.Empty(Rules.IntegrationEventsAreOnlyInContracts(Code.Service(service)));

    [Fact]
    public void A_service_does_not_consume_its_own_events()
    {
        using var definitions = JsonDocument.Parse(File.ReadAllText(Path.Combine(Code.Repository, "deploy", "rabbitmq", "definitions.json")));
        var bindings = definitions.RootElement.GetProperty("bindings").EnumerateArray()
            .Select(binding => (binding.GetProperty("source").GetString()!, binding.GetProperty("destination").GetString()!)).ToList();

        Assert.Contains(("ordering.order-confirmed.v1", "notification.customer-notifications"), bindings);
        Assert.Empty(Rules.NoServiceConsumesItsOwnEvents(bindings));
    }

    [Fact]
    public void Wire_names_agree_with_types() => Assert.Empty(Rules.WireNamesAgreeWithTypes(
        ShopEvents.Catalog.Names.Select(name => ShopEvents.Catalog.TypeOf(name)!)));

    [Fact]
    public void Events_contain_no_personal_data() => Assert.Empty(Rules.EventsContainNoPersonalData(
        ShopEvents.Catalog.Names.Select(name => ShopEvents.Catalog.TypeOf(name)!),
        new Dictionary<string, string> { ["ProductListed.Name"] = "a product's" }));

    [Theory]
    [InlineData("Ordering")]
    [InlineData("Inventory")]
    public void Events_documented_as_sent_by_a_service_are_in_its_PublishedEvents(string service) => Assert.Empty(Rules.SendsDocumentedEvents(
        Code.Service(service), ShopEvents.Catalog.Names.Where(name => name.StartsWith(service.ToLowerInvariant() + ".", StringComparison.Ordinal))
            .Select(name => ShopEvents.Catalog.TypeOf(name)!).Where(type => ShopEvents.Catalog.NewerThan(type) is null)));

    [Fact]
    public void Analytics_projections_read_the_newest_version_of_each_event() => Assert.Empty(Rules.ReadsNewestVersionsOnly(Code.Service("Analytics")));

    [Fact]
    public void Contracts_reference_nothing_but_the_BCL_and_the_abstractions_of_messaging()
    {
        using var contracts = Code.Of<Contracts.Money>();
        using var abstractions = Code.Of<EventNameAttribute>();

        Assert.All(contracts.MainModule.AssemblyReferences, reference => Assert.True(
            reference.Name.StartsWith("System.", StringComparison.Ordinal) || reference.Name == "Shop.Messaging.Abstractions", reference.Name));
        Assert.All(abstractions.MainModule.AssemblyReferences, reference => Assert.StartsWith("System.", reference.Name, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Features_of_a_service_do_not_use_each_other(string service) =>
        Assert.Empty(Rules.FeaturesStandAlone(Code.Service(service), bases: "Projections"));

    [Theory]
    [MemberData(nameof(Services))]
    public void Parts_of_a_service_are_internal_and_sealed(string service) =>
        Assert.Empty(Rules.PartsOfAServiceAreInternalAndSealed(Code.Service(service)));

    [Theory]
    [InlineData("services")]
    [InlineData("ServiceDefaults")]
    [InlineData("Messaging")]
    [InlineData("Messaging.Abstractions")]
    [InlineData("contracts")]
    [InlineData("AppHost")]
    [InlineData("tools")]
    public void Files_are_short_and_folders_are_use_cases(string root) =>
        Assert.Empty(Rules.FilesAreShortAndFoldersNamedByUseCase(Path.Combine(Code.Repository, root)));

    [Fact]
    public void Each_rule_names_what_breaks_it()
    {
        using var bad = Code.Of<RuleTests>();

        Assert.Contains(Rules.DomainUsesOnlyTheBcl(bad), found => found.Contains("ReferencesALibrary uses Mono.Cecil", StringComparison.Ordinal));
        Assert.Contains(Rules.ServicesShareOnlyContractsAndDefaults(bad, ["Mono.Cecil"]), found => found.Contains("Mono.Cecil", StringComparison.Ordinal));
        Assert.Contains(Rules.OnlyTheRelayPublishes(bad), found => found.Contains("PublishesByBus", StringComparison.Ordinal));
        Assert.Contains(Rules.OnlyTheRelayPublishes(bad), found => found.Contains("PublishesByContext", StringComparison.Ordinal));
        Assert.Contains(Rules.OnlyTheRelayPublishes(bad), found => found.Contains("PublishesByChannel", StringComparison.Ordinal));
        Assert.Contains(Rules.OnlyItsAdapterUsesMassTransit(bad), found => found.Contains("PublishesByBus", StringComparison.Ordinal));
        Assert.DoesNotContain(Rules.OnlyItsAdapterUsesMassTransit(bad), found => found.Contains("PublishesByContext", StringComparison.Ordinal));
        Assert.Single(Rules.NoServiceConsumesItsOwnEvents([("ordering.order-confirmed.v1", "ordering.customer-standing")]));
        Assert.Contains(Rules.IntegrationEventsAreOnlyInContracts(bad), found => found.Contains("Misplaced", StringComparison.Ordinal));
        Assert.Contains(Rules.DomainEventsAreInternal(bad), found => found.Contains("PublicDomainEvent", StringComparison.Ordinal));
        Assert.Contains(Rules.WireNamesAgreeWithTypes([typeof(Broken.V1.Misplaced)]), found => found.Contains("broken.misplaced.v1", StringComparison.Ordinal));
        Assert.Equal(
            ["ContactEmail", "HomeAddress", "PhoneNumber"],
            Rules.EventsContainNoPersonalData([typeof(Broken.V1.ContainsPersonalData)], new Dictionary<string, string> { ["ContainsPersonalData.FileName"] = "a file's" })
                .Select(found => found.Split(' ')[0].Split('.')[^1]));
        Assert.Contains(Rules.SendsDocumentedEvents(bad, [typeof(Contracts.Ordering.V1.OrderShipped)]), found => found.Contains("never creates one", StringComparison.Ordinal));
        Assert.Contains(Rules.ReadsNewestVersionsOnly(bad), found => found.Contains("ReadsAnOldVersion", StringComparison.Ordinal));
        Assert.Contains(Rules.FeaturesStandAlone(bad), found => found.StartsWith("One uses ", StringComparison.Ordinal));
        Assert.DoesNotContain(Rules.FeaturesStandAlone(bad, bases: "Two"), found => found.StartsWith("One uses ", StringComparison.Ordinal));
        Assert.Contains(Rules.PartsOfAServiceAreInternalAndSealed(bad), found => found.Contains("PublicPart", StringComparison.Ordinal));
    }

    [Fact]
    public void The_rule_of_files_names_what_breaks_it()
    {
        var root = Directory.CreateTempSubdirectory("shop-architecture-");
        try
        {
            Directory.CreateDirectory(Path.Combine(root.FullName, "Helpers"));
            File.WriteAllLines(Path.Combine(root.FullName, "Helpers", "Long.cs"), Enumerable.Repeat("//", 301));

            Assert.Equal(2, Rules.FilesAreShortAndFoldersNamedByUseCase(root.FullName).Count());
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
