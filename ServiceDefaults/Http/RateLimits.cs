using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Rate and concurrency limits per caller and in all, with Retry-After, so that one caller does not slow down others. Each caller has a rate, lower for writes, and a
/// number of concurrent requests and streams; all callers together share the service's capacity. Health checks are not limited.
/// </summary>
public static class RateLimits
{
    /// <summary>The policy of streaming routes, which count as streams and not as requests.</summary>
    public const string Streams = "streams";

    private const int WaitingPerCaller = 224;
    private const int WaitingPerRunning = 4;

    internal static void AddRateLimits(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<RateLimitSettings>().BindConfiguration("RateLimits").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddRateLimiter();
        builder.Services.AddOptions<RateLimiterOptions>().Configure<IOptions<RateLimitSettings>>((limiter, settings) =>
        {
            var limits = settings.Value;
            var total = PartitionedRateLimiter.Create<HttpContext, string>(http => Total(http, limits));
            limiter.GlobalLimiter = PartitionedRateLimiter.CreateChained(
                PartitionedRateLimiter.Create<HttpContext, string>(http => Rate(http, limits)),
                PartitionedRateLimiter.Create<HttpContext, string>(http => PerCaller(http, limits)),
                total);
            limiter.AddPolicy(Streams, http => Concurrency($"stream {CallerOf(http)}", limits.StreamsPerCaller, waiting: 0));
            limiter.OnRejected = (rejected, _) => RejectAsync(rejected, total);
        });
    }

    private static RateLimitPartition<string> Rate(HttpContext http, RateLimitSettings limits)
    {
        var (kind, perSecond, burst) = http.User.Identity?.IsAuthenticated != true ? ("anonymous", limits.AnonymousPerSecond, limits.AnonymousBurst)
            : HttpMethods.IsGet(http.Request.Method) ? ("read", limits.ReadsPerSecond, limits.ReadBurst)
            : ("write", limits.WritesPerSecond, limits.WriteBurst);
        return RateLimitPartition.GetTokenBucketLimiter($"{kind} {CallerOf(http)}", _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = burst,
            TokensPerPeriod = perSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        });
    }

    private static RateLimitPartition<string> PerCaller(HttpContext http, RateLimitSettings limits) => IsStream(http)
        ? RateLimitPartition.GetNoLimiter("stream")
        : Concurrency(CallerOf(http), limits.ConcurrentPerCaller, WaitingPerCaller);

    private static RateLimitPartition<string> Total(HttpContext http, RateLimitSettings limits) => IsStream(http)
        ? Concurrency("streams", limits.Streams, waiting: 0)
        : Concurrency("requests", limits.Concurrent, limits.Concurrent * WaitingPerRunning);

    private static RateLimitPartition<string> Concurrency(string key, int permits, int waiting) =>
        RateLimitPartition.GetConcurrencyLimiter(key, _ => new ConcurrencyLimiterOptions { PermitLimit = permits, QueueLimit = waiting });

    private static bool IsStream(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName == Streams;

    private static string CallerOf(HttpContext http) =>
        http.User.FindFirstValue("sub") is { } subject ? $"subject {subject}" : $"address {NetworkOf(http.Connection.RemoteIpAddress)}";

    // One IPv6 subscriber has a /64, that is, 2^64 addresses.
    private static string NetworkOf(IPAddress? address) => address is not { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false }
        ? $"{address?.MapToIPv4()}"
        : Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 8));

    private static async ValueTask RejectAsync(OnRejectedContext rejected, PartitionedRateLimiter<HttpContext> total)
    {
        var http = rejected.HttpContext;
        var mustWait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait);
        var overloaded = !mustWait && total.GetStatistics(http) is { CurrentAvailablePermits: 0 };
        http.Response.Headers[HeaderNames.RetryAfter] =
            Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        var problem = overloaded
            ? Problem.Of(StatusCodes.Status503ServiceUnavailable, "overloaded", "The service is overloaded. Try again shortly.")
            : Problem.Of(StatusCodes.Status429TooManyRequests, "too-many-requests", IsStream(http) && !mustWait
                ? "You have reached the limit of open streams per caller. Close one first."
                : "You have exceeded the rate limit per caller. Try again after the seconds in Retry-After.");
        await problem.ExecuteAsync(http);
    }
}
