using Aspire.Hosting.Docker.Resources.ServiceNodes;
using Npgsql;
using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Containers;

/// <summary>What the page says of databases beyond Aspire's own calls; in the native profile Native/ says the same.</summary>
internal static class PostgresBuilderExtensions
{
    /// <summary>
    /// Gives the project the connection string of its database, as the service's own login or as the owner. The two logins are made
    /// when the database is there, before the resources start that wait for it; published, at the server's first start.
    /// </summary>
    public static IResourceBuilder<ProjectResource> WithReferenceAs(
        this IResourceBuilder<ProjectResource> project,
        IResourceBuilder<PostgresDatabaseResource> database,
        string user,
        string connectionName,
        bool asOwner = false)
    {
        var app = project.ApplicationBuilder;
        if (asOwner)
        {
            project.WithEnvironment("Database__RuntimeRole", user);
            Prepare(app, database, user);
            project.PublishAsDockerComposeService((_, service) =>
                service.DependsOn[database.Resource.Parent.Name].Condition = "service_healthy"); // Aspire says: started
        }

        var login = asOwner ? DatabaseRoles.OwnerOf(user) : user;
        var server = database.Resource.Parent.PrimaryEndpoint;
        return project.WithEnvironment($"ConnectionStrings__{connectionName}", ReferenceExpression.Create(
            $"Host={server.Property(EndpointProperty.Host)};Port={server.Property(EndpointProperty.Port)};Database={database.Resource.DatabaseName};Username={login};Password={PasswordOf(app, login)}"));
    }

    private static void Prepare(IDistributedApplicationBuilder app, IResourceBuilder<PostgresDatabaseResource> database, string user)
    {
        var own = PasswordOf(app, user);
        var owner = PasswordOf(app, DatabaseRoles.OwnerOf(user));
        if (app.ExecutionContext.IsRunMode)
        {
            database.OnResourceReady(async (resource, _, ct) =>
                await PrepareAsync(resource, user, (await own.Resource.GetValueAsync(ct))!, (await owner.Resource.GetValueAsync(ct))!, ct));
            return;
        }

        var server = app.CreateResourceBuilder(database.Resource.Parent)
            .WithEnvironment($"PASSWORD_{PasswordParameters.AsVariable(user)}", own)
            .WithEnvironment($"PASSWORD_{PasswordParameters.AsVariable(DatabaseRoles.OwnerOf(user))}", owner);
        if (!server.Resource.HasAnnotationOfType<ContainerFileSystemCallbackAnnotation>())
        {
            server.WithEnvironment("DATABASE_SUFFIX", database.Resource.DatabaseName[user.Length..])
                .WithContainerFiles("/docker-entrypoint-initdb.d", [PublishedFile.Of("deploy/kubernetes/overlays/local/databases.sh")])
                .PublishAsDockerComposeService((_, service) => service.Healthcheck = new Healthcheck
                {
                    // Not by the socket: the server that runs the scripts at the first start listens there too.
                    Test = ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "postgres"],
                    Interval = "2s",
                    Timeout = "5s",
                    StartPeriod = "120s",
                    Retries = 15,
                });
        }
    }

    private static async Task PrepareAsync(
        PostgresDatabaseResource database, string user, string password, string ownerPassword, CancellationToken ct)
    {
        var readsLog = string.Equals(
            Environment.GetEnvironmentVariable("Messaging__Relay"), "LogTailing", StringComparison.OrdinalIgnoreCase);
        await using var source = NpgsqlDataSource.Create((await database.ConnectionStringExpression.GetValueAsync(ct))!);
        await using var command = source.CreateCommand(
            DatabaseRoles.Logins(database.DatabaseName, user, password, ownerPassword, readsLog)
            + DatabaseRoles.Ownership(database.DatabaseName, user));
        await command.ExecuteNonQueryAsync(ct);
    }

    private static IResourceBuilder<ParameterResource> PasswordOf(IDistributedApplicationBuilder app, string login) =>
        app.PasswordOf("postgres", login);
}
