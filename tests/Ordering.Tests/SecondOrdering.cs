using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Shop.Ordering.Tests;

/// <summary>Another instance of the service, on the first one's database and broker, or on a broker that is not there.</summary>
internal sealed class SecondOrdering(OrderingService first, Uri? broker = null, IReadOnlyDictionary<string, string?>? settings = null) : ServiceFixture<Program>
{
    private readonly ServicesInside _inside = new();

    public IServiceProvider Services => _inside.Services;

    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
    {
        ["ConnectionStrings:Database"] = first.Database.RuntimeConnectionString,
        ["ConnectionStrings:rabbitmq"] = (broker ?? first.Broker.UriOf("ordering")).AbsoluteUri,
        ["Ordering:SweepInterval"] = "00:00:00.050",
        ["Ordering:SweepBatch"] = "2",
        ["Ordering:WatchInterval"] = "00:00:00.050",
    };

    public static async Task<SecondOrdering> BesideAsync(
        OrderingService first, Uri? broker = null, IReadOnlyDictionary<string, string?>? settings = null)
    {
        var second = new SecondOrdering(first, broker, settings);
        try
        {
            await second.InitializeAsync();
            return second;
        }
        catch
        {
            await second.DisposeAsync();
            throw;
        }
    }

    protected override void ConfigureServices(IServiceCollection services)
    {
        _inside.AddTo(services);
        services.PostConfigure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromMinutes(10)); // what does not end is not cut off
    }
}

/// <summary>Lets a test look into the running service.</summary>
internal sealed class ServicesInside
{
    private IServiceProvider? _services;

    public IServiceProvider Services => _services ?? throw new InvalidOperationException("The service was not started.");

    public void AddTo(IServiceCollection services) => services.AddHostedService(running =>
    {
        _services = running;
        return new Idle();
    });

    private sealed class Idle : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
