using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>One service's database, with two logins: its owner, as which it is migrated, and the running service's.</summary>
internal sealed class DatabaseResource(string name, string user, IResourceWithConnectionString server, ParameterResource ownerPassword)
    : Resource(name), IResourceWithParent<IResourceWithConnectionString>, IResourceWithConnectionString
{
    /// <summary>The running service's login.</summary>
    public string User => user;

    public IResourceWithConnectionString Parent => server;

    /// <summary>The owner's.</summary>
    public ReferenceExpression ConnectionStringExpression => ConnectionString(DatabaseRoles.OwnerOf(user), ownerPassword);

    public ReferenceExpression ConnectionString(string login, ParameterResource password)
    {
        var endpoint = new EndpointReference((IResourceWithEndpoints)server, Broker.Tcp);
        return ReferenceExpression.Create(
            $"Host={endpoint.Property(EndpointProperty.Host)};Port={endpoint.Property(EndpointProperty.Port)};Database={Name};Username={login};Password={password}");
    }
}

internal static class DatabaseBuilderExtensions
{
    /// <summary>Adds a database for the service that has <paramref name="user"/> as its login.</summary>
    public static IResourceBuilder<DatabaseResource> AddDatabase(
        this IResourceBuilder<IResourceWithConnectionString> server, string name, string user)
    {
        var builder = server.ApplicationBuilder;
        var ownerPassword = builder.AddPassword(server.Resource.Name, DatabaseRoles.OwnerOf(user)).Resource;
        var resource = new DatabaseResource(name, user, server.Resource, ownerPassword);
        builder.Services.AddHealthChecks().AddAsyncCheck(name, ct => Health.OfPostgresAsync(resource, ct));
        return builder.AddResource(resource)
            .WithInitialState(new CustomResourceSnapshot { ResourceType = "Database", Properties = [] })
            .WithParentRelationship(server)
            .WithHealthCheck(name);
    }

    /// <summary>Whether the services publish by log tailing.</summary>
    public static bool ReadsLog(this IDistributedApplicationBuilder builder) =>
        string.Equals(builder.Configuration["Messaging:Relay"], "LogTailing", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Makes the databases and their logins when the server is healthy, at each start: logins have the passwords and rights of now.
    /// </summary>
    public static IResourceBuilder<IResourceWithConnectionString> WithPreparedDatabases<T>(this IResourceBuilder<T> server)
        where T : IResourceWithConnectionString
    {
        var builder = server.ApplicationBuilder;
        var readsLog = builder.ReadsLog();
        server.OnResourceReady(async (resource, ready, ct) =>
        {
            var notifications = ready.Services.GetRequiredService<ResourceNotificationService>();
            var admin = (await resource.GetConnectionStringAsync(ct))!;
            await ExecuteAsync(admin, "postgres", "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;", ct);
            foreach (var database in Databases(builder, resource))
            {
                await PrepareAsync(builder, database, admin, readsLog, ct);
                await notifications.PublishUpdateAsync(database, now => now with { State = KnownResourceStates.Running });
            }
        });
        server.OnResourceStopped(async (resource, stopped, _) =>
        {
            var notifications = stopped.Services.GetRequiredService<ResourceNotificationService>();
            foreach (var database in Databases(builder, resource))
            {
                await notifications.PublishUpdateAsync(database, now => now with { State = KnownResourceStates.Exited });
            }
        });
        return (IResourceBuilder<IResourceWithConnectionString>)server;
    }

    /// <summary>
    /// Gives the program its database's connection string: as the service's own login, or as the owner, with the name of the login
    /// to which the owner grants rights.
    /// </summary>
    public static IResourceBuilder<T> WithDatabase<T>(
        this IResourceBuilder<T> program, IResourceBuilder<DatabaseResource> database, bool asOwner = false)
        where T : IResourceWithEnvironment
    {
        var resource = database.Resource;
        var login = asOwner ? DatabaseRoles.OwnerOf(resource.User) : resource.User;
        var password = program.ApplicationBuilder.AddPassword(resource.Parent.Name, login).Resource;
        if (asOwner)
        {
            program.WithEnvironment("Database__RuntimeRole", resource.User);
        }

        return program.WithEnvironment("ConnectionStrings__Database", resource.ConnectionString(login, password));
    }

    private static IEnumerable<DatabaseResource> Databases(IDistributedApplicationBuilder builder, IResource server) =>
        builder.Resources.OfType<DatabaseResource>().Where(database => database.Parent == server);

    private static async Task PrepareAsync(
        IDistributedApplicationBuilder builder, DatabaseResource database, string admin, bool readsLog, CancellationToken ct)
    {
        var server = database.Parent.Name;
        var password = (await builder.AddPassword(server, database.User).Resource.GetValueAsync(ct))!;
        var ownerPassword = (await builder.AddPassword(server, DatabaseRoles.OwnerOf(database.User)).Resource.GetValueAsync(ct))!;
        await ExecuteAsync(admin, "postgres", DatabaseRoles.Logins(database.Name, database.User, password, ownerPassword, readsLog), ct);
        if (!await ExistsAsync(admin, database.Name, ct))
        {
            var owner = DatabaseRoles.Identifier(DatabaseRoles.OwnerOf(database.User));
            await ExecuteAsync(admin, "postgres", $"CREATE DATABASE {DatabaseRoles.Identifier(database.Name)} OWNER {owner}", ct);
        }

        await ExecuteAsync(admin, database.Name, DatabaseRoles.Ownership(database.Name, database.User), ct);
    }

    private static async Task<bool> ExistsAsync(string admin, string database, CancellationToken ct)
    {
        await using var connection = await OpenAsync(admin, "postgres", ct);
        await using var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", connection)
        {
            Parameters = { new() { Value = database } },
        };
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task ExecuteAsync(string admin, string database, string sql, CancellationToken ct)
    {
        await using var connection = await OpenAsync(admin, database, ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static async Task<NpgsqlConnection> OpenAsync(string admin, string database, CancellationToken ct)
    {
        var connection = new NpgsqlConnection($"{admin};Database={database};Pooling=false");
        await connection.OpenAsync(ct);
        return connection;
    }
}
