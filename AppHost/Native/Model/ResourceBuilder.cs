namespace Shop.AppHost.Native.Model;

/// <summary>A project that the page can name as a type.</summary>
internal interface IProjectMetadata
{
    /// <summary>The full path of the project file.</summary>
    string ProjectPath { get; }
}

/// <summary>A resource while the page describes it. An interface because Aspire's is one, covariant like this.</summary>
internal interface IResourceBuilder<out T>
    where T : Resource
{
    T Resource { get; }
}

internal sealed record ResourceBuilder<T>(T Resource) : IResourceBuilder<T>
    where T : Resource;

/// <summary>How long a server lives. In this profile servers stop with the shop, and their data stays, whichever is said.</summary>
internal enum ContainerLifetime
{
    Session,
    Persistent,
}

/// <summary>Everything that the page described, in the order of its lines.</summary>
internal sealed class DistributedApplicationBuilder(IReadOnlyList<string> args)
{
    public List<Resource> Resources { get; } = [];

    public IResourceBuilder<PostgresServerResource> AddPostgres(string name) => Add(new PostgresServerResource(name));

    public IResourceBuilder<RabbitMQServerResource> AddRabbitMQ(string name) => Add(new RabbitMQServerResource(name));

    public IResourceBuilder<ParameterResource> AddParameter(string name, string value, bool secret = false)
    {
        _ = secret; // This profile shows no parameters anywhere, so it has nothing to hide.
        return Add(new ParameterResource(name, value));
    }

    /// <summary>Adds a project that listens at the address of its launch settings.</summary>
    public IResourceBuilder<ProjectResource> AddProject<TProject>(string name)
        where TProject : IProjectMetadata, new()
    {
        var project = new TProject();
        return Add(new ProjectResource(name, project, LaunchProfile.Of(project.ProjectPath)));
    }

    /// <summary>
    /// Adds a run of a project without its launch settings (<paramref name="launchProfileName"/> is null): it has no address.
    /// </summary>
    public IResourceBuilder<ProjectResource> AddProject<TProject>(string name, string? launchProfileName)
        where TProject : IProjectMetadata, new()
    {
        var project = new TProject();
        return Add(new ProjectResource(name, project, launchProfileName is null ? null : LaunchProfile.Of(project.ProjectPath)));
    }

    /// <summary>What Aspire would publish to; this profile publishes nothing.</summary>
    public DistributedApplicationBuilder AddDockerComposeEnvironment(string name)
    {
        _ = name;
        return this;
    }

    public DistributedApplication Build() => new(Resources, args);

    internal ResourceBuilder<T> Add<T>(T resource)
        where T : Resource
    {
        if (Resources.Any(other => other.Name == resource.Name))
        {
            throw new InvalidOperationException($"Two resources are named {resource.Name}.");
        }

        Resources.Add(resource);
        return new ResourceBuilder<T>(resource);
    }
}
