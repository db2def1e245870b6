using System.Text.Json.Nodes;
using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Resources;

/// <summary>Buttons on the dashboard: what <c>./shop</c> does, a click away. Stop, start and restart are there already.</summary>
internal static class ShopCommands
{
    /// <summary>Orders from demo customers.</summary>
    public static IResourceBuilder<ServiceResource> WithDemoCommands(this IResourceBuilder<ServiceResource> service) => service
        .WithCommand("place-order", "Place a demo order", context => RunAsync(["demo", "--orders", "1"], context.CancellationToken),
            new CommandOptions { IconName = "Cart", Description = "One customer places an order; what must hold is checked." })
        .WithCommand("run-demo", "Run the demo", context => RunAsync(["demo"], context.CancellationToken),
            new CommandOptions { IconName = "PeopleTeam", Description = "A hundred customers come; what must hold is checked." });

    /// <summary>Sends what the service could not handle to its queues again.</summary>
    public static IResourceBuilder<ServiceResource> WithDeadLetterCommand(this IResourceBuilder<ServiceResource> service) => service
        .WithCommand("retry-dead-letters", "Send dead letters again", context => RetryAsync(service.Resource.Name, context.CancellationToken),
            new CommandOptions { IconName = "ArrowRepeatAll", Description = "Those of all of this service's queues." });

    private static async Task<ExecuteCommandResult> RetryAsync(string service, CancellationToken ct)
    {
        var listed = await ServerProcesses.RunAsync(Dotnet, [Cli, "dead-letters", "--json"], ct);
        if (listed.ExitCode != 0)
        {
            return CommandResults.Failure(listed.Output);
        }

        var queues = JsonNode.Parse(listed.Output)!.AsArray().Select(letter => (string)letter!["queue"]!)
            .Where(queue => queue.StartsWith(service + ".", StringComparison.Ordinal)).Distinct().ToList();
        foreach (var queue in queues)
        {
            if (await RunAsync(["dead-letters", "retry", queue, "--all"], ct) is { Success: false } failed)
            {
                return failed;
            }
        }

        return CommandResults.Success(queues.Count == 0 ? $"{service} has no dead letters." : $"Sent again: {string.Join(", ", queues)}");
    }

    private static async Task<ExecuteCommandResult> RunAsync(string[] arguments, CancellationToken ct)
    {
        var result = await ServerProcesses.RunAsync(Dotnet, [Cli, .. arguments], ct);
        return result.ExitCode == 0 ? CommandResults.Success(result.Output.Trim()) : CommandResults.Failure(result.Output.Trim());
    }

    private static string Dotnet => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static string Cli => ServiceBuilderExtensions.Program(Path.Combine(ShopHome.Repository, "Cli", "Cli.csproj"), "shop-cli");
}
