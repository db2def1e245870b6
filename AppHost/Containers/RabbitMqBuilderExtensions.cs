using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Containers;

/// <summary>What the page says of the broker beyond Aspire's own calls; in the native profile Native/ says the same.</summary>
internal static class RabbitMqBuilderExtensions
{
    /// <summary>
    /// Loads the committed definitions when the broker is healthy. Resources that wait for the broker start after that: Aspire ends
    /// their wait when this event's callbacks are through.
    /// </summary>
    public static IResourceBuilder<RabbitMQServerResource> WithDefinitions(this IResourceBuilder<RabbitMQServerResource> broker) =>
        broker.OnResourceReady(async (resource, _, ct) =>
        {
            var administrator = new Uri((await resource.ConnectionStringExpression.GetValueAsync(ct))!).UserInfo.Split(':');
            using var management = new RabbitMqManagement(
                new Uri(resource.GetEndpoint("management").Url + "/"),
                Uri.UnescapeDataString(administrator[0]),
                Uri.UnescapeDataString(administrator[1]));
            await management.LoadAsync(RabbitMqDefinitions.Read(Password), ct);
        });

    /// <summary>Gives the project the broker's connection string as a user of its own, which the definitions name like it.</summary>
    public static IResourceBuilder<ProjectResource> WithReferenceAs(
        this IResourceBuilder<ProjectResource> project, IResourceBuilder<RabbitMQServerResource> broker, string user) =>
        project.WithEnvironment($"ConnectionStrings__{broker.Resource.Name}", ReferenceExpression.Create(
            $"amqp://{user}:{Password(user)}@{broker.Resource.PrimaryEndpoint.Property(EndpointProperty.HostAndPort)}/{RabbitMqDefinitions.VirtualHost}"));

    private static string Password(string user) => DevelopmentSecrets.Password(ShopHome.Path("secrets"), $"rabbitmq-{user}");
}
