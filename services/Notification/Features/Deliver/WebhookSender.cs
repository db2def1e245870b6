using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Options;
using Polly;

namespace Shop.Notification.Features.Deliver;

/// <summary>Posts one notification to the customer's webhook, signed with the shared secret.</summary>
internal sealed class WebhookSender : INotificationSender, IDisposable
{
    private const int MaxKnownHosts = 10_000;

    private readonly WebhookSettings _settings;
    private readonly DeliverySettings _delivery;
    private readonly WebhookAddresses _addresses;
    private readonly TimeProvider _clock;
    private readonly ConcurrentDictionary<string, ResiliencePipeline<HttpResponseMessage>> _hosts = new(StringComparer.Ordinal);
    private readonly HttpClient _http;

    public WebhookSender(IOptions<WebhookSettings> settings, IOptions<DeliverySettings> delivery, WebhookAddresses addresses, TimeProvider clock)
    {
        (_settings, _delivery, _addresses, _clock) = (settings.Value, delivery.Value, addresses, clock);
        _http = new HttpClient(new ResilienceHandler(request => PipelineOf(request.RequestUri!))
        {
            InnerHandler = new SocketsHttpHandler
            {
                ConnectCallback = ConnectAsync,
                UseProxy = false, // with a proxy, only the proxy's address would be checked
                UseCookies = false,
                AllowAutoRedirect = false,
                ActivityHeadersPropagator = null, // do not leak trace ids to customers
                PooledConnectionLifetime = TimeSpan.FromMinutes(1), // to follow DNS changes
                MaxResponseHeadersLength = 16, // KiB
                MaxResponseDrainSize = 16 * 1024,
                ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            },
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // the pipeline sets the timeout
        };
    }

    public string Channel => Channels.Webhook;

    public async Task SendAsync(Notification notification, Contact contact, CancellationToken ct)
    {
        var body = Encoding.UTF8.GetBytes(notification.Payload!);
        using var request = new HttpRequestMessage(HttpMethod.Post, contact.WebhookUrl) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Shop-Signature", Sign(body, contact.WebhookSecret!, _clock.GetUtcNow()));
        request.Headers.Add("Shop-Notification-Id", notification.Id.ToString());
        request.Headers.Add("Idempotency-Key", notification.Id.ToString());
        request.Headers.Add("User-Agent", "Shop-Notification/1");

        // Not the path: it may contain secrets.
        Activity.Current?.SetTag("server.address", request.RequestUri!.Host).SetTag("server.port", request.RequestUri.Port);

        // Only the status matters; the body is not read.
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (!answer.IsSuccessStatusCode)
        {
            throw new WebhookRefusedException((int)answer.StatusCode, RetryAfter(answer));
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>t=(Unix seconds),v1=(hex of the HMAC-SHA256, with the secret as the key, of t, a dot and the body).</summary>
    internal static string Sign(ReadOnlySpan<byte> body, string secret, DateTimeOffset now)
    {
        var time = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hmac.AppendData(Encoding.ASCII.GetBytes($"{time}."));
        hmac.AppendData(body);
        return $"t={time},v1={Convert.ToHexStringLower(hmac.GetHashAndReset())}";
    }

    /// <summary>
    /// Each host has its own circuit breaker and concurrency limit, so that a failing one does not affect others. Not Polly's
    /// registry: customers choose the hosts, and it never removes entries.
    /// </summary>
    private ResiliencePipeline<HttpResponseMessage> PipelineOf(Uri url)
    {
        if (_hosts.Count >= MaxKnownHosts)
        {
            _hosts.Clear(); // losing circuit state is harmless
        }

        return _hosts.GetOrAdd(url.Authority, _ => new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _clock }
            .AddConcurrencyLimiter(_settings.CallsPerHost)
            .AddDelivery(_delivery, _settings.Timeout, ErrorOf)
            .Build());
    }

    private DeliveryError? ErrorOf(Outcome<HttpResponseMessage> outcome) => outcome switch
    {
        { Exception: { } e } => DeliveryError.Of(e),
        { Result: { IsSuccessStatusCode: false } answer } => DeliveryError.OfAnswer((int)answer.StatusCode, RetryAfter(answer)),
        _ => null,
    };

    private TimeSpan? RetryAfter(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - _clock.GetUtcNow(),
        _ => null,
    };

    /// <summary>
    /// Resolves the host, checks all of its addresses, and connects to one of those checked, which prevents DNS
    /// rebinding.
    /// </summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, ct);
        if (!addresses.All(_addresses.MayCall))
        {
            throw new ForbiddenAddressException();
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
