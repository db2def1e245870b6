using System.Net;
using System.Net.Sockets;

namespace Shop.Notification.Tests;

/// <summary>
/// A host that answers one call with 200 and a body that never ends. A bare socket, because a web server keeps
/// accepting writes for some time after its caller has disconnected, and so cannot count how much was really sent.
/// </summary>
internal sealed class EndlessResponse : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Task<long> _answering;

    public EndlessResponse()
    {
        _listener.Start();
        _answering = AnswerAsync();
    }

    public string Url => $"http://{_listener.LocalEndpoint}/hook";

    /// <summary>Bytes sent until the caller hung up; waits until it has.</summary>
    public Task<long> SentAsync() => _answering.WaitAsync(TimeSpan.FromMinutes(5));

    public void Dispose() => _listener.Dispose();

    private async Task<long> AnswerAsync()
    {
        using var socket = await _listener.AcceptSocketAsync();
        var buffer = new byte[64 * 1024];
        await socket.ReceiveAsync(buffer);
        await socket.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
        var chunk = (byte[])[.. "10000\r\n"u8, .. new byte[0x10000], .. "\r\n"u8];
        var sent = 0L;
        try
        {
            while (true)
            {
                sent += await socket.SendAsync(chunk);
            }
        }
        catch (SocketException)
        {
            return sent;
        }
    }
}
