using System.Net.Sockets;
using System.Text;
using Shop.Local;
using Shop.Local.State;

namespace Shop.Cli.Running;

internal sealed record ServiceHealth(string Name, string Url, int? Pid, string Health);

internal sealed record ServerHealth(string Name, string Host, int Port, int? Pid, string Health);

/// <summary>Asks services and servers how they are: healthy, unhealthy (it runs or something answers, but not well) or stopped.</summary>
internal sealed class HealthCheck : IDisposable
{
    public const string Healthy = "healthy";

    private const string Unhealthy = "unhealthy";
    private const string Stopped = "stopped";
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(3);

    private readonly HttpClient _http = new() { Timeout = s_timeout };

    /// <summary>A service of which nothing is known but its launch settings.</summary>
    public static ServiceState AtPreferredAddress(string name)
    {
        var project = char.ToUpperInvariant(name[0]) + name[1..];
        var profile = LaunchProfile.Of(Path.Combine(ShopHome.Repository, "services", project, $"{project}.csproj"));
        return new ServiceState(name, profile.Url.GetLeftPart(UriPartial.Authority), "/health/ready", Healthy: false, Process: null)
        {
            Native = false,
        };
    }

    public async Task<ServiceHealth> AskAsync(ServiceState service, CancellationToken ct)
    {
        var pid = RunningPid(service.Process);
        if (pid is null && service.Native)
        {
            return new ServiceHealth(service.Name, service.Url, null, Stopped);
        }

        var url = new Uri(service.Url);
        try
        {
            using var response = await _http.GetAsync(new Uri(url, service.HealthPath), ct);
            var own = pid is null || ListeningPorts.IsOwnedBy(url.Port, pid.Value);
            return new ServiceHealth(service.Name, service.Url, pid, response.IsSuccessStatusCode && own ? Healthy : Unhealthy);
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !ct.IsCancellationRequested))
        {
            return new ServiceHealth(service.Name, service.Url, pid, pid is null ? Stopped : Unhealthy);
        }
    }

    public static async Task<ServerHealth> AskAsync(ServerState server, CancellationToken ct)
    {
        // A server in a container has no process of its own here.
        var pid = RunningPid(server.Process);
        var health = pid is null && server.Process is not null ? Stopped
            : await AnswersAsync(server, ct) ? Healthy
            : pid is null ? Stopped : Unhealthy;
        return new ServerHealth(server.Name, server.Host, server.Port, pid, health);
    }

    public void Dispose() => _http.Dispose();

    private static int? RunningPid(ProcessIdentity? process) => process is not null && process.IsRunning() ? process.Pid : null;

    /// <summary>A handshake in the server's protocol, without logging in: an open port alone is not enough.</summary>
    private static async Task<bool> AnswersAsync(ServerState server, CancellationToken ct)
    {
        // PostgreSQL's SSLRequest (length 8, code 80877103) is answered with S or N, AMQP's header with a method frame (type 1).
        var (hello, good) = server.Name == "postgres"
            ? (new byte[] { 0, 0, 0, 8, 4, 210, 22, 47 }, "SN"u8.ToArray())
            : ([.. Encoding.ASCII.GetBytes("AMQP"), 0, 0, 9, 1], [1]);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(s_timeout);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(server.Host, server.Port, timeout.Token);
            await using var stream = client.GetStream();
            await stream.WriteAsync(hello, timeout.Token);
            var answer = new byte[1];
            return await stream.ReadAsync(answer, timeout.Token) == 1 && good.Contains(answer[0]);
        }
        catch (Exception e) when (e is SocketException or IOException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return false;
        }
    }
}
