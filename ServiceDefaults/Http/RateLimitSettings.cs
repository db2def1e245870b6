using System.ComponentModel.DataAnnotations;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// The section <c>RateLimits</c> of the configuration: what one instance lets a caller do. A caller is a token's subject, or without a
/// token an address. The defaults are far above what a person or an honest program needs. Checked when the service starts.
/// </summary>
internal sealed class RateLimitSettings
{
    private const int Most = 1_000_000;

    /// <summary>GET requests a second of one subject. 1,000.</summary>
    [Range(1, Most)]
    public int ReadsPerSecond { get; init; } = 1_000;

    /// <summary>GET requests of one subject at once, after a silence. 2,000.</summary>
    [Range(1, Most)]
    public int ReadBurst { get; init; } = 2_000;

    /// <summary>Other requests a second of one subject. 500.</summary>
    [Range(1, Most)]
    public int WritesPerSecond { get; init; } = 500;

    /// <summary>Other requests of one subject at once, after a silence. 1,000.</summary>
    [Range(1, Most)]
    public int WriteBurst { get; init; } = 1_000;

    /// <summary>Requests without a valid token a second from one address (IPv6: from one /64 network). 50.</summary>
    [Range(1, Most)]
    public int AnonymousPerSecond { get; init; } = 50;

    /// <summary>Requests without a valid token from one address at once, after a silence. 100.</summary>
    [Range(1, Most)]
    public int AnonymousBurst { get; init; } = 100;

    /// <summary>Requests of one caller that run at the same time. 32; another 224 wait.</summary>
    [Range(1, Most)]
    public int ConcurrentPerCaller { get; init; } = 32;

    /// <summary>
    /// Requests that run at the same time: fewer than the database has connections. 80; four times as many wait, and who comes then is
    /// told that the service is overloaded.
    /// </summary>
    [Range(1, Most)]
    public int Concurrent { get; init; } = 80;

    /// <summary>Streams of server-sent events that one caller has open. 20.</summary>
    [Range(1, Most)]
    public int StreamsPerCaller { get; init; } = 20;

    /// <summary>Streams of server-sent events that are open. 5,000.</summary>
    [Range(1, Most)]
    public int Streams { get; init; } = 5_000;
}
