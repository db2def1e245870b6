using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Native.Model;

/// <summary>What the page says of a resource once it is there.</summary>
internal static class ResourceBuilderExtensions
{
    public static IResourceBuilder<PostgresDatabaseResource> AddDatabase(
        this IResourceBuilder<PostgresServerResource> server, string name) =>
        new ResourceBuilder<PostgresDatabaseResource>(new PostgresDatabaseResource(name, server.Resource));

    /// <summary>Data always stays between starts in this profile.</summary>
    public static IResourceBuilder<T> WithDataVolume<T>(this IResourceBuilder<T> server)
        where T : Resource => server;

    /// <inheritdoc cref="ContainerLifetime"/>
    public static IResourceBuilder<T> WithLifetime<T>(this IResourceBuilder<T> server, ContainerLifetime lifetime)
        where T : Resource
    {
        _ = lifetime;
        return server;
    }

    /// <summary>The native cluster's settings are in <see cref="Servers.PostgresCluster"/>.</summary>
    public static IResourceBuilder<PostgresServerResource> WithArgs(
        this IResourceBuilder<PostgresServerResource> server, params string[] arguments)
    {
        _ = arguments;
        return server;
    }

    /// <summary>The native node always runs with its management plugin: the shop makes the broker's users through it.</summary>
    public static IResourceBuilder<RabbitMQServerResource> WithManagementPlugin(
        this IResourceBuilder<RabbitMQServerResource> server) => server;

    /// <summary>
    /// Gives the project the connection string of its database under <paramref name="connectionName"/>, as the service's own login; as
    /// the owner's where <paramref name="asOwner"/> says so, with the name of the login that is to get the rights to what is made.
    /// </summary>
    public static IResourceBuilder<ProjectResource> WithReferenceAs(
        this IResourceBuilder<ProjectResource> project,
        IResourceBuilder<PostgresDatabaseResource> database,
        string user,
        string connectionName,
        bool asOwner = false)
    {
        project.Resource.References[connectionName] = database.Resource;
        project.Resource.DatabaseLogin = user;
        project.Resource.DatabaseUser = asOwner ? DatabaseRoles.OwnerOf(user) : user;
        return asOwner ? project.WithEnvironment("Database__RuntimeRole", user) : project;
    }

    /// <summary>Loads the committed definitions when the broker is healthy, before anything starts that waits for it.</summary>
    public static IResourceBuilder<RabbitMQServerResource> WithDefinitions(this IResourceBuilder<RabbitMQServerResource> broker)
    {
        broker.Resource.LoadsDefinitions = true;
        return broker;
    }

    /// <summary>
    /// Gives the project the connection string of the broker, as an amqp URI, under the broker's name, as a user that the definitions
    /// name.
    /// </summary>
    public static IResourceBuilder<ProjectResource> WithReferenceAs(
        this IResourceBuilder<ProjectResource> project, IResourceBuilder<RabbitMQServerResource> broker, string user)
    {
        project.Resource.References[broker.Resource.Name] = broker.Resource;
        project.Resource.BrokerUser = user;
        return project;
    }

    public static IResourceBuilder<ProjectResource> WithEnvironment(
        this IResourceBuilder<ProjectResource> project, string name, string value)
    {
        project.Resource.Environment[name] = value;
        return project;
    }

    public static IResourceBuilder<ProjectResource> WithEnvironment(
        this IResourceBuilder<ProjectResource> project, string name, IResourceBuilder<ParameterResource> value) =>
        project.WithEnvironment(name, value.Resource.Value);

    /// <summary>Mail becomes files in this directory.</summary>
    public static IResourceBuilder<ProjectResource> WithMailDirectory(this IResourceBuilder<ProjectResource> project, string path) =>
        project.WithEnvironment("Email__PickupDirectory", path);

    public static IResourceBuilder<ProjectResource> WithArgs(
        this IResourceBuilder<ProjectResource> project, params string[] arguments)
    {
        project.Resource.Arguments.AddRange(arguments);
        return project;
    }

    /// <summary>Addresses are open to every program of this machine in this profile.</summary>
    public static IResourceBuilder<ProjectResource> WithExternalHttpEndpoints(this IResourceBuilder<ProjectResource> project) =>
        project;

    /// <summary>The project is healthy when this path answers with 200.</summary>
    public static IResourceBuilder<ProjectResource> WithHttpHealthCheck(
        this IResourceBuilder<ProjectResource> project, string path)
    {
        project.Resource.HealthPath = path;
        return project;
    }

    /// <summary>Starts the resource when <paramref name="dependency"/> is healthy.</summary>
    public static IResourceBuilder<T> WaitFor<T>(this IResourceBuilder<T> resource, IResourceBuilder<Resource> dependency)
        where T : Resource
    {
        var on = dependency.Resource is PostgresDatabaseResource database ? database.Server : dependency.Resource;
        resource.Resource.Waits.Add(new ResourceWait(on, ForCompletion: false));
        return resource;
    }

    /// <summary>Starts the resource when <paramref name="dependency"/> has ended with exit code 0.</summary>
    public static IResourceBuilder<T> WaitForCompletion<T>(
        this IResourceBuilder<T> resource, IResourceBuilder<Resource> dependency)
        where T : Resource
    {
        resource.Resource.Waits.Add(new ResourceWait(dependency.Resource, ForCompletion: true));
        return resource;
    }
}
