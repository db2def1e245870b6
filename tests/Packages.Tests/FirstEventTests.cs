using System.Collections.Concurrent;
using System.Diagnostics;

namespace Shop.Packages.Tests;

/// <summary>From nothing to the first event, by the commands and the program of the package's README.</summary>
public sealed class FirstEventTests : IDisposable
{
    private const string Readme = "Messaging/README.md";
    private readonly string _folder = Directory.CreateTempSubdirectory("first-event-").FullName;

    [Fact]
    public void The_page_for_adopters_has_the_same_program_and_commands()
    {
        Assert.Contains(Page.Blocks(Readme, "csharp")[0], Page.Blocks("docs/adopt.md", "csharp"));
        Assert.Contains(Page.Blocks(Readme, "bash")[0], Page.Blocks("docs/adopt.md", "bash"));
    }

    [Fact]
    public async Task A_new_web_project_with_two_references_and_the_lines_of_the_README_sends_an_event_and_consumes_it()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "nuget.config"), $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <fallbackPackageFolders><add key="machine" value="{MachinePackages}" /></fallbackPackageFolders>
              <packageSources><add key="packed" value="{Packed.Folder}" /></packageSources>
            </configuration>
            """);
        await Packed.RunAsync(_folder, "bash", "-euc", Page.Blocks(Readme, "bash")[0]);
        var project = Path.Combine(_folder, "hello");
        await File.WriteAllTextAsync(Path.Combine(project, "Program.cs"), Page.Blocks(Readme, "csharp")[0]);
        await Packed.RunAsync(project, "dotnet", "build", "-nologo", "-v", "quiet");

        await using var database = await TestServers.CreateDatabaseAsync("hello");
        await using var broker = await TestServers.CreateVirtualHostAsync("hello");
        using var hello = await StartAsync(project, database, broker);
        var lines = Collect(hello);
        try
        {
            var address = await Eventually.IsAsync("it listens", () => Task.FromResult(lines.FirstOrDefault(line => line.Contains("Now listening on: ", StringComparison.Ordinal))),
                line => line is not null || hello.HasExited);
            Assert.False(hello.HasExited, string.Join('\n', lines));
            using var http = new HttpClient { BaseAddress = new Uri(address!.Split(": ")[^1]) };
            (await http.PostAsync(new Uri("/greetings/Ann", UriKind.Relative), null)).EnsureSuccessStatusCode();

            await Eventually.IsAsync("the event comes in", () => Task.FromResult(string.Join('\n', lines)), output => output.Contains("Hello Ann", StringComparison.Ordinal));
            await Eventually.HoldsAsync("it is in the inbox once", async () => await database.ScalarAsync<long>("SELECT count(*) FROM inbox") == 1);
            await Eventually.HoldsAsync("nothing is left to send", async () => await database.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        }
        finally
        {
            hello.Kill(entireProcessTree: true);
            await hello.WaitForExitAsync();
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string MachinePackages => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static async Task<Process> StartAsync(string project, TestDatabase database, TestVirtualHost broker)
    {
        var start = await Packed.StartAsync(project, "dotnet", Path.Combine(project, "bin/Debug/net10.0/hello.dll"), "--urls", "http://127.0.0.1:0");
        start.Environment["ConnectionStrings__Database"] = database.ConnectionString;
        start.Environment["ConnectionStrings__rabbitmq"] = broker.AmqpUri.ToString();
        return Process.Start(start)!;
    }

    private static ConcurrentQueue<string> Collect(Process process)
    {
        ConcurrentQueue<string> lines = [];
        process.OutputDataReceived += (_, line) => lines.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => lines.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return lines;
    }
}
