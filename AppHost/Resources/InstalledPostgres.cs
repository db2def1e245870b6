using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>A PostgreSQL cluster in the home, run by the installed programs.</summary>
internal sealed class InstalledPostgresResource : ExecutableResource, IResourceWithConnectionString
{
    private const string Superuser = "postgres";

    // On SIGTERM PostgreSQL waits until every client has disconnected: the orchestrator's is passed on as SIGINT, which closes
    // the connections, writes everything and ends.
    private const string PassOnAsInterrupt = """
        trap 'kill -INT "$server" 2>/dev/null' TERM INT HUP
        "$@" </dev/null & server=$!
        wait "$server"; code=$?
        while kill -0 "$server" 2>/dev/null; do wait "$server"; code=$?; done
        exit "$code"
        """;

    private readonly Lazy<Task<PostgresCluster>> _cluster;
    private readonly ParameterResource _password;

    public InstalledPostgresResource(string name, string directory, ParameterResource password)
        : base(name, "/bin/sh", directory)
    {
        _cluster = new(() => PostgresCluster.OpenAsync(directory, CancellationToken.None));
        _password = password;
        Endpoint = new EndpointReference(this, Broker.Tcp);
    }

    /// <summary>Where it listens.</summary>
    public EndpointReference Endpoint { get; }

    /// <summary>The superuser's, for Npgsql.</summary>
    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create(
        $"Host={Endpoint.Property(EndpointProperty.Host)};Port={Endpoint.Property(EndpointProperty.Port)};Username={Superuser};Password={_password}");

    /// <summary>
    /// Before each start: makes the cluster if there is none, and ends what a killed postmaster has left, which would keep the next one out.
    /// </summary>
    public async Task PrepareAsync(int port, bool logical, CancellationToken ct)
    {
        var cluster = await _cluster.Value;
        await cluster.StopAsync(TimeSpan.FromSeconds(20), ct);
        if (!cluster.Exists)
        {
            await cluster.CreateAsync((await _password.GetValueAsync(ct))!, ct);
        }

        await cluster.ConfigureAsync(port, durable: true, logical, ct);
    }

    public async Task<IEnumerable<string>> ArgumentsAsync() =>
        ["-c", PassOnAsInterrupt, "postgres", .. (await _cluster.Value).Command];
}

internal static class InstalledPostgresExtensions
{
    public static IResourceBuilder<InstalledPostgresResource> AddInstalledPostgres(this IDistributedApplicationBuilder builder, string name)
    {
        var port = Hosting.Ports.Take(name);
        var resource = new InstalledPostgresResource(name, ShopHome.Path(name), builder.AddPassword(name, "admin").Resource);
        builder.Services.AddHealthChecks().AddAsyncCheck(name, ct => Health.OfPostgresAsync(resource, ct));
        return builder.AddResource(resource)
            .WithEndpoint(port: port, targetPort: port, scheme: "tcp", name: Broker.Tcp, isProxied: false)
            .WithArgs(async context =>
            {
                foreach (var argument in await resource.ArgumentsAsync())
                {
                    context.Args.Add(argument);
                }
            })
            .WithEnvironment("LC_ALL", "C.UTF-8")
            .OnBeforeResourceStarted((_, _, ct) => resource.PrepareAsync(port, builder.ReadsLog(), ct))
            .WithHealthCheck(name);
    }
}
