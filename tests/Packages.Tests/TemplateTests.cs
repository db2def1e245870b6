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

    /// <summary>Most names of .NET projects have a dot; the name of a type has neither dot nor hyphen.</summary>
    [Fact]
    public async Task Names_with_dots_and_hyphens_make_projects_that_compile()
    {
        await Packed.ConfigureAsync(_folder);
        await Packed.RunAsync(_folder, "bash", "-euc", OwnTemplates + """
            dotnet new install Shop.Templates@1.0.0
            dotnet new shop-service -n Acme.Billing
            dotnet new shop-service -n order-desk
            dotnet new shop-event -n InvoicePaid --service order-desk -o order-desk.Contracts/V1
            dotnet new shop-event -n InvoiceSent --service Acme.Billing -o Acme.Billing.Contracts/V1
            dotnet new shop-consumer -n SentConsumer --event InvoiceSent --of Acme.Billing --in order-desk -o order-desk
            dotnet add order-desk reference Acme.Billing.Contracts
            """);

        await Packed.RunAsync(_folder, "dotnet", "build", "order-desk", "-nologo", "-v", "quiet", "-warnaserror");
        await Packed.RunAsync(_folder, "dotnet", "build", "Acme.Billing", "-nologo", "-v", "quiet", "-warnaserror");
        Assert.Contains("\"acme-billing.invoice-sent.v1\"", await File.ReadAllTextAsync(Path.Combine(_folder, "Acme.Billing.Contracts", "V1", "InvoiceSent.cs")), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
