using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>Where this machine's PostgreSQL and RabbitMQ come from.</summary>
internal abstract class Servers
{
    /// <summary>The servers that were chosen.</summary>
    public static Servers Of(ServerRule rule) => rule.IsContainers
        ? new ContainerServers { PostgresImage = rule.PostgresImage, RabbitMqImage = rule.RabbitMqImage }
        : new InstalledServers();

    /// <summary>Adds the database server; <see cref="DatabaseBuilderExtensions.AddDatabase"/> adds what services use of it.</summary>
    public abstract IResourceBuilder<IResourceWithConnectionString> AddPostgres(IDistributedApplicationBuilder builder, string name);

    /// <summary>Adds the broker, with the committed definitions loaded before any resource starts that waits for it.</summary>
    public abstract IResourceBuilder<IResourceWithConnectionString> AddRabbitMq(IDistributedApplicationBuilder builder, string name);
}

/// <summary>The servers as containers.</summary>
internal sealed class ContainerServers : Servers
{
    public required string PostgresImage { get; init; }

    public required string RabbitMqImage { get; init; }

    public override IResourceBuilder<IResourceWithConnectionString> AddPostgres(IDistributedApplicationBuilder builder, string name)
    {
        var postgres = builder.AddPostgres(name, password: builder.AddPassword(name, "admin"), port: Hosting.Ports.Take(name))
            // Also without log tailing: a volume may have its slots, with which the server would not start.
            .WithArgs("-c", "wal_level=logical", "-c", "max_connections=1000", "-c", "max_replication_slots=64", "-c", "max_wal_senders=64",
                "-c", "max_slot_wal_keep_size=2GB", "-c", "jit=off")
            // Not WithDataVolume: it mounts at the data directory of Aspire's default version, and 17's data would be lost with its container.
            .WithVolume($"shop-{ShopHome.Id}-{name}", "/var/lib/postgresql/data")
            .WithEnvironment("PGDATA", "/var/lib/postgresql/data/pgdata");
        SetImage(postgres, PostgresImage);
        return postgres.WithPreparedDatabases();
    }

    public override IResourceBuilder<IResourceWithConnectionString> AddRabbitMq(IDistributedApplicationBuilder builder, string name)
    {
        var user = builder.AddParameter($"{name}-admin-user", Broker.AdminUser);
        var rabbitmq = builder.AddRabbitMQ(name, user, builder.AddPassword(name, "admin"), Hosting.Ports.Take(name))
            .WithHttpEndpoint(port: Hosting.Ports.Take($"{name}-management"), targetPort: 15672, name: Broker.Management)
            .WithDataVolume($"shop-{ShopHome.Id}-{name}");
        SetImage(rabbitmq, RabbitMqImage);
        return rabbitmq.WithDefinitions();
    }

    /// <summary>As Aspire names one, without the registry that it would put before it.</summary>
    private static void SetImage<T>(IResourceBuilder<T> container, string reference)
        where T : ContainerResource
    {
        var colon = reference.LastIndexOf(':');
        var tagged = colon > reference.LastIndexOf('/');
        var image = container.Resource.Annotations.OfType<ContainerImageAnnotation>().Last();
        image.SHA256 = null; // before the tag, which it would reset
        (image.Image, image.Tag) = tagged ? (reference[..colon], reference[(colon + 1)..]) : (reference, "latest");
        var first = image.Image.Split('/')[0];
        image.Registry = image.Image.Contains('/', StringComparison.Ordinal) && (first == "localhost" || first.AsSpan().ContainsAny('.', ':'))
            ? null
            : "docker.io";
        if (image.Registry is not null && !image.Image.Contains('/', StringComparison.Ordinal))
        {
            image.Image = "library/" + image.Image;
        }
    }
}

/// <summary>The servers as the programs that are installed here, run by Aspire's orchestrator like everything else.</summary>
internal sealed class InstalledServers : Servers
{
    public override IResourceBuilder<IResourceWithConnectionString> AddPostgres(IDistributedApplicationBuilder builder, string name) =>
        builder.AddInstalledPostgres(name).WithPreparedDatabases();

    public override IResourceBuilder<IResourceWithConnectionString> AddRabbitMq(IDistributedApplicationBuilder builder, string name) =>
        builder.AddInstalledRabbitMq(name).WithDefinitions();
}
