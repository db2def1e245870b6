using System.Text.RegularExpressions;
using Mono.Cecil;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;

namespace Shop.Architecture.Tests;

/// <summary>The rules. Each returns its violations, with what to do; none if it is kept.</summary>
internal static partial class Rules
{
    /// <summary>Only the relay publishes events. Failed messages and retried dead letters were published already and are only moved.</summary>
    private static readonly string[] s_mayPublish = ["Shop.Messaging.RabbitMq", "Shop.Messaging.Consuming.MassTransit", "Shop.Messaging.Consuming.Batches", "Shop.Messaging.Operations"];

    private static readonly HashSet<string> s_personal =
    [
        "email", "mail", "name", "names", "surname", "firstname", "lastname", "address", "street", "city", "postcode", "zip", "phone", "mobile",
        "card", "iban", "account", "birthday", "birthdate", "birth", "gender", "passport", "ip",
    ];

    private static readonly string[] s_publishers =
        ["MassTransit.IBus", "MassTransit.IPublishEndpoint", "MassTransit.ISendEndpoint", "MassTransit.ISendEndpointProvider"];

    /// <summary>A model without libraries can be read, tested and moved without them.</summary>
    public static IEnumerable<string> DomainUsesOnlyTheBcl(AssemblyDefinition assembly) =>
        from type in assembly.AllTypes()
        where type.OutermostNamespace().EndsWith(".Domain", StringComparison.Ordinal)
        from mentioned in type.Mentions()
        let name = mentioned.OutermostNamespace()
        where !name.StartsWith("System", StringComparison.Ordinal) && name != type.OutermostNamespace()
            && name != typeof(AggregateRoot).Namespace && name != typeof(Currency).Namespace && name.Length > 0
            && !name.StartsWith("Microsoft.CodeAnalysis", StringComparison.Ordinal)
        select $"{type.FullName} uses {mentioned.FullName}: a domain uses the BCL, {typeof(AggregateRoot).Namespace} and {typeof(Currency).Namespace}, nothing else.";

    /// <summary>Services communicate through the broker and share only Contracts and ServiceDefaults.</summary>
    public static IEnumerable<string> ServicesShareOnlyContractsAndDefaults(AssemblyDefinition assembly, IReadOnlyCollection<string> services) =>
        from reference in assembly.MainModule.AssemblyReferences
        where services.Contains(reference.Name) && reference.Name != assembly.Name.Name
        select $"{assembly.Name.Name} references {reference.Name}: consume an integration event instead.";

    /// <summary>Publishing from anywhere else happens before or without the commit.</summary>
    public static IEnumerable<string> OnlyTheRelayPublishes(AssemblyDefinition assembly) =>
        from type in assembly.AllTypes()
        where !s_mayPublish.Contains(type.OutermostNamespace())
        from found in type.Mentions().Select(mentioned => mentioned.FullName).Where(s_publishers.Contains)
            .Concat(type.Calls().Where(call => PublishingCall().IsMatch(call)))
        select $"{type.FullName} uses {found}: append to the outbox, and let the relay publish.";

    /// <summary>Only the adapter depends on MassTransit, so that it can be replaced. Consumers of services are the exception: it calls them.</summary>
    public static IEnumerable<string> OnlyItsAdapterUsesMassTransit(AssemblyDefinition assembly) =>
        from type in assembly.AllTypes()
        let outermost = Outermost(type)
        where outermost.Namespace != "Shop.Messaging.Consuming.MassTransit" && outermost.FullName != "Shop.Messaging.MassTransitConsumers"
            && !outermost.Interfaces.Any(known => known.InterfaceType.GetElementType().FullName == "MassTransit.IConsumer`1")
        from mentioned in type.Mentions().Select(mentioned => mentioned.OutermostNamespace()).Distinct()
        where mentioned == "MassTransit" || mentioned.StartsWith("MassTransit.", StringComparison.Ordinal)
        select $"{type.FullName} uses {mentioned}: only Messaging/Consuming/MassTransit and consumers do.";

