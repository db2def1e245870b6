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

/// <summary>Posts one notification to the customer's own system, signed with the secret that the two share.</summary>
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
                UseProxy = false, // it would be the proxy's address that is checked
                UseCookies = false,
                AllowAutoRedirect = false,
                ActivityHeadersPropagator = null, // the shop's traces are no business of others
                PooledConnectionLifetime = TimeSpan.FromMinutes(1), // so that a change of the host's addresses is noticed
                MaxResponseHeadersLength = 16, // KiB
                MaxResponseDrainSize = 16 * 1024,
                ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            },
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // the pipeline has one
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

        // Not the path: customers' systems may have secrets in it.
        Activity.Current?.SetTag("server.address", request.RequestUri!.Host).SetTag("server.port", request.RequestUri.Port);

        // The body of the answer is not read: its status says it all.
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
    /// Each host has a circuit of its own and only so many conversations at once, so that one in trouble costs the others nothing. Not the
    /// registry of the package: customers name the hosts, and it forgets none.
    /// </summary>
    private ResiliencePipeline<HttpResponseMessage> PipelineOf(Uri url)
    {
        if (_hosts.Count >= MaxKnownHosts)
        {
            _hosts.Clear(); // circuits are worth little: whoever is in trouble is found out again
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
    /// Resolves the host, checks every address it has, and connects to one of those that were checked: a name that resolves
    /// differently a moment later gains nothing.
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
