namespace Shop.AppHost.Native.Model;

/// <summary>One thing of the system, under the name that logs, state and messages use.</summary>
internal abstract class Resource(string name)
{
    public string Name { get; } = name;

    /// <summary>What must be so before this resource starts.</summary>
    public List<ResourceWait> Waits { get; } = [];
}

/// <summary>A condition on another resource: healthy, or (for a run that ends) ended with exit code 0.</summary>
internal sealed record ResourceWait(Resource On, bool ForCompletion);

/// <summary>A secret or setting that the page names once and several resources receive.</summary>
internal sealed class ParameterResource(string name, string value) : Resource(name)
{
    public string Value { get; } = value;
}

/// <summary>A private PostgreSQL cluster.</summary>
internal sealed class PostgresServerResource(string name) : Resource(name);

/// <summary>
/// One database of the cluster. Waiting for it is waiting for the cluster, which is healthy once all its databases exist.
/// </summary>
internal sealed class PostgresDatabaseResource(string name, PostgresServerResource server) : Resource(name)
{
    public PostgresServerResource Server { get; } = server;
}

/// <summary>A private RabbitMQ node.</summary>
internal sealed class RabbitMQServerResource(string name) : Resource(name)
{
    public bool LoadsDefinitions { get; set; }
}

/// <summary>A run of one of the repository's projects: a service, or a program that ends.</summary>
internal sealed class ProjectResource(string name, IProjectMetadata metadata, LaunchProfile? launchProfile) : Resource(name)
{
    public string ProjectPath { get; } = metadata.ProjectPath;

    /// <summary>Null for a run that listens to nothing and is expected to end.</summary>
    public LaunchProfile? LaunchProfile { get; } = launchProfile;

    public List<string> Arguments { get; } = [];

    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>The servers and databases that the project receives a connection string of, by the name it is looked up by.</summary>
    public Dictionary<string, Resource> References { get; } = [];

    /// <summary>The login that the service has in its database. All runs of a service share it; other services have others.</summary>
    public string? DatabaseLogin { get; set; }

    /// <summary>Whom this run logs in to the database as: that login, or the owner.</summary>
    public string? DatabaseUser { get; set; }

    /// <summary>Whom the project logs in to the broker as.</summary>
    public string? BrokerUser { get; set; }

    public string? HealthPath { get; set; }
}
