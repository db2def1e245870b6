using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.AppHost.Native.Servers;
using Shop.AppHost.Native.State;
using Shop.Contracts;

namespace Shop.Cli.Topology;

/// <summary>
/// Prints the broker's topology, derived from the contracts and the services' consumers; compares a running broker with the
/// committed one; loads that into it.
/// </summary>
internal static class TopologyCommand
{
    public static Command Command { get; } = new(
        "topology",
        "topology [--check | --load] [--broker http://user:password@host:port]",
        "Prints the broker's definitions as the services need them, or compares a running broker with the committed ones.",
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, CancellationToken ct)
    {
        var (check, load, broker) = (arguments.Flag("--check"), arguments.Flag("--load"), arguments.Option("--broker"));
        arguments.End();
        if (check && load)
        {
            throw new UsageException("--check and --load are two calls.");
        }

        try
        {
            if (!check && !load)
            {
                return await PrintAsync(ct);
            }

            using var management = Connect(broker);
            return check ? await CheckAsync(management, ct) : await LoadAsync(management, broker is null ? OwnPassword : GivenPassword, ct);
        }
        catch (Exception e) when (e is InvalidOperationException or HttpRequestException or IOException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static async Task<int> PrintAsync(CancellationToken ct)
    {
        var definitions = await ServiceTopologies.DeriveAsync(ct);
        Console.Write(DefinitionsText.Of(definitions));
        var unheard = EventsWithoutQueue.In(definitions, EventCatalog.Names);
        if (unheard.Count > 0)
        {
            await Console.Error.WriteLineAsync(string.Join('\n', [.. unheard.Select(EventsWithoutQueue.Describe), EventsWithoutQueue.WhatToDo]));
        }

        return unheard.Count == 0 ? 0 : 1;
    }

    private static async Task<int> CheckAsync(RabbitMqManagement management, CancellationToken ct)
    {
        var broker = await management.GetAsync("definitions", ct);
        var findings = TopologyComparison.Compare(RabbitMqDefinitions.Read(), broker);
        var unheard = EventsWithoutQueue.In(broker, EventCatalog.Names, RabbitMqDefinitions.VirtualHost);
        if (findings.Count + unheard.Count == 0)
        {
            Console.WriteLine($"The broker is as {RabbitMqDefinitions.RelativePath} says.");
            return 0;
        }

        findings.ToList().ForEach(finding => Console.WriteLine($"{finding.Kind,-9}  {finding.What}"));
        unheard.ToList().ForEach(name => Console.WriteLine(EventsWithoutQueue.Describe(name)));
        Console.WriteLine($"""

            {findings.Count} differences from {RabbitMqDefinitions.RelativePath}. Missing: ./shop topology --load adds it. Extra and different:
            loading removes and changes nothing; docs/topology.md says what to do.
            """);
        if (unheard.Count > 0)
        {
            Console.WriteLine(EventsWithoutQueue.WhatToDo);
        }

        return 1;
    }

    private static async Task<int> LoadAsync(RabbitMqManagement management, Func<string, string> passwordOf, CancellationToken ct)
    {
        await management.LoadAsync(RabbitMqDefinitions.Read(passwordOf), ct);
        Console.WriteLine($"Loaded {RabbitMqDefinitions.RelativePath}.");
        return 0;
    }

    private static string OwnPassword(string user) => DevelopmentSecrets.Password(ShopHome.Path("secrets"), $"rabbitmq-{user}");

    private static string GivenPassword(string user)
    {
        var variable = $"SHOP_BROKER_PASSWORD_{user.ToUpperInvariant()}";
        return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } password
            ? password
            : throw new InvalidOperationException($"Which password shall the user {user} have? Set {variable}.");
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
                : throw new UsageException("--broker takes the address of RabbitMQ's management, such as http://user:password@localhost:15672.");
        }

        var book = ShopHome.Path(PortBook.FileName);
        var ports = File.Exists(book) ? JsonSerializer.Deserialize<JsonObject>(File.ReadAllText(book)) : null;
        return ports?["rabbitmq-management"] is { } port
            ? new RabbitMqManagement(new Uri($"http://127.0.0.1:{port}/"), RabbitMqServer.AdminUser,
                DevelopmentSecrets.Password(ShopHome.Path("secrets"), "rabbitmq-admin"))
            : throw new InvalidOperationException($"No broker is known in {ShopHome.Root}. Start the shop (./shop up), or name one with --broker.");
    }
}
