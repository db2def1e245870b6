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
        await Packed.ConfigureAsync(_folder);
        await Packed.RunAsync(_folder, "bash", "-euc", Page.Blocks(Readme, "bash")[0]);
        var project = Path.Combine(_folder, "hello");
        await File.WriteAllTextAsync(Path.Combine(project, "Program.cs"), Page.Blocks(Readme, "csharp")[0]);
        await Packed.RunAsync(project, "dotnet", "build", "-nologo", "-v", "quiet");

        await using var database = await TestServers.CreateDatabaseAsync("hello");
        await using var broker = await TestServers.CreateVirtualHostAsync("hello");
        await using var hello = await RunningService.StartAsync(project, database, broker);
        (await hello.Http.PostAsync(new Uri("/greetings/Ann", UriKind.Relative), null)).EnsureSuccessStatusCode();

        await RunningService.HoldsAsync("the event is received", () => Task.FromResult(hello.Output.Contains("Hello Ann", StringComparison.Ordinal)), hello);
        await RunningService.HoldsAsync("it is in the inbox once", async () => await database.ScalarAsync<long>("SELECT count(*) FROM inbox") == 1, hello);
        await RunningService.HoldsAsync("nothing is left to send", async () => await database.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0, hello);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
