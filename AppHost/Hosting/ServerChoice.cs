using System.ComponentModel;
using System.Diagnostics;
using Shop.AppHost.Resources;

namespace Shop.AppHost.Hosting;

/// <summary>
/// Chooses between containers and the installed servers. SHOP_SERVERS decides; without it, containers if a runtime answers within 2 s and
/// both images are there or can be pulled, and the installed servers otherwise.
/// </summary>
internal static class ServerChoice
{
    private const string Variable = "SHOP_SERVERS";
    private const string Runtime = "ASPIRE_CONTAINER_RUNTIME";
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_answersWhereAskedFor = TimeSpan.FromSeconds(30); // a busy machine is no reason to refuse what somebody wants
    private static readonly TimeSpan s_pullsWithin = TimeSpan.FromMinutes(5);

    /// <param name="setting">A variable of the environment.</param>
    /// <param name="ct">Ends the search.</param>
    /// <exception cref="CannotStartException">Containers are asked for and cannot be had, or the setting is none of the two.</exception>
    public static async Task<Servers> MakeAsync(Func<string, string?> setting, CancellationToken ct)
    {
        var said = setting(Variable);
        switch (said)
        {
            case "native":
                return Installed($"because {Variable}=native");
            case "containers" or null or "":
                var (containers, missing) = await ContainersAsync(setting, said == "containers" ? s_answersWhereAskedFor : s_answersWithin, ct);
                return (containers, said) switch
                {
                    ({ } found, _) => found,
                    (_, "containers") => throw new CannotStartException(
                        $"{Variable}=containers, but {missing}.\n"
                        + "Start Docker or Podman and see that both images can be had: SHOP_POSTGRES_IMAGE and SHOP_RABBITMQ_IMAGE name others, and\n"
                        + $"deploy/server-images/build makes some without a registry. Or use the installed servers: {Variable}=native"),
                    _ => Installed($"because {missing}"),
                };
            default:
                throw new CannotStartException($"{Variable} is '{said}'. Set it to containers or native, or leave it out.");
        }
    }

    private static InstalledServers Installed(string reason) => new() { Description = $"the installed PostgreSQL and RabbitMQ, {reason}" };

    private static async Task<(ContainerServers? Servers, string? Missing)> ContainersAsync(
        Func<string, string?> setting, TimeSpan answersWithin, CancellationToken ct)
    {
        // The versions that Shop was tested with; another registry's or another name by configuration.
        var (postgres, rabbitMq) = (Or(setting("SHOP_POSTGRES_IMAGE"), "postgres:17"), Or(setting("SHOP_RABBITMQ_IMAGE"), "rabbitmq:4.0-management"));
        if (await RuntimeAsync(setting(Runtime), answersWithin, ct) is not { } runtime)
        {
            return (null, $"no container runtime answers within {answersWithin.TotalSeconds:0} s");
        }

        foreach (var image in (string[])[postgres, rabbitMq])
        {
            if (!await SucceedsAsync(runtime, ["image", "inspect", image], s_answersWhereAskedFor, ct))
            {
                Console.WriteLine($"Pulling {image} ({runtime}) ...");
                if (!await SucceedsAsync(runtime, ["pull", "--quiet", image], s_pullsWithin, ct))
                {
                    return (null, $"the image {image} is not there and cannot be pulled ({runtime})");
                }
            }
        }

        Environment.SetEnvironmentVariable(Runtime, runtime); // for the orchestrator
        return (new ContainerServers
        {
            Description = $"containers ({runtime}): {postgres}, {rabbitMq}",
            PostgresImage = postgres,
            RabbitMqImage = rabbitMq,
        }, null);
    }

    private static async Task<string?> RuntimeAsync(string? said, TimeSpan answersWithin, CancellationToken ct)
    {
        string[] candidates = string.IsNullOrEmpty(said) ? ["docker", "podman"] : [said];
        foreach (var candidate in candidates)
        {
            if (await SucceedsAsync(candidate, ["ps", "--quiet"], answersWithin, ct))
            {
                return candidate;
            }
        }

        return null;
    }

    private static async Task<bool> SucceedsAsync(string program, string[] arguments, TimeSpan within, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(within);
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            try
            {
                await Task.WhenAll(process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
                await process.WaitForExitAsync(patience.Token);
                return process.ExitCode == 0;
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                process.Kill(entireProcessTree: true);
                return false;
            }
        }
        catch (Win32Exception)
        {
            return false; // not installed
        }
    }

    private static string Or(string? chosen, string tested) => string.IsNullOrEmpty(chosen) ? tested : chosen;
}
