using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Shop.Testing;

/// <summary>
/// A proxy between a service and a real server, on which a test injects faults at a given moment:
/// answers that do not come, a broker that stops reading, a connection that is lost after a commit and before its answer.
/// </summary>
public sealed class FaultyWire : IAsyncDisposable
{
    private static readonly TimeSpan s_heartbeat = TimeSpan.FromSeconds(5);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Line, bool> _lines = [];
    private readonly (string Host, int Port) _server;
    private readonly Task _accepting;
    private readonly WireGate _requests = new([0, 60, 0, 40]); // AMQP's basic.publish
    private readonly WireGate _answers = new([0, 60, 0, 80]); // basic.ack
    private volatile TaskCompletionSource? _cut;
    private volatile byte[] _cutAfter = [];
    private volatile bool _down;
    private int _connections;

    /// <summary>A proxy to this server, on <see cref="Port"/> of this machine.</summary>
    public FaultyWire(string host, int port)
    {
        _server = (host, port);
        _requests.Open();
        _answers.Open();
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>How many connections were opened, also while nothing passes.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>How often something was published while the server read nothing, at least.</summary>
    public int HeldPublishes => _requests.Held;

    /// <summary>How often a broker has confirmed something while its answers did not arrive, at least.</summary>
    public int HeldConfirms => _answers.Held;

    /// <summary>How often a broker's confirm was forwarded to a client, at least.</summary>
    public int PassedConfirms => _answers.Passed;

    /// <summary>Where it listens, on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>A wire to a broker.</summary>
    public static FaultyWire ToBroker(Uri broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        return new FaultyWire(broker.Host, broker.Port);
    }

    /// <summary>The same address over this wire.</summary>
    public Uri Over(Uri address) => new UriBuilder(address) { Host = "127.0.0.1", Port = Port }.Uri;

    /// <summary>
    /// The server's data does not arrive until <see cref="Restore"/>. A broker's heartbeats do, so that neither side closes the connection
    /// during the test.
    /// </summary>
    public void HoldAnswers() => _answers.Close();

    /// <summary>The server reads nothing, until <see cref="Restore"/>.</summary>
    public void HoldRequests() => _requests.Close();

    /// <summary>As a broker short of memory: it keeps answering, and reads nothing once a client publishes, until <see cref="Restore"/>.</summary>
    public void HoldFromPublish() => _requests.CloseAtMethod();

    /// <summary>Closes all connections and accepts no new ones.</summary>
    public void Lose()
    {
        _down = true;
        foreach (var line in _lines.Keys)
        {
            line.Dispose();
        }
    }

    /// <summary>Forwards everything again, first what was held.</summary>
    public void Restore()
    {
        _down = false;
        _requests.Open();
        _answers.Open();
    }

    /// <summary>The connection on which this is sent next is lost after the server has answered, and before the answer arrives.</summary>
    public Task LoseAnswerTo(string request)
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _cutAfter = Encoding.UTF8.GetBytes(request);
        _cut = cut;
        return cut.Task;
    }

    /// <summary>What RabbitMQ sends when it is short of memory or disk: connection.blocked. Nothing else may be under way.</summary>
    /// <param name="reason">Up to 255 bytes.</param>
    public Task SendBlockedAsync(string reason) =>
        SendMethodAsync([0, 10, 0, 60, (byte)Encoding.UTF8.GetByteCount(reason), .. Encoding.UTF8.GetBytes(reason)]);

