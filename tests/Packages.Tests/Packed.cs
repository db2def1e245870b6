using System.Diagnostics;
using System.Text;

[assembly: AssemblyFixture(typeof(Shop.Packages.Tests.Packed))]

namespace Shop.Packages.Tests;

/// <summary>The packages, packed once for all tests into the folder where samples/ has them from, as ./shop pack does.</summary>
public sealed class Packed : IAsyncLifetime
{
    /// <summary>The folder with the packages.</summary>
    public static string Folder { get; } = Path.Combine(Topology.Root, "artifacts", "packages");

    public async ValueTask InitializeAsync()
    {
        foreach (var folder in (string[])[Folder, Path.Combine(Topology.Root, "artifacts", "restored")])
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        await RunAsync(Topology.Root, "dotnet", "pack", "tools/build/Packages.proj", "-c", "Release", "--no-build", "-nologo", "-v", "quiet", "-o", Folder);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>
    /// A folder whose projects restore the packed packages, all others from the machine's folder of packages where it has them; but not if that
    /// has a Shop.Messaging, which would hide the packed one.
    /// </summary>
    public static Task ConfigureAsync(string folder)
    {
        var machine = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var fallback = Directory.Exists(Path.Combine(machine, "shop.messaging")) ? "" : $"""<add key="machine" value="{machine}" />""";
        return File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <fallbackPackageFolders>{fallback}</fallbackPackageFolders>
              <packageSources><add key="packed" value="{Folder}" /></packageSources>
            </configuration>
            """);
    }

    /// <summary>Runs a program to its end; its output. Fails with it where the program fails.</summary>
    public static async Task<string> RunAsync(string directory, string program, params IEnumerable<string> arguments)
    {
        using var process = Process.Start(await StartAsync(directory, program, arguments))!;
        process.StandardInput.Close();
        var output = new StringBuilder();
        await Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError), process.WaitForExitAsync());
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}");
        return output.ToString();

        async Task ReadAsync(StreamReader from)
        {
            while (await from.ReadLineAsync() is { } line)
            {
                lock (output)
                {
                    output.AppendLine(line);
                }
            }
        }
    }

    /// <summary>A program that gets the test servers' addresses, and leaves no build server behind.</summary>
    public static async Task<ProcessStartInfo> StartAsync(string directory, string program, params IEnumerable<string> arguments)
    {
        var servers = await TestServers.AddressesAsync();
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["SHOP_TEST_POSTGRES"] = servers.Postgres,
            ["SHOP_TEST_RABBITMQ"] = servers.RabbitMq.ToString(),
            ["SHOP_TEST_RABBITMQ_MANAGEMENT"] = servers.Management.ToString(),
            ["MSBUILDDISABLENODEREUSE"] = "1",
            ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
            ["UseSharedCompilation"] = "false",
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        })
        {
            start.Environment[name] = value;
        }

        return start;
    }
}
