using System.Net.Sockets;
using System.Text;

namespace Shop.Ordering.Tests;

/// <summary>Raw requests that no client library would send: each gets a response or its connection is closed, and the service keeps running.</summary>
public sealed class WireTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5); // bounds what hangs

    private const string Post = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n";

    /// <summary>What Kestrel rejects before there is a request has no body: ASP.NET Core is not involved (docs/problems.md).</summary>
    [Theory]
    [InlineData("NONSENSE\r\n\r\n", 400)]
    [InlineData("GET /orders\r\n\r\n", 400)]
    [InlineData("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\n\r\n", 400)] // no Host
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nbad header: 1\r\n\r\n", 400)]
    [InlineData("GET / HTTP/3.9\r\nHost: x\r\n\r\n", 505)]
    [InlineData("GET /{9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414)]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nlong: {33000}\r\n\r\n", 431)]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n", 431)]
    [InlineData("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400)]
    [InlineData("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400)]
    public async Task Invalid_HTTP_is_rejected_without_a_body_and_the_connection_closes(string request, int status)
    {
        var answer = await SendAsync(request);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Length: 0\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
        await IsServedAsync();
    }

    [Theory]
    [InlineData(Post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n", 400, "malformed-request")]
    [InlineData(Post + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n{}", 400, "malformed-request")]
    [InlineData(Post + "Idempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n{}", 400, "malformed-request")]
    [InlineData("POST /orders/018f6f3e-7c1a-7d1e-8a55-3a9c1f2e4b5d/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n{}", 400, "malformed-request")]
    [InlineData(Post + "Transfer-Encoding: chunked\r\n\r\nffffff\r\n{70000}", 413, "body-too-large")]
    [InlineData(Post + "Content-Length: 70000\r\n\r\n{70000}", 413, "body-too-large")]
    [InlineData(Post + "Content-Length: 99999999999\r\n\r\n", 413, "body-too-large")]
    [InlineData(Post + "Content-Length: 100\r\n\r\n{", 408, "request-timeout")] // and nothing more: after the five seconds that Kestrel waits
    [InlineData(Post + "Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{}", 400, "malformed-request")]
    [InlineData(Post + "Content-Length: 3\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n\u001f\u008b\b", 400, "malformed-request")]
    public async Task A_malformed_body_is_a_problem(string request, int status, string code)
    {
        var answer = await SendAsync(request);

        if (answer.StartsWith("HTTP/1.1 100 Continue\r\n\r\n", StringComparison.Ordinal))
        {
            answer = answer["HTTP/1.1 100 Continue\r\n\r\n".Length..];
        }

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
        Assert.Contains("urn:shop:problem:" + code, answer, StringComparison.Ordinal);
        await IsServedAsync();
    }

    [Fact]
    public async Task An_endless_body_blocks_no_other_request_and_ends_with_its_caller()
    {
        var sockets = new List<TcpClient>();
        for (var i = 0; i < 100; i++)
        {
            sockets.Add(await OpenAsync(Post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"));
        }

        await IsServedAsync();
        sockets.ForEach(socket => socket.Dispose());
        await IsServedAsync();
    }

    private async Task IsServedAsync()
    {
        using var answer = await ordering.As("ada").GetAsync(new Uri("/orders", UriKind.Relative)).WaitAsync(s_timeout);
        Assert.True(answer.IsSuccessStatusCode);
    }

    private async Task<string> SendAsync(string request)
    {
        using var socket = await OpenAsync(request);
        using var reader = new StreamReader(socket.GetStream(), Encoding.Latin1);
        var answer = new StringBuilder();
        try
        {
            var buffer = new char[4096];
            int read;
            while ((read = await reader.ReadAsync(buffer.AsMemory()).AsTask().WaitAsync(s_timeout)) > 0)
            {
                answer.Append(buffer, 0, read);
            }
        }
        catch (IOException)
        {
            // The server resets a connection that it reads no further: the response before the reset counts.
        }

        return answer.ToString();
    }

    private async Task<TcpClient> OpenAsync(string request)
    {
        var text = request
            .Replace("{token}", TestTokens.Customer("hog"), StringComparison.Ordinal)
            .Replace("{headers}", string.Concat(Enumerable.Range(0, 200).Select(n => $"h{n}: 1\r\n")), StringComparison.Ordinal)
            .Replace("{9000}", new string('a', 9_000), StringComparison.Ordinal)
            .Replace("{33000}", new string('a', 33_000), StringComparison.Ordinal)
            .Replace("{70000}", new string(' ', 70_000), StringComparison.Ordinal);
        var socket = new TcpClient();
        await socket.ConnectAsync("localhost", ordering.Client().BaseAddress!.Port);
        await socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));
        return socket;
    }
}
