using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Shop.Local.Servers;

namespace Shop.Testing;

/// <summary>A service as a process of its own, for what only a process can show: signals and its end.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly Uri _address;
    private readonly ConcurrentQueue<string> _output = new();

    private ServiceProcess(Process process, Uri address) => (_process, _address) = (process, address);

    /// <summary>Starts a service and returns when it is ready.</summary>
    /// <param name="settings">All of its configuration; see <see cref="ServiceInstance.Settings"/>.</param>
    /// <param name="health">What has to answer with success, where that is not that it is ready.</param>
    /// <param name="management">Whether it listens on a second port, which <c>Management:Port</c> names.</param>
    public static async Task<ServiceProcess> StartAsync<TProgram>(
        IReadOnlyDictionary<string, string?> settings, string health = "/health/ready", bool management = false)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var address = new Uri($"http://127.0.0.1:{FreePorts.Next()}");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { typeof(TProgram).Assembly.Location },
            RedirectStandardOutput = true,
        };
        foreach (var (key, value) in settings)
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        start.Environment["ASPNETCORE_URLS"] = address.AbsoluteUri;
        Uri? second = null;
        if (management)
        {
            second = new Uri($"http://127.0.0.1:{FreePorts.Next()}");
            start.Environment["ASPNETCORE_URLS"] += $";{second}";
            start.Environment["Management__Port"] = $"{second.Port}";
        }

        var process = Process.Start(start)!;
        var service = new ServiceProcess(process, address) { ManagementAddress = second };
        process.OutputDataReceived += (_, line) => service.AddLine(line.Data);
        process.BeginOutputReadLine();
        using var client = service.Client();
        await Eventually.HoldsAsync($"{ServiceInstance.NameOf<TProgram>()} answers at {health}", async () =>
        {
            using var answer = await client.GetAsync(new Uri(health, UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }, s_timeout);
        return service;
    }

    /// <summary>Where its management port is; null where it has none.</summary>
    public Uri? ManagementAddress { get; private init; }

    /// <summary>Its output so far.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>A client of the process, without a token where none is given.</summary>
    public HttpClient Client(string? token = null)
    {
        var client = new HttpClient { BaseAddress = _address };
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>Whether it accepts no connections, because it is stopping or has ended.</summary>
    public async Task<bool> RefusesAsync()
    {
        using var connection = new TcpClient();
        try
        {
            await connection.ConnectAsync(_address.Host, _address.Port);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>Asks it to stop as an orchestrator does, or sends it another signal that it ends by; its exit code.</summary>
    public async Task<int> StopAsync(string signal = "TERM")
    {
        using (var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]))
        {
            await kill.WaitForExitAsync();
        }

        using var timeout = new CancellationTokenSource(s_timeout);
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _process.Kill(); // does nothing to one that has ended
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void AddLine(string? line)
    {
        Console.Error.WriteLine(line);
        _output.Enqueue(line ?? "");
    }
}
