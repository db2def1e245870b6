using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Containers;

/// <summary>What the page says of the broker beyond Aspire's own calls; in the native profile Native/ says the same.</summary>
internal static class RabbitMqBuilderExtensions
{
    /// <summary>
    /// Loads the committed definitions when the broker is healthy. Resources that wait for the broker start after that: Aspire ends
    /// their wait when this event's callbacks are through. Published, a container of its own loads them, and services wait for their
    /// queues by themselves.
    /// </summary>
    public static IResourceBuilder<RabbitMQServerResource> WithDefinitions(this IResourceBuilder<RabbitMQServerResource> broker)
    {
        var passwords = RabbitMqDefinitions.Users().ToDictionary(user => user, user => PasswordOf(broker.ApplicationBuilder, user));
        if (broker.ApplicationBuilder.ExecutionContext.IsPublishMode)
        {
            AddLoader(broker, passwords);
            return broker.PublishAsDockerComposeService((_, service) => service.Hostname = broker.Resource.Name); // its data is that host's
        }

        return broker.OnResourceReady(async (resource, _, ct) =>
        {
            var known = new Dictionary<string, string>();
            foreach (var (user, password) in passwords)
            {
                known[user] = (await password.Resource.GetValueAsync(ct))!;
            }

            var administrator = new Uri((await resource.ConnectionStringExpression.GetValueAsync(ct))!).UserInfo.Split(':');
            using var management = new RabbitMqManagement(
                new Uri(resource.GetEndpoint("management").Url + "/"),
                Uri.UnescapeDataString(administrator[0]),
                Uri.UnescapeDataString(administrator[1]));
            await management.LoadAsync(RabbitMqDefinitions.Read(user => known[user]), ct);
        });
    }

    /// <summary>Gives the project the broker's connection string as a user of its own, which the definitions name like it.</summary>
    public static IResourceBuilder<ProjectResource> WithReferenceAs(
        this IResourceBuilder<ProjectResource> project, IResourceBuilder<RabbitMQServerResource> broker, string user) =>
        project.WithEnvironment($"ConnectionStrings__{broker.Resource.Name}", ReferenceExpression.Create(
            $"amqp://{user}:{PasswordOf(project.ApplicationBuilder, user)}@{broker.Resource.PrimaryEndpoint.Property(EndpointProperty.HostAndPort)}/{RabbitMqDefinitions.VirtualHost}"));

    /// <summary>What the Job of that name does in Kubernetes, with the same script.</summary>
    private static void AddLoader(
        IResourceBuilder<RabbitMQServerResource> broker, Dictionary<string, IResourceBuilder<ParameterResource>> passwords)
    {
        var loader = broker.ApplicationBuilder.AddContainer("broker-topology", "docker.io/curlimages/curl", "8.16.0")
            .WithEntrypoint("sh")
            .WithArgs("/topology/load.sh")
            .WithContainerFiles("/topology", [PublishedFile.Of("deploy/rabbitmq/load.sh"), PublishedFile.Of(RabbitMqDefinitions.RelativePath)])
            .WithEnvironment("BROKER_MANAGEMENT", broker.GetEndpoint("management"))
            .WithEnvironment("BROKER_DEFINITIONS", "/topology/definitions.json")
            .WithEnvironment("BROKER_ADMIN", broker.Resource.UserNameReference)
            .WithEnvironment("BROKER_ADMIN_PASSWORD", ReferenceExpression.Create($"{broker.Resource.PasswordParameter}"))
            .WaitFor(broker);
        foreach (var (user, password) in passwords)
        {
            loader.WithEnvironment($"BROKER_PASSWORD_{PasswordParameters.AsVariable(user)}", password);
        }
    }

    private static IResourceBuilder<ParameterResource> PasswordOf(IDistributedApplicationBuilder app, string user) =>
        app.PasswordOf("rabbitmq", user);
}
