using System.Diagnostics;

namespace Shop.Testing.Tests;

/// <summary>Where the servers of a run come from, as printed by the program that ./shop test runs.</summary>
public sealed class ServeTests
{
    [Fact]
    public async Task An_invalid_setting_is_rejected()
    {
        var (code, _, errors) = await ServeAsync("kubernetes");

        Assert.Equal((1, "SHOP_SERVERS is 'kubernetes'. Set it to containers or native, or leave it out."), (code, errors.Trim()));
    }

    [Fact]
    public async Task Unavailable_containers_are_an_error_that_names_what_is_missing()
    {
        var (code, _, errors) = await ServeAsync("containers");

        Assert.Equal(1, code);
        Assert.Matches("SHOP_SERVERS=containers, but (no container runtime answers|the image localhost/nobody-made-it:1 is not there)", errors);
        Assert.Contains("SHOP_SERVERS=native", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_setting_unavailable_containers_are_replaced_by_installed_servers_with_the_reason()
    {
        Assert.SkipUnless(await TestServers.AreNativeAsync(), "The servers of this run are containers; others may not be installed.");

        var (code, output, _) = await ServeAsync(choice: null);

        Assert.Equal(0, code);
        Assert.Matches("^# the installed PostgreSQL and RabbitMQ, because (no container runtime answers|the image localhost/nobody-made-it:1 is not there)", output);
        Assert.Contains("SHOP_SERVERS=native\n", output, StringComparison.Ordinal);
    }

    /// <summary>With a runtime at an address where there is none, and an image that there is nowhere.</summary>
    private static async Task<(int ExitCode, string Output, string Errors)> ServeAsync(string? choice)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [typeof(TestServers).Assembly.Location, "serve"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock";
        start.Environment["SHOP_POSTGRES_IMAGE"] = "localhost/nobody-made-it:1";
        foreach (var given in (string[])["SHOP_SERVERS", "SHOP_TEST_POSTGRES", "SHOP_TEST_RABBITMQ", "SHOP_TEST_RABBITMQ_MANAGEMENT"])
        {
            start.Environment.Remove(given);
        }

        if (choice is not null)
        {
            start.Environment["SHOP_SERVERS"] = choice;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close(); // which ends it when the servers run
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(5));
        return (process.ExitCode, await output, await errors);
    }
}
