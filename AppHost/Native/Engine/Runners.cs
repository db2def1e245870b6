using Shop.AppHost.Native.Model;

namespace Shop.AppHost.Native.Engine;

/// <summary>From what the page describes to what runs it.</summary>
internal static class Runners
{
    public static List<IRunner> For(IReadOnlyList<Resource> resources, EngineContext context)
    {
        context.Console.Introduce(resources.Where(r => r is not ParameterResource).Select(r => r.Name));
        var projects = resources.OfType<ProjectResource>().ToList();
        var runners = new List<IRunner>();
        foreach (var resource in resources)
        {
            IRunner? runner = resource switch
            {
                PostgresServerResource postgres => new PostgresRunner(postgres, Owners(postgres, projects), context),
                RabbitMQServerResource rabbitmq => new RabbitMqRunner(rabbitmq, context),
                ProjectResource { LaunchProfile: null } project => new CompletionRunner(project, context),
                ProjectResource project => new ServiceRunner(project, context),
                _ => null,
            };
            if (runner is PostgresRunner or RabbitMqRunner)
            {
                context.AddServer(runner);
            }

            if (runner is not null)
            {
                runners.Add(runner);
            }
        }

        return runners;
    }

    /// <summary>Each database of the server, with the one project that uses it.</summary>
    private static Dictionary<PostgresDatabaseResource, string> Owners(PostgresServerResource server, List<ProjectResource> projects)
    {
        var owners = new Dictionary<PostgresDatabaseResource, string>();
        foreach (var project in projects)
        {
            foreach (var database in project.References.Values.OfType<PostgresDatabaseResource>().Where(d => d.Server == server))
            {
                if (owners.TryGetValue(database, out var owner) && owner != project.DatabaseLogin)
                {
                    throw new StartFailedException(
                        $"{owner} and {project.DatabaseLogin} both refer to {database.Name}; a database belongs to one service.");
                }

                owners[database] = project.DatabaseLogin!;
            }
        }

        return owners;
    }
}
