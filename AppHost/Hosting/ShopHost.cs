using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.AppHost.Resources;
using Shop.Local.Servers;
using Shop.Local.State;

namespace Shop.AppHost.Hosting;

/// <summary>Runs what the page describes: one shop a home, from nothing left over to nothing left over.</summary>
internal static class ShopHost
{
    private static readonly TimeSpan s_shutdown = TimeSpan.FromSeconds(60);

    /// <summary>Runs the system until Ctrl+C or SIGTERM and stops it; the process's exit code.</summary>
    public static async Task<int> RunAsync(string[] args, Action<IDistributedApplicationBuilder, Servers> describe)
    {
        try
        {
            using var home = InstanceLock.Acquire(ShopHome.Root);
            CleanEnvironment();
            await Leftovers.StopAsync(ShopHome.Root, Console.WriteLine, CancellationToken.None);
            var dashboard = Dashboard.OfThisHome();
            Console.WriteLine($"Dashboard  {dashboard.LoginUrl}");
            var rule = await ServerRule.ApplyAsync(Environment.GetEnvironmentVariable,
                CommandLineRuntime.Candidates(Environment.GetEnvironmentVariable), Console.WriteLine, CancellationToken.None);
            Environment.SetEnvironmentVariable(CommandLineRuntime.Variable, rule.Runtime?.Name); // for the orchestrator, which rejects an unknown one
            var servers = Servers.Of(rule);
            Console.WriteLine($"Servers    {rule.Description}");

            var builder = DistributedApplication.CreateBuilder([.. Settings(dashboard), .. args]);
            builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = s_shutdown);
            describe(builder, servers);
            builder.Services.AddSingleton(new StateKeeper(ShopHome.Root, dashboard.LoginUrl));
            builder.Services.AddHostedService<LogFiles>();
            builder.Services.AddHostedService<StateRecorder>();
            builder.Services.AddHostedService<Supervisor>(); // the last to start is the first to stop
            await using (var app = builder.Build())
            {
                await app.RunAsync();
            }

            await Leftovers.EndAsync(ShopHome.Root, TimeSpan.FromSeconds(15));
            Console.WriteLine("Stopped.");
            return 0;
        }
        catch (Exception e) when (e is CannotStartException or AnotherInstanceException or ServerMissingException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static string[] Settings(Dashboard dashboard) =>
    [
        "--Logging:LogLevel:Default=Warning",
        "--Logging:LogLevel:Microsoft.AspNetCore.DataProtection=Error", // of the orchestrator's own pages, which keep nothing
        "--Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host=None", // a start that Ctrl+C ends is no failure; any other is thrown too
        "--DcpPublisher:WaitForResourceCleanup=true",
        .. dashboard.Settings,
    ];

    /// <summary>What the caller has set for other servers must not reach ours; what we start carries the mark of this home.</summary>
    private static void CleanEnvironment()
    {
        var inherited = new Dictionary<string, string?>();
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            inherited[(string)variable.Key] = (string?)variable.Value;
        }

        var kept = new Dictionary<string, string?>(inherited);
        ServerProcesses.Clean(kept, null);
        foreach (var name in inherited.Keys.Except(kept.Keys))
        {
            Environment.SetEnvironmentVariable(name, null);
        }

        Leftovers.Mark(ShopHome.Root);
    }
}
