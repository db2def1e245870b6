using Npgsql;
using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Containers;

/// <summary>What the page says of databases beyond Aspire's own calls; in the native profile Native/ says the same.</summary>
internal static class PostgresBuilderExtensions
{
    /// <summary>
    /// Gives the project the connection string of its database, as the service's own login or as the owner. The two logins are made
    /// when the database is there. Resources that wait for it start after that.
    /// </summary>
    public static IResourceBuilder<ProjectResource> WithReferenceAs(
        this IResourceBuilder<ProjectResource> project,
        IResourceBuilder<PostgresDatabaseResource> database,
        string user,
        string connectionName,
        bool asOwner = false)
    {
        if (asOwner)
        {
            database.OnResourceReady((resource, _, ct) => PrepareAsync(resource, user, ct));
            project.WithEnvironment("Database__RuntimeRole", user);
        }

        var login = asOwner ? DatabaseRoles.OwnerOf(user) : user;
        var server = database.Resource.Parent.PrimaryEndpoint;
        return project.WithEnvironment($"ConnectionStrings__{connectionName}", ReferenceExpression.Create(
            $"Host={server.Property(EndpointProperty.Host)};Port={server.Property(EndpointProperty.Port)};Database={database.Resource.DatabaseName};Username={login};Password={Password(login)}"));
    }

    private static async Task PrepareAsync(PostgresDatabaseResource database, string user, CancellationToken ct)
    {
        var readsLog = string.Equals(
            Environment.GetEnvironmentVariable("Messaging__Relay"), "LogTailing", StringComparison.OrdinalIgnoreCase);
        await using var source = NpgsqlDataSource.Create((await database.ConnectionStringExpression.GetValueAsync(ct))!);
        await using var command = source.CreateCommand(
            DatabaseRoles.Logins(database.DatabaseName, user, Password(user), Password(DatabaseRoles.OwnerOf(user)), readsLog)
            + DatabaseRoles.Ownership(database.DatabaseName, user));
        await command.ExecuteNonQueryAsync(ct);
    }

    private static string Password(string login) => DevelopmentSecrets.Password(ShopHome.Path("secrets"), $"postgres-{login}");
}
