using System.ComponentModel.DataAnnotations;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// The configuration section <c>RateLimits</c>: the limits of one instance per caller. A caller is a token's subject, or without a
/// token an address. The defaults are far above regular use. Validated at startup.
/// </summary>
internal sealed class RateLimitSettings
{
    private const int Most = 1_000_000;

    /// <summary>GET requests a second of one subject. 1,000.</summary>
    [Range(1, Most)]
    public int ReadsPerSecond { get; init; } = 1_000;

    /// <summary>Burst of GET requests of one subject. 2,000.</summary>
    [Range(1, Most)]
    public int ReadBurst { get; init; } = 2_000;

    /// <summary>Other requests a second of one subject. 500.</summary>
    [Range(1, Most)]
    public int WritesPerSecond { get; init; } = 500;

    /// <summary>Burst of other requests of one subject. 1,000.</summary>
    [Range(1, Most)]
    public int WriteBurst { get; init; } = 1_000;

    /// <summary>Requests without a valid token a second from one address (IPv6: from one /64 network). 50.</summary>
    [Range(1, Most)]
    public int AnonymousPerSecond { get; init; } = 50;

    /// <summary>Burst of requests without a valid token from one address. 100.</summary>
    [Range(1, Most)]
    public int AnonymousBurst { get; init; } = 100;

    /// <summary>Concurrent requests of one caller. 32; another 224 are queued.</summary>
    [Range(1, Most)]
    public int ConcurrentPerCaller { get; init; } = 32;

    /// <summary>
    /// Concurrent requests in all: fewer than the database has connections. 80; four times as many are queued, and further ones are
    /// rejected as overloaded.
    /// </summary>
    [Range(1, Most)]
    public int Concurrent { get; init; } = 80;

    /// <summary>Open streams of server-sent events of one caller. 20.</summary>
    [Range(1, Most)]
    public int StreamsPerCaller { get; init; } = 20;

    /// <summary>Open streams of server-sent events in all. 5,000.</summary>
    [Range(1, Most)]
    public int Streams { get; init; } = 5_000;
}
