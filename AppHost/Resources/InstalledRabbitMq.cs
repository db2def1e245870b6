using Microsoft.Extensions.DependencyInjection;
using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>A RabbitMQ node in the home, run by the installed program.</summary>
internal sealed class InstalledRabbitMqResource : ExecutableResource, IResourceWithConnectionString
{
    private readonly RabbitMqNode _node;
    private readonly RabbitMqPorts _ports;
    private readonly ParameterResource _password;

    // Erlang's name service detaches itself: started here, it does not inherit the node's output, which would hide the node's end.
    private const string StartNode = """epmd -daemon </dev/null >/dev/null 2>&1; exec "$@" </dev/null""";

    public InstalledRabbitMqResource(string name, string directory, RabbitMqPorts ports, ParameterResource password)
        : base(name, "/bin/sh", directory)
    {
        _node = RabbitMqNode.Open(directory);
        _ports = ports;
        _password = password;
    }

    /// <summary>The administrator's address.</summary>
    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create(
        $"amqp://{Broker.AdminUser}:{_password}@{new EndpointReference(this, Broker.Tcp).Property(EndpointProperty.HostAndPort)}");

    public IEnumerable<string> Arguments => ["-c", StartNode, "rabbitmq", _node.Program];

    /// <summary>Before each start: ends what a killed node has left, and writes the configuration.</summary>
    public async Task PrepareAsync(CancellationToken ct)
    {
        await _node.StopAsync(TimeSpan.FromSeconds(15), ct);
        await _node.ConfigureAsync(_ports, Broker.AdminUser, (await _password.GetValueAsync(ct))!, TimeSpan.FromSeconds(5), ct);
    }

    public Dictionary<string, string> Settings() => _node.Settings(_ports);
}

internal static class InstalledRabbitMqExtensions
{
    public static IResourceBuilder<InstalledRabbitMqResource> AddInstalledRabbitMq(this IDistributedApplicationBuilder builder, string name)
    {
        var ports = new RabbitMqPorts(
            Hosting.Ports.Take(name), Hosting.Ports.Take($"{name}-management"),
            Hosting.Ports.Take($"{name}-distribution"), Hosting.Ports.Take($"{name}-epmd"));
        var password = builder.AddPassword(name, "admin");
        var resource = new InstalledRabbitMqResource(name, ShopHome.Path(name), ports, password.Resource);
        builder.Services.AddHealthChecks().AddAsyncCheck(name, async ct =>
        {
            var secret = await password.Resource.GetValueAsync(ct);
            return await Health.OfRabbitMqAsync(
                () => new RabbitMqManagement(new Uri($"http://127.0.0.1:{ports.Management}/"), Broker.AdminUser, secret!), ports.Amqp, ct);
        });
        return builder.AddResource(resource)
            .WithEndpoint(port: ports.Amqp, targetPort: ports.Amqp, scheme: "tcp", name: Broker.Tcp, isProxied: false)
            .WithHttpEndpoint(port: ports.Management, targetPort: ports.Management, name: Broker.Management, isProxied: false)
            .WithArgs([.. resource.Arguments])
            .WithEnvironment(context =>
            {
                foreach (var (key, value) in resource.Settings())
                {
                    context.EnvironmentVariables[key] = value;
                }
            })
            .OnBeforeResourceStarted((_, _, ct) => resource.PrepareAsync(ct))
            .WithHealthCheck(name);
    }
}
