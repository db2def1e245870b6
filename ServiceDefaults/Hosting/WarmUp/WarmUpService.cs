using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Hosting.WarmUp;

/// <summary>
/// Plays the service's rehearsals once it listens, <c>WarmUp:Rounds</c> times (1): one compiles what is used, some twenty make the
/// runtime optimise it too. The service is ready when they are over, however they end, or when they have taken as long as
/// <c>WarmUp:AtMost</c> (15 s) allows; zero means none.
/// </summary>
internal sealed partial class WarmUpService(
    IServiceProvider services, IEnumerable<IRehearsal> rehearsals, IHostApplicationLifetime lifetime, IConfiguration configuration,
    TimeProvider clock, ILogger<WarmUpService> logger) : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan s_atMost = TimeSpan.FromSeconds(15);

    private volatile string? _outcome;

    /// <summary>The application's middleware, from the first to the endpoints.</summary>
    public RequestDelegate Pipeline { get; set; } = _ => throw new InvalidOperationException("The service has no pipeline.");

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_outcome is { } outcome ? HealthCheckResult.Healthy(outcome) : HealthCheckResult.Unhealthy("Warming up."));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var atMost = configuration.GetValue("WarmUp:AtMost", s_atMost);
        if (atMost <= TimeSpan.Zero)
        {
            _outcome = "No rehearsal.";
            return;
        }

        await StartedAsync(stoppingToken); // only then there is a pipeline
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var watch = Stopwatch.StartNew();
        var failed = 0;
        try
        {
            // Whatever does not heed the token is left behind: it can keep nothing.
            var playing = Task.Run(() => PlayAsync(limit.Token), CancellationToken.None);
            failed = await playing.WaitAsync(atMost, clock, stoppingToken);
        }
        catch (TimeoutException)
        {
            failed = 1;
            LogTooLong(atMost);
            await limit.CancelAsync();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }

        _outcome = string.Create(CultureInfo.InvariantCulture,
            $"{(failed == 0 ? "Rehearsed" : "Rehearsed in part")} in {watch.ElapsedMilliseconds} ms.");
    }

    private async Task<int> PlayAsync(CancellationToken ct)
    {
        var stage = new Stage(services, Pipeline);
        var failed = 0;
        var rounds = Enumerable.Repeat(rehearsals, configuration.GetValue("WarmUp:Rounds", 1));
        foreach (var rehearsal in rounds.SelectMany(all => all).TakeWhile(_ => !ct.IsCancellationRequested))
        {
            try
            {
                await rehearsal.PlayAsync(stage, ct);
            }
#pragma warning disable CA1031 // A warm-up is a courtesy: no failure of it may keep a service from starting.
            catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
            {
                failed++;
                LogFailed(rehearsal.GetType().Name, e);
            }
        }

        return failed;
    }

    private async Task StartedAsync(CancellationToken ct)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await started.Task.WaitAsync(ct);
    }

    [LoggerMessage(LogLevel.Warning, "{Rehearsal} did not play to its end, so the first requests may be slow.")]
    private partial void LogFailed(string rehearsal, Exception exception);

    [LoggerMessage(LogLevel.Warning, "The rehearsals take longer than {AtMost}; the service is ready without them.")]
    private partial void LogTooLong(TimeSpan atMost);
}

/// <summary>Adds the warm-up to a service.</summary>
internal static class WarmUpRegistration
{
    public static void AddWarmUp(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<RehearsalMark>();
        builder.Services.AddSingleton<WarmUpService>().AddHostedService(services => services.GetRequiredService<WarmUpService>());
        builder.Services.AddHealthChecks().AddCheck<WarmUpService>("warm-up", tags: [HttpDefaults.ReadyTag]);
    }

    /// <summary>To be called first: a rehearsed request goes through everything that is added after.</summary>
    public static void UseWarmUp(this WebApplication app) => app.Use(next =>
    {
        app.Services.GetRequiredService<WarmUpService>().Pipeline = next;
        return next;
    });
}
