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
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_pullsWithin = TimeSpan.FromMinutes(5);

    /// <summary>The versions that Shop was tested with; another registry's or name by configuration.</summary>
    private static string PostgresImage => Image("SHOP_POSTGRES_IMAGE", "postgres:17");

    private static string RabbitMqImage => Image("SHOP_RABBITMQ_IMAGE", "rabbitmq:4.0-management");

    /// <exception cref="CannotStartException">Containers are asked for and cannot be had, or the setting is none of the two.</exception>
    public static async Task<Servers> MakeAsync(CancellationToken ct)
    {
        switch (Environment.GetEnvironmentVariable(Variable))
        {
            case "native":
                return Installed($"because {Variable}=native");
            case "containers":
                return await ContainersAsync(ct) is (null, { } reason)
                    ? throw new CannotStartException(
                        $"{Variable}=containers, but {reason}.\n"
                        + $"Start Docker or Podman and see that both images can be had, or use the installed servers: {Variable}=native")
                    : (await ContainersAsync(ct)).Servers!;
            case null or "":
                var (containers, missing) = await ContainersAsync(ct);
                return containers ?? (Servers)Installed($"because {missing}");
            case var other:
                throw new CannotStartException($"{Variable} is '{other}'. Set it to containers or native, or leave it out.");
        }
    }

    private static InstalledServers Installed(string reason) => new() { Description = $"the installed PostgreSQL and RabbitMQ, {reason}" };

    private static async Task<(ContainerServers? Servers, string? Missing)> ContainersAsync(CancellationToken ct)
    {
        if (await RuntimeAsync(ct) is not { } runtime)
        {
            return (null, $"no container runtime answers within {s_answersWithin.TotalSeconds:0} s");
        }

        foreach (var image in (string[])[PostgresImage, RabbitMqImage])
        {
            if (!await SucceedsAsync(runtime, ["image", "inspect", image], s_answersWithin, ct))
            {
                Console.WriteLine($"Pulling {image} ({runtime}) ...");
                if (!await SucceedsAsync(runtime, ["pull", "--quiet", image], s_pullsWithin, ct))
                {
                    return (null, $"{runtime} answers, but the image {image} is not there and cannot be pulled");
                }
            }
        }

        Environment.SetEnvironmentVariable("ASPIRE_CONTAINER_RUNTIME", runtime);
        return (new ContainerServers
        {
            Description = $"containers ({runtime}): {PostgresImage}, {RabbitMqImage}",
            PostgresImage = PostgresImage,
            RabbitMqImage = RabbitMqImage,
        }, null);
    }

    private static async Task<string?> RuntimeAsync(CancellationToken ct)
    {
        string[] candidates = Environment.GetEnvironmentVariable("ASPIRE_CONTAINER_RUNTIME") is { Length: > 0 } said ? [said] : ["docker", "podman"];
        foreach (var candidate in candidates)
        {
            if (await SucceedsAsync(candidate, ["info"], s_answersWithin, ct))
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

    private static string Image(string variable, string tested) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } chosen ? chosen : tested;
}
