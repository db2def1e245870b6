using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>What services use of the broker, wherever it runs.</summary>
internal static class Broker
{
    public const string AdminUser = RabbitMqServer.AdminUser;

    /// <summary>The endpoint for clients, of either server.</summary>
    public const string Tcp = "tcp";

    /// <summary>The endpoint of the broker's HTTP API and pages.</summary>
    public const string Management = "management";

    /// <summary>
    /// Loads the committed definitions when the broker is healthy, at each start. Resources that wait for it start after that: Aspire
    /// ends their wait when this event's callbacks are through.
    /// </summary>
    public static IResourceBuilder<IResourceWithConnectionString> WithDefinitions<T>(this IResourceBuilder<T> broker)
        where T : IResourceWithConnectionString, IResourceWithEndpoints
    {
        var builder = broker.ApplicationBuilder;
        var passwords = RabbitMqDefinitions.Users().Append("admin").ToDictionary(user => user, user => builder.AddPassword(broker.Resource.Name, user).Resource);
        broker.OnResourceReady(async (resource, _, ct) =>
        {
            var known = new Dictionary<string, string>();
            foreach (var (user, password) in passwords)
            {
                known[user] = (await password.GetValueAsync(ct))!;
            }

            using var management = new RabbitMqManagement(new Uri(resource.GetEndpoint(Management).Url + "/"), AdminUser, known["admin"]);
            await PrepareAsync(management, user => known[user], ct);
        });
        return (IResourceBuilder<IResourceWithConnectionString>)broker;
    }

    /// <summary>Gives the program the broker's address as a user of its own, which the definitions name like it.</summary>
    public static IResourceBuilder<T> WithBroker<T>(
        this IResourceBuilder<T> program, IResourceBuilder<IResourceWithConnectionString> broker, string user)
        where T : IResourceWithEnvironment
    {
        var password = program.ApplicationBuilder.AddPassword(broker.Resource.Name, user);
        var endpoint = new EndpointReference((IResourceWithEndpoints)broker.Resource, Tcp);
        return program.WithEnvironment($"ConnectionStrings__{broker.Resource.Name}", ReferenceExpression.Create(
            $"amqp://{user}:{password}@{endpoint.Property(EndpointProperty.HostAndPort)}/{RabbitMqDefinitions.VirtualHost}"));
    }

    private static async Task PrepareAsync(RabbitMqManagement management, Func<string, string> passwordOf, CancellationToken ct)
    {
        await management.EnableFeatureFlagsAsync(ct);
        await management.DeleteAsync("users/guest", ct);
        await management.PutAsync($"vhosts/{RabbitMqDefinitions.VirtualHost}", new { }, ct);
        await management.PutAsync(
            $"permissions/{RabbitMqDefinitions.VirtualHost}/{AdminUser}", new { configure = ".*", write = ".*", read = ".*" }, ct);
        await management.LoadAsync(RabbitMqDefinitions.Read(passwordOf), ct);
    }
}
