using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>Commands of <c>./shop</c> as dashboard commands, beside Aspire's own stop, start and restart.</summary>
internal static class ShopCommands
{
    /// <summary>Orders from demo customers.</summary>
    public static IResourceBuilder<ServiceResource> WithDemoCommands(this IResourceBuilder<ServiceResource> service) => service
        .WithCommand("place-order", "Place a demo order", context => RunAsync(["demo", "--orders", "1"], context.CancellationToken),
            Options("Cart", "One customer places an order; what must hold is checked."))
        .WithCommand("run-demo", "Run the demo", context => RunAsync(["demo"], context.CancellationToken),
            Options("PeopleTeam", "A hundred customers come; what must hold is checked. About half a minute."));

    /// <summary>Retries the service's dead letters.</summary>
    public static IResourceBuilder<ServiceResource> WithDeadLetterCommand(this IResourceBuilder<ServiceResource> service) => service
        .WithCommand("retry-dead-letters", "Retry dead letters",
            context => RunAsync(["dead-letters", "retry", service.Resource.Name, "--all"], context.CancellationToken),
            Options("ArrowRepeatAll", "Those of all of this service's queues."));

    /// <summary>Commands that need the running service are disabled while it is stopped.</summary>
    private static CommandOptions Options(string icon, string description) => new()
    {
        IconName = icon,
        Description = description,
        UpdateState = context => context.ResourceSnapshot.State?.Text == KnownResourceStates.Running
            ? ResourceCommandState.Enabled
            : ResourceCommandState.Disabled,
    };

    /// <summary>Runs a command of <c>./shop</c>, and shows its output or its error.</summary>
    private static async Task<ExecuteCommandResult> RunAsync(string[] arguments, CancellationToken ct)
    {
        var result = await ServerProcesses.RunAsync(Dotnet, [Cli, .. arguments], ct);
        var output = result.Output.Trim();
        var shown = new CommandResultData { Value = output, Format = CommandResultFormat.Text, DisplayImmediately = true };
        return result.ExitCode == 0 ? CommandResults.Success(LastLine(output), shown) : CommandResults.Failure(Complaint(output), shown);
    }

    private static string Complaint(string output) =>
        output.IndexOf("shop: ", StringComparison.Ordinal) is >= 0 and var at ? output[(at + "shop: ".Length)..] : LastLine(output);

    private static string LastLine(string output) => output[(output.LastIndexOf('\n') + 1)..].Trim();

    private static string Dotnet => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static string Cli => ServiceBuilderExtensions.Program(Path.Combine(ShopHome.Repository, "tools", "Cli", "Cli.csproj"), "shop-cli");
}
