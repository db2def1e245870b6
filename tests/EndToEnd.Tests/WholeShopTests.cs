namespace Shop.EndToEnd.Tests;

/// <summary>The system as people run it: real processes, real servers, real crashes.</summary>
public sealed class WholeShopTests
{
    private static readonly string[] s_victims = ["ordering", "inventory", "notification", "analytics", "rabbitmq", "postgres"];

    [Fact]
    public async Task A_day_of_orders_survives_a_kill_of_every_service_and_server_and_the_data_survives_a_restart()
    {
#if CONTAINERS
        Assert.Skip("The native engine is not part of the containers profile; AppHost.Tests checks its parts there.");
#endif
        await using var shop = new RunningShop();
        await shop.StartAsync();
        await EveryServiceRehearsedAsync(await shop.StatusAsync());

        var demo = shop.CliAsync("demo", "--orders", "240", "--rate", "3", "--seed", "20261122");
        await Eventually.HoldsAsync("customers come", () => Directory.Exists(Path.Combine(shop.Home, "mail")));
        foreach (var victim in s_victims)
        {
            Assert.False(demo.IsCompleted, $"the demo was over before {victim} was killed: {(demo.IsCompleted ? (await demo).Output : "")}");
            await shop.KillAsync(victim);
        }

        var (exitCode, output) = await demo;
        Assert.True(exitCode == 0, output);
        foreach (var invariant in (string[])["I1", "I2", "I3", "I4", "I5"])
        {
            Assert.Contains($"{invariant} holds", output, StringComparison.Ordinal);
        }

        // Everything is there after a stop and a start, and adds up together with what comes on top.
        Assert.Equal(0, await shop.StopAsync());
        await Eventually.HoldsAsync("no process is left", () => shop.Processes().Count == 0);
        await shop.StartAsync();
        var (again, secondOutput) = await shop.CliAsync("demo", "--orders", "10", "--seed", "1");
        Assert.True(again == 0, secondOutput);

        Assert.Equal(0, await shop.StopAsync());
        await Eventually.HoldsAsync("no process is left", () => shop.Processes().Count == 0);
    }

    private static async Task EveryServiceRehearsedAsync(IReadOnlyList<Part> parts)
    {
        using var http = new HttpClient();
        foreach (var service in parts.Where(part => part.Url is not null))
        {
            var ready = await http.GetStringAsync(new Uri(new Uri(service.Url!), "/health/ready"));
            Assert.True(ready.Contains("Rehearsed in", StringComparison.Ordinal) && !ready.Contains("in part", StringComparison.Ordinal),
                $"{service.Name}: {ready}");
        }
    }
}
