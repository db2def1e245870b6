using System.Collections.Concurrent;

namespace Shop.Testing;

/// <summary>
/// Databases migrated by a service's <c>migrate</c> command: it runs once per service and test process, on a template database
/// that PostgreSQL copies for every test class.
/// </summary>
public static class MigratedDatabases
{
    private static readonly Uri s_noBroker = new("amqp://127.0.0.1:1"); // migrations need none
    private static readonly ConcurrentDictionary<string, Lazy<Task<TestDatabase>>> s_templates = new();

    /// <summary>Runs a service's <c>migrate</c> command on a database that is there.</summary>
    public static Task MigrateAsync<TProgram>(TestDatabase database)
    {
        ArgumentNullException.ThrowIfNull(database);
        var settings = ServiceInstance.Settings(database.ConnectionString, s_noBroker);
        settings["Database:RuntimeRole"] = database.RuntimeRole;
        return ServiceInstance.MigrateAsync<TProgram>(settings);
    }

    /// <summary>A database with all tables of a service and nothing in them, with two logins of its own; disposing drops them all.</summary>
    public static async Task<TestDatabase> CreateAsync<TProgram>()
    {
        var service = ServiceInstance.NameOf<TProgram>();
        var template = await s_templates.GetOrAdd(service, new Lazy<Task<TestDatabase>>(TemplateAsync<TProgram>)).Value;
        return await template.CopyAsync(TestServers.UniqueName(service));
    }

    internal static async Task DropTemplatesAsync()
    {
        foreach (var template in s_templates.Values.Where(template => template.IsValueCreated && template.Value.IsCompletedSuccessfully))
        {
            await (await template.Value).DisposeAsync();
        }

        s_templates.Clear();
    }

    private static async Task<TestDatabase> TemplateAsync<TProgram>()
    {
        var template = await TestServers.CreateDatabaseAsync("template");
        await MigrateAsync<TProgram>(template);
        await template.BecomeTemplateAsync();
        return template;
    }
}
