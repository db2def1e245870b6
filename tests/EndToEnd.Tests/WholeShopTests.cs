namespace Shop.EndToEnd.Tests;

/// <summary>The system as people run it: real processes, real servers, real crashes.</summary>
public sealed class WholeShopTests
{
    private static readonly string[] s_victims = ["ordering", "inventory", "notification", "analytics", "rabbitmq", "postgres"];

    [Fact]
    public async Task Orders_survive_a_kill_of_every_service_and_server_and_a_switch_to_log_tailing()
    {
        await using var shop = new RunningShop();
        await shop.StartAsync();

        await PlaceOrdersWhileKillingAsync(shop, orders: 30, s_victims);

        var (refused, message) = await shop.StartAnotherAsync();
        Assert.Equal((1, true), (refused, message.Contains("A shop already runs in", StringComparison.Ordinal)));

        // The AppHost itself is killed too. Everything is there after the next start, at the same ports, and adds up together with what
        // comes on top, whose events come from the log of each service's database.
        var ports = shop.Ports();
        await shop.KillAppHostAsync();
        await shop.StartAsync(relay: "LogTailing");
        Assert.Equal(ports, shop.Ports());
        await Eventually.IsAsync("each service is connected as its own login, and nobody as a database's owner", async () =>
        {
            var sessions = await shop.SessionsAsync();
            return (sessions.Count, Own: sessions.Count(session => session.Login + "-db" == session.Database));
        }, sessions => sessions == (4, 4));
        var (differs, difference) = await shop.CliAsync("topology", "--check");
        Assert.True(differs == 0, difference);
        await PlaceOrdersWhileKillingAsync(shop, orders: 10, "postgres");
        foreach (var service in (string[])["ordering", "inventory", "notification", "analytics"])
        {
            Assert.Contains("Relay reads the log", shop.LogOf(service), StringComparison.Ordinal);
        }

        await NothingIsParkedAsync(shop);

        Assert.Equal(0, await shop.StopAsync());
        Assert.Empty(shop.Processes());
        Assert.Contains("database system is shut down", shop.LogOf("postgres"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_the_servers_in_containers_a_day_of_orders_survives_a_kill_of_a_service()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("SHOP_SERVERS") == "native", "SHOP_SERVERS=native.");
        await using var shop = new RunningShop();
        try
        {
            await shop.StartAsync(servers: "containers");
        }
        catch (ServersMissingException e)
        {
            Assert.Skip(e.Message);
        }

        await PlaceOrdersWhileKillingAsync(shop, orders: 20, "ordering");
        Assert.Equal(0, await shop.StopAsync());
        Assert.Empty(shop.Processes());
    }

    private static async Task NothingIsParkedAsync(RunningShop shop)
    {
        var (exitCode, output) = await shop.CliAsync("outbox");
        Assert.True(exitCode == 0, output);
        Assert.Equal(4, output.Split("KB of log to confirm; 0 parked").Length - 1);
        Assert.Equal((0, true), await shop.CliAsync("outbox", "ordering", "--json") is var (code, json) ? (code, json.Contains("\"parked\": 0", StringComparison.Ordinal)) : default);
        Assert.Equal(1, (await shop.CliAsync("outbox", "retry", "ordering", "nobody")).ExitCode);
        Assert.Equal(2, (await shop.CliAsync("outbox", "warehouse")).ExitCode);
    }

    /// <summary>Customers order during the kills; in the end all invariants hold.</summary>
    private static async Task PlaceOrdersWhileKillingAsync(RunningShop shop, int orders, params string[] victims)
    {
        var closingTime = Path.Combine(shop.Home, "closing-time");
        File.Delete(closingTime); // yesterday's
        var demo = shop.CliAsync("demo", "--orders", $"{orders}", "--rate", "3", "--seed", $"{20261122 + orders}", "--until", closingTime, "--timeout", "900");
        await AssertMailsArriveAsync("the first customers", shop, demo);
        foreach (var victim in victims)
        {
            await shop.KillAsync(victim);
            await AssertMailsArriveAsync($"the customers after the kill of {victim}", shop, demo);
        }

        await File.WriteAllTextAsync(closingTime, "");
        var (exitCode, output) = await demo;
        Assert.True(exitCode == 0, output);
        foreach (var invariant in (string[])["I1", "I2", "I3", "I4", "I5"])
        {
            Assert.Contains($"{invariant} holds", output, StringComparison.Ordinal);
        }
    }

    /// <summary>A letter is the end of an order's way through Ordering, Inventory, the broker and Notification.</summary>
    private static async Task AssertMailsArriveAsync(string whose, RunningShop shop, Task<(int ExitCode, string Output)> demo)
    {
        var before = shop.CountLetters();
        await Eventually.HoldsAsync($"letters to {whose} are written",
            () => demo.IsCompleted || shop.CountLetters() > before);
        Assert.False(demo.IsCompleted, $"the demo ended before there were letters to {whose}: {(demo.IsCompleted ? (await demo).Output : "")}");
    }
}
