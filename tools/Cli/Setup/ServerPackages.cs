using Shop.Local.Servers;

namespace Shop.Cli.Setup;

/// <summary>
/// Installs PostgreSQL and RabbitMQ with apt where they are missing. The system's own servers are never started: the shop runs
/// servers of its own from the same programs.
/// </summary>
internal static class ServerPackages
{
    private const string Policy = "/usr/sbin/policy-rc.d";

    private static readonly string[] s_path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The container runtimes that are installed, whether they answer or not.</summary>
    public static IEnumerable<string> ContainerRuntimes => ((string[])["docker", "podman"]).Where(IsOnPath);

    private static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>Installs nothing where the AppHost will run the servers in containers, by SHOP_SERVERS or because a container runtime answers.</summary>
    public static async Task EnsureUnlessContainersAsync(CancellationToken ct)
    {
        if (!await ServerRule.MayBeContainersAsync(
            Environment.GetEnvironmentVariable, CommandLineRuntime.Candidates(Environment.GetEnvironmentVariable), ct))
        {
            await EnsureAsync(ct);
        }
    }

    /// <exception cref="FailureException">Something is missing and cannot be installed from here; the message has the command.</exception>
    public static async Task EnsureAsync(CancellationToken ct)
    {
        var missing = Missing().ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        var names = string.Join(' ', missing);
        var byHand = $"sudo apt-get install -y --no-install-recommends {names}";
        if (!IsOnPath("apt-get"))
        {
            throw new FailureException(
                $"not installed: {names}. Install PostgreSQL 15 or later and RabbitMQ 3.10 or later with this system's package manager.");
        }

        var log = ShopHome.Path("logs", "install.log");
        if (!IsRoot && !(IsOnPath("sudo") && await Child.LogAsync(log, "sudo", ["-n", "true"], ct) == 0))
        {
            throw new FailureException($"not installed: {names}. Install with:\n  {byHand}");
        }

        var done = await Progress.ShowAsync($"Installing {names}", $"about a minute; log: {log}", () => InstallAsync(missing, log, ct));
        if (!done)
        {
            Terminal.Note(string.Join('\n', (await File.ReadAllLinesAsync(log, ct)).TakeLast(20)));
            throw new FailureException($"installing failed (all of it: {log}). By hand: {byHand}");
        }
    }

    private static IEnumerable<string> Missing()
    {
        const string Postgres = "/usr/lib/postgresql";
        var initdb = Directory.Exists(Postgres)
            && Directory.EnumerateDirectories(Postgres).Any(version => File.Exists(Path.Combine(version, "bin", "initdb")));
        if (!initdb && !IsOnPath("initdb"))
        {
            yield return "postgresql";
        }

        if (!File.Exists("/usr/lib/rabbitmq/bin/rabbitmq-server") && !IsOnPath("rabbitmq-server"))
        {
            yield return "rabbitmq-server";
        }
    }

    private static async Task<bool> InstallAsync(string[] packages, string log, CancellationToken ct)
    {
        // This policy keeps packages from starting their servers.
        var ownPolicy = !File.Exists(Policy);
        if (ownPolicy)
        {
            await AsRootAsync("sh", "-c", $"printf '#!/bin/sh\\nexit 101\\n' >{Policy} && chmod 755 {Policy}");
        }

        try
        {
            return await AsRootAsync("apt-get", "update") == 0
                && await AsRootAsync(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends", .. packages]) == 0;
        }
        finally
        {
            if (ownPolicy)
            {
                await AsRootAsync("rm", "-f", Policy);
            }

            if (Directory.Exists("/run/systemd/system"))
            {
                await AsRootAsync(["systemctl", "disable", "--now", .. packages]);
            }
        }

        Task<int> AsRootAsync(params string[] words) => IsRoot
            ? Child.LogAsync(log, words[0], words[1..], ct)
            : Child.LogAsync(log, "sudo", words, ct);
    }

    private static bool IsOnPath(string program) => s_path.Any(directory => File.Exists(Path.Combine(directory, program)));
}
