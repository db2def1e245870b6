using System.Diagnostics;
using System.Text.Json.Nodes;
using Shop.Operations;

namespace Shop.Cli.Topology;

/// <summary>Asks each service's program for its part of the topology and puts the parts together.</summary>
internal static class ServiceTopologies
{
    public static async Task<JsonObject> DeriveAsync(CancellationToken ct)
    {
        var parts = await Task.WhenAll(ShopServices.Projects.Select(service => AskAsync(service, "topology", ct)));
        var whole = new JsonObject();
        foreach (var category in parts[0].Select(member => member.Key))
        {
            var items = parts.SelectMany(part => part[category]!.AsArray()).Select(item => item!.ToJsonString())
                .Distinct().Order(StringComparer.Ordinal);
            whole[category] = new JsonArray([.. items.Select(item => JsonNode.Parse(item))]);
        }

        return whole;
    }

    /// <summary>What a service's program prints for a command that needs no server.</summary>
    public static async Task<JsonObject> AskAsync(string service, string command, CancellationToken ct)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(
            ShopHome.Repository, "services", service, "bin", output.Parent!.Name, output.Name, service + ".dll");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [program, command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ConnectionStrings__Database"] = "Host=nowhere"; // it connects to nothing
        start.Environment["ConnectionStrings__rabbitmq"] = "amqp://nowhere";
        using var process = Process.Start(start)!;
        var (text, errors) = (process.StandardOutput.ReadToEndAsync(ct), process.StandardError.ReadToEndAsync(ct));
        await process.WaitForExitAsync(ct);
        return process.ExitCode == 0
            ? JsonNode.Parse(await text)!.AsObject()
            : throw new InvalidOperationException($"{program} {command} ended with {process.ExitCode}:\n{await text}{await errors}");
    }
}
