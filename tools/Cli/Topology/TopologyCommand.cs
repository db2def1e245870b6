using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Cli.Setup;
using Shop.Contracts;
using Shop.Local.Servers;
using Shop.Local.State;
using Shop.Messaging;

namespace Shop.Cli.Topology;

/// <summary>
/// Prints the broker's topology, derived from the contracts and the services' consumers; compares a running broker with the
/// committed one; loads that into it.
/// </summary>
internal static class TopologyCommand
{
    public static Command Create()
    {
        var check = new Option<bool>("--check") { Description = "compares the running broker with the committed definitions; 1 if it differs" };
        var load = new Option<bool>("--load")
        {
            Description = "adds to the running broker what the committed definitions have more; ./shop up does so at each start. With --broker, the "
                + "users' passwords are read from SHOP_BROKER_PASSWORD_ORDERING, _INVENTORY, ...",
        };
        var broker = new Option<string?>("--broker")
        {
            Description = "RabbitMQ's management elsewhere, as an administrator: http://user:password@host:port",
            HelpName = "url",
        };
        var noBuild = new Option<bool>("--no-build") { Description = "with what was built last" };
        var command = new Command("topology", About.Text("the broker's definitions; --check compares the broker", $"""
            Prints the broker's exchanges, queues, bindings, users and permissions as RabbitMQ definitions, derived from the contracts and the
            services' consumers. They are committed: ./shop topology > {RabbitMqDefinitions.RelativePath}
            """))
        {
            check, load, broker, noBuild,
        };
        command.SetAction((parsed, ct) =>
        {
            if (parsed.GetValue(check) && parsed.GetValue(load))
            {
                throw new UsageException("--check and --load cannot be combined.");
            }

            return parsed.GetValue(check) ? CheckAsync(parsed.GetValue(broker), ct)
                : parsed.GetValue(load) ? LoadAsync(parsed.GetValue(broker), ct)
                : PrintAsync(!parsed.GetValue(noBuild), ct);
        });
        return command;
    }

    private static async Task<int> PrintAsync(bool build, CancellationToken ct)
    {
        if (build)
        {
            await Build.EnsureAsync(ct);
        }

        var definitions = await ServiceTopologies.DeriveAsync(ct);
        Console.Write(DefinitionsText.Of(definitions));
        var unrouted = EventsWithoutQueue.In(definitions, ShopEvents.Catalog.Names);
        if (unrouted.Count > 0)
        {
            await Console.Error.WriteLineAsync(string.Join('\n', [.. unrouted.Select(EventsWithoutQueue.Describe), EventsWithoutQueue.WhatToDo]));
        }

        return unrouted.Count == 0 ? 0 : 1;
    }

    private static async Task<int> CheckAsync(string? elsewhere, CancellationToken ct)
    {
        using var management = Connect(elsewhere);
        var broker = await management.GetAsync("definitions", ct);
        var findings = TopologyComparison.Compare(RabbitMqDefinitions.Read(), broker);
        var unrouted = EventsWithoutQueue.In(broker, ShopEvents.Catalog.Names, RabbitMqDefinitions.VirtualHost);
        if (findings.Count + unrouted.Count == 0)
        {
            Console.WriteLine($"The broker matches {RabbitMqDefinitions.RelativePath}.");
            return 0;
        }

        findings.ToList().ForEach(finding => Console.WriteLine($"{finding.Kind,-9}  {finding.What}"));
        unrouted.ToList().ForEach(name => Console.WriteLine(EventsWithoutQueue.Describe(name)));
        Console.WriteLine($"""

            {findings.Count} differences from {RabbitMqDefinitions.RelativePath}. Missing: ./shop topology --load adds it. Extra and different:
            loading removes and changes nothing; see docs/operations.md.
            """);
        if (unrouted.Count > 0)
        {
            Console.WriteLine(EventsWithoutQueue.WhatToDo);
        }

        return 1;
    }

    private static async Task<int> LoadAsync(string? elsewhere, CancellationToken ct)
    {
        using var management = Connect(elsewhere);
        await management.LoadAsync(RabbitMqDefinitions.Read(elsewhere is null ? OwnPassword : GivenPassword), ct);
        Console.WriteLine($"Loaded {RabbitMqDefinitions.RelativePath}.");
        return 0;
    }

    private static string OwnPassword(string user) => DevelopmentSecrets.Password(ShopHome.Path("secrets"), $"rabbitmq-{user}");

    private static string GivenPassword(string user)
    {
        var variable = $"SHOP_BROKER_PASSWORD_{user.ToUpperInvariant()}";
        return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } password
            ? password
            : throw new InvalidOperationException($"The password of user {user} is missing. Set {variable}.");
    }

    /// <summary>The broker that is named, or the one of the shop on this machine.</summary>
    private static RabbitMqManagement Connect(string? broker)
    {
        if (broker is not null)
        {
            return Uri.TryCreate(broker, UriKind.Absolute, out var uri) && uri.UserInfo.Split(':') is [var user, var password]
                ? new RabbitMqManagement(
                    new Uri(uri.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped)),
                    Uri.UnescapeDataString(user),
                    Uri.UnescapeDataString(password))
                : throw new UsageException("--broker must be the address of RabbitMQ's management, such as http://user:password@localhost:15672.");
        }

        var book = ShopHome.Path(PortBook.FileName);
        var ports = File.Exists(book) ? JsonSerializer.Deserialize<JsonObject>(File.ReadAllText(book)) : null;
        return ports?["rabbitmq-management"] is { } port
            ? new RabbitMqManagement(new Uri($"http://127.0.0.1:{port}/"), RabbitMqServer.AdminUser,
                DevelopmentSecrets.Password(ShopHome.Path("secrets"), "rabbitmq-admin"))
            : throw new InvalidOperationException($"No broker is known in {ShopHome.Root}. Start the shop (./shop up), or name one with --broker.");
    }
}
