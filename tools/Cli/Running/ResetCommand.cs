using System.CommandLine;
using Shop.Cli.Setup;
using Shop.Local.State;

namespace Shop.Cli.Running;

/// <summary>Stops the shop and deletes its data.</summary>
internal static class ResetCommand
{
    // By name: SHOP_HOME may be a directory that holds other things as well.
    private static readonly string[] s_names =
        ["postgres", "rabbitmq", "mail", "logs", "images", "secrets", "ports.json", "state.json", "ready", "apphost.lock", "apphost.pid"];

    public static Command Create()
    {
        var yes = new Option<bool>("--yes", "-y") { Description = "does not ask" };
        var command = new Command("reset", About.Text(
            "stop everything and delete the data", "Deletes databases, queues, mail, logs and secrets. Asks first."))
        {
            yes,
        };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(yes), ct));
        return command;
    }

    private static async Task<int> RunAsync(bool sure, CancellationToken ct)
    {
        if (!sure)
        {
            await Console.Error.WriteAsync($"Delete all databases, queues, mail, logs and secrets in {ShopHome.Root}? [y/N] ");
            if (Console.ReadLine()?.Trim().ToLowerInvariant() is not ("y" or "yes"))
            {
                throw new FailureException("nothing was deleted.");
            }
        }

        await DownCommand.StopAsync(ct);
        await RemoveVolumesAsync(ct);
        foreach (var path in s_names.Select(name => ShopHome.Path(name)))
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
            else
            {
                File.Delete(path);
            }
        }

        if (!Directory.EnumerateFileSystemEntries(ShopHome.Root).Any())
        {
            Directory.Delete(ShopHome.Root);
        }

        Console.WriteLine("Everything is deleted.");
        return 0;
    }

    /// <summary>Where the servers were containers, their data are in volumes. To remove those that are not there is no error.</summary>
    private static async Task RemoveVolumesAsync(CancellationToken ct)
    {
        string[] volumes = [$"shop-{ShopHome.Id}-postgres", $"shop-{ShopHome.Id}-rabbitmq"];
        var runtimes = ServerPackages.ContainerRuntimes.ToList();
        if (runtimes.Count == 0 && File.Exists(ShopHome.Path(PortBook.FileName)) && !Directory.Exists(ShopHome.Path("postgres")))
        {
            Terminal.Note($"The data are in the volumes {string.Join(" and ", volumes)}, and neither docker nor podman is here to remove them: docker volume rm {string.Join(' ', volumes)}");
        }

        foreach (var runtime in runtimes)
        {
            if (await Child.LogAsync(ShopHome.Path("logs", "containers.log"), runtime, ["volume", "rm", "--force", .. volumes], ct) != 0)
            {
                Terminal.Note($"{runtime} did not remove the volumes {string.Join(", ", volumes)}, if there were any: {runtime} volume ls");
            }
        }
    }
}