    /// <summary>connection.unblocked.</summary>
    public Task SendUnblockedAsync() => SendMethodAsync([0, 10, 0, 61]);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Lose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
    }

    /// <summary>One AMQP method frame on channel 0, between two of the broker's own.</summary>
    private async Task SendMethodAsync(byte[] method)
    {
        var frame = new byte[7 + method.Length + 1];
        frame[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(3), method.Length);
        method.CopyTo(frame, 7);
        frame[^1] = 0xCE;
        foreach (var line in _lines.Keys)
        {
            await line.AnswerAsync(frame);
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync();
            var line = new Line(client);
            Interlocked.Increment(ref _connections);
            if (_down)
            {
                line.Dispose();
                continue;
            }

            _lines[line] = true;
            _ = RunAsync(line);
        }
    }

    private async Task RunAsync(Line line)
    {
        try
        {
            await line.Server.ConnectAsync(_server.Host, _server.Port, line.Closed);
            await Task.WhenAny(RequestsAsync(line), AnswersAsync(line));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The server is unreachable: so is the connection.
        }

        line.Dispose();
        _lines.TryRemove(line, out _);
    }

    private async Task RequestsAsync(Line line)
    {
        await foreach (var (read, isNoted) in ReadAhead(line.Client, line, _requests))
        {
            await _requests.PassAsync(read, isNoted, line.Closed);
            if (_cut is { } cut && read.AsSpan().IndexOf(_cutAfter) >= 0)
            {
                (_cut, line.LosesAnswer) = (null, cut);
            }

            await line.Server.GetStream().WriteAsync(read, line.Closed);
        }
    }

    private async Task AnswersAsync(Line line)
    {
        await foreach (var (read, isNoted) in ReadAhead(line.Server, line, _answers))
        {
            if (line.LosesAnswer is { } lost)
            {
                lost.SetResult();
                return;
            }

            var passing = _answers.PassAsync(read, isNoted, line.Closed);
            while (await Task.WhenAny(passing, Task.Delay(s_heartbeat, line.Closed)) != passing)
            {
                await line.KeepAliveAsync();
            }

            await passing;
            await line.AnswerAsync(read);
            _answers.NotePassed(read);
        }
    }

    /// <summary>Arriving bytes, read also while the gate is closed, so that it counts what is held.</summary>
    private static IAsyncEnumerable<(byte[] Read, bool IsNoted)> ReadAhead(TcpClient from, Line line, WireGate gate)
    {
        var ahead = Channel.CreateUnbounded<(byte[], bool)>();
        _ = ReadAsync();
        return ahead.Reader.ReadAllAsync(line.Closed);

        async Task ReadAsync()
        {
            try
            {
                var buffer = new byte[65_536];
                while (await from.GetStream().ReadAsync(buffer, line.Closed) is var read and > 0)
                {
                    ahead.Writer.TryWrite((buffer[..read], gate.Note(buffer.AsSpan(0, read))));
                }

                ahead.Writer.Complete();
            }
            catch (Exception e)
            {
                ahead.Writer.Complete(e);
            }
        }
    }

    private sealed class Line(TcpClient client) : IDisposable
    {
        private readonly CancellationTokenSource _closed = new();
        private readonly SemaphoreSlim _answering = new(1);
        private readonly AmqpFrames _frames = new();

        public TcpClient Client { get; } = client;

        public TcpClient Server { get; } = new();

        public CancellationToken Closed => _closed.Token;

        public TaskCompletionSource? LosesAnswer { get; set; }

        public async Task AnswerAsync(ReadOnlyMemory<byte> bytes)
        {
            await _answering.WaitAsync(Closed);
            try
            {
                _frames.Pass(bytes.Span);
                await Client.GetStream().WriteAsync(bytes, Closed);
            }
            finally
            {
                _answering.Release();
            }
        }

        /// <summary>A heartbeat, unless the last frame of the broker's is still to end, or the first to come.</summary>
        public async Task KeepAliveAsync()
        {
            await _answering.WaitAsync(Closed);
            try
            {
                if (_frames.AtEnd)
                {
                    await Client.GetStream().WriteAsync(AmqpFrames.Heartbeat, Closed);
                }
            }
            finally
            {
                _answering.Release();
            }
        }

        /// <summary>May be called while it is in use, and again.</summary>
        public void Dispose()
        {
            _closed.Cancel();
            Client.Dispose();
            Server.Dispose();
        }
    }
}