    private static TypeDefinition Outermost(TypeDefinition type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    /// <summary>Inside a service a domain event does it, in the transaction of the change.</summary>
    public static IEnumerable<string> NoServiceConsumesItsOwnEvents(IEnumerable<(string Event, string Queue)> bindings) =>
        from binding in bindings
        where ShopEvents.Catalog.TypeOf(binding.Event) is not null && binding.Event.Split('.')[0] == binding.Queue.Split('.')[0]
        select $"{binding.Queue} consumes {binding.Event} of its own service: handle the domain event.";

    /// <summary>A contract must be declared once.</summary>
    public static IEnumerable<string> IntegrationEventsAreOnlyInContracts(AssemblyDefinition assembly) =>
        from type in assembly.AllTypes()
        where type.Interfaces.Any(i => i.InterfaceType.FullName == typeof(IIntegrationEvent).FullName)
        where assembly.Name.Name != "Shop.Contracts"
        select $"{type.FullName} is an integration event outside Shop.Contracts: move it there, with a wire name.";

    /// <summary>A domain event stays inside its service: internal, sealed, and in the model.</summary>
    public static IEnumerable<string> DomainEventsAreInternal(AssemblyDefinition assembly) =>
        from type in assembly.AllTypes()
        where type.BaseType?.FullName == typeof(DomainEvent).FullName
        where type.IsPublic || type.IsNestedPublic || !type.IsSealed || !type.OutermostNamespace().EndsWith(".Domain", StringComparison.Ordinal)
        select $"{type.FullName} must be internal sealed, in Domain: publish it as an integration event in PublishedEvents.";

    /// <summary>The wire name consists of service, event and version, and matches the namespace.</summary>
    public static IEnumerable<string> WireNamesAgreeWithTypes(IEnumerable<Type> events)
    {
        foreach (var type in events)
        {
            var name = ((EventNameAttribute?)Attribute.GetCustomAttribute(type, typeof(EventNameAttribute)))?.Name;
            var parts = type.Namespace!.Split('.');
            var kebab = Word().Replace(type.Name, "-$0").TrimStart('-').ToLowerInvariant();
            var expected = $"{parts[^2].ToLowerInvariant()}.{kebab}.{parts[^1].ToLowerInvariant()}";
            if (name != expected || !type.IsSealed || !type.IsPublic)
            {
                yield return $"{type.FullName} must be public and sealed with [EventName(\"{expected}\")], not \"{name}\".";
            }
        }
    }

    /// <summary>
    /// Events are copied to every consumer, kept in logs and dead letters, and cannot be revoked: only the contact
    /// data of Notification identifies a customer. Exceptions name what is allowed.
    /// </summary>
    public static IEnumerable<string> EventsContainNoPersonalData(IEnumerable<Type> events, IReadOnlyDictionary<string, string> exceptions) =>
        from type in events.SelectMany(WithParts).Distinct()
        from property in type.GetProperties()
        from word in Word().Replace(property.Name, " $0").Split(' ', StringSplitOptions.RemoveEmptyEntries)
        where s_personal.Contains(word.ToLowerInvariant()) && !exceptions.ContainsKey($"{type.Name}.{property.Name}")
        select $"{type.FullName}.{property.Name} would publish a person's {word.ToLowerInvariant()}: publish the customer's id, "
            + "and let the contact book of Notification be asked.";

    private static IEnumerable<Type> WithParts(Type type) => type.GetProperties()
        .Select(property => property.PropertyType)
        .SelectMany(part => part.IsGenericType ? part.GenericTypeArguments : [part])
        .Where(part => part.Assembly == type.Assembly && part.IsClass && part != type)
        .SelectMany(WithParts).Prepend(type);

    /// <summary>
    /// Events documented as sent by a service must be published: PublishedEvents creates the newest version, or one before
    /// it, for as long as consumers are made ready for the newest.
    /// </summary>
    public static IEnumerable<string> SendsDocumentedEvents(AssemblyDefinition assembly, IEnumerable<Type> events)
    {
        var made = assembly.AllTypes().Where(type => type.Name == "PublishedEvents" || type.DeclaringType?.Name == "PublishedEvents")
            .SelectMany(type => type.Calls()).Where(call => call.EndsWith("..ctor", StringComparison.Ordinal)).ToHashSet();
        return events.Where(type => !WithOlder(type).Any(version => made.Contains($"{version.FullName}..ctor")))
            .Select(type => $"{assembly.Name.Name} is documented to send {type.FullName}, but its PublishedEvents never creates one.");
    }

    /// <summary>Events read from a log of all versions are upcast first: code for an older version would silently receive nothing.</summary>
    public static IEnumerable<string> ReadsNewestVersionsOnly(AssemblyDefinition assembly)
    {
        var superseded = ShopEvents.Catalog.Names.Select(name => ShopEvents.Catalog.TypeOf(name)!).Where(type => ShopEvents.Catalog.NewerThan(type) is not null)
            .ToDictionary(type => type.FullName!, type => ShopEvents.Catalog.NewerThan(type)!);
        return from type in assembly.AllTypes()
               from mentioned in type.Mentions().Select(mentioned => mentioned.FullName).Distinct()
               where superseded.ContainsKey(mentioned)
               select $"{type.FullName} reads {mentioned}, but events are upcast to {superseded[mentioned].FullName}: read that.";
    }

    private static IEnumerable<Type> WithOlder(Type type) =>
        ShopEvents.Catalog.OlderThan(type) is { } older ? WithOlder(older).Prepend(type) : [type];

    /// <summary>A service's types are internal; requests and responses are public only for the validation generator.</summary>
    public static IEnumerable<string> PartsOfAServiceAreInternalAndSealed(AssemblyDefinition assembly) =>
        from type in assembly.AllTypes()
        where !type.IsNested && type is { IsClass: true, IsEnum: false } && type.Namespace.StartsWith("Shop.", StringComparison.Ordinal)
        let isRecord = type.Methods.Any(method => method.Name == "<Clone>$")
        where (type.IsPublic && !isRecord && !type.Namespace.EndsWith("Migrations", StringComparison.Ordinal))
            || (!type.IsSealed && !type.IsAbstract && !type.Namespace.EndsWith("Migrations", StringComparison.Ordinal))
        select $"{type.FullName} must be internal sealed.";

    /// <summary>A feature can be read, and removed, alone: what several share is beside the features, and not in one of them.</summary>
    /// <param name="assembly">A service.</param>
    /// <param name="bases">Features that others are built on.</param>
    public static IEnumerable<string> FeaturesStandAlone(AssemblyDefinition assembly, params string[] bases) =>
        (from type in assembly.AllTypes()
         let feature = FeatureOf(type)
         where feature is not null
         from mentioned in type.Mentions()
         where mentioned.Scope == assembly.MainModule && FeatureOf(mentioned) is { } other && other != feature && !bases.Contains(other)
         select $"{feature} uses {mentioned.FullName} of {FeatureOf(mentioned)}.").Distinct();

    private static string? FeatureOf(TypeReference type) =>
        type.OutermostNamespace().Split(".Features.") is [_, var feature] ? feature.Split('.')[0] : null;

    /// <summary>Folders are use cases; long files should be split.</summary>
    public static IEnumerable<string> FilesAreShortAndFoldersNamedByUseCase(string root)
    {
        string[] vague = ["Common", "Helpers", "Utils", "Repositories", "Mappers", "Managers"];
        foreach (var file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            var folders = Path.GetRelativePath(root, Path.GetDirectoryName(file)!).Split(Path.DirectorySeparatorChar);
            if (folders.Any(folder => folder is "bin" or "obj" or "Migrations"))
            {
                continue;
            }

            foreach (var folder in folders.Where(vague.Contains))
            {
                yield return $"{file} is in {folder}: name the folder after the use case.";
            }

            var lines = File.ReadLines(file).Count();
            if (lines > 300)
            {
                yield return $"{file} has {lines} lines: split it.";
            }
        }
    }

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Word();

    [GeneratedRegex(@"\.BasicPublishAsync$|^MassTransit\.\w*(Publish|Send|Consume)\w*\.(Publish|Send|Respond)(Async|Batch)?$|ExecutionExtensions\.(Publish|Send|Respond)")]
    private static partial Regex PublishingCall();
}
