namespace Shop.Packages.Tests;

/// <summary>The templates, by the commands of docs/add.md: two new services, an event of the one, a consumer in the other.</summary>
public sealed class TemplateTests : IDisposable
{
    /// <summary>Templates are installed into the folder of the test instead of the user's.</summary>
    private const string OwnTemplates = """
        dotnet() { if [ "$1" = new ]; then command dotnet "$@" --debug:custom-hive "$PWD/hive"; else command dotnet "$@"; fi; }

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("templates-").FullName;

    [Fact]
    public async Task The_commands_of_the_page_make_two_services_and_an_event_that_arrives()
    {
        await Packed.ConfigureAsync(_folder);
        await Packed.RunAsync(_folder, "bash", "-euc", OwnTemplates + string.Join('\n', Page.Blocks("docs/add.md", "bash")));
        await Packed.RunAsync(_folder, "dotnet", "build", "Billing", "-nologo", "-v", "quiet", "-warnaserror");
        await Packed.RunAsync(_folder, "dotnet", "build", "Mail", "-nologo", "-v", "quiet", "-warnaserror");

        await using var broker = await TestServers.CreateVirtualHostAsync("templates");
        await using var bills = await TestServers.CreateDatabaseAsync("bills");
        await using var mails = await TestServers.CreateDatabaseAsync("mails");
        await using var mail = await RunningService.StartAsync(Path.Combine(_folder, "Mail"), mails, broker);
        await using var billing = await RunningService.StartAsync(Path.Combine(_folder, "Billing"), bills, broker);
        (await billing.Http.PostAsync(new Uri("/invoices/17/payment", UriKind.Relative), null)).EnsureSuccessStatusCode();

        await RunningService.HoldsAsync("the event is processed", async () => await mails.ScalarAsync<long>("SELECT count(*) FROM inbox") == 1, mail, billing);
        await RunningService.HoldsAsync("nothing is left to publish", async () => await bills.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0, mail, billing);
        Assert.Contains("InvoicePaid of 17", mail.Output, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
