using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Shop.Notification.Tests;

/// <summary>What a mail server does with one conversation.</summary>
internal enum SmtpMood
{
    Accept,

    /// <summary>550 for the recipient, for good.</summary>
    Reject,

    /// <summary>451 for the recipient, for now.</summary>
    Busy,

    /// <summary>Says nothing, ever.</summary>
    Hang,

    /// <summary>Takes the mail and says nothing about it, as if the connection had been cut at the worst moment.</summary>
    HangAfterTaking,

    /// <summary>Closes at once.</summary>
    Drop,
}

/// <summary>A mail that the server took, or would have.</summary>
internal sealed partial record SmtpMail(string From, string To, string Data)
{
    /// <summary>The part of the Message-ID before the @: the notification.</summary>
    public Guid NotificationId => Guid.Parse(MessageId().Match(Data).Groups[1].Value);

    [GeneratedRegex("^Message-ID: <([^@]+)@", RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex MessageId();
}

/// <summary>A tiny, real SMTP server whose mood can be set for the conversations to come.</summary>
internal sealed class SmtpListener : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<SmtpMail> _taken = new();
    private readonly ConcurrentQueue<SmtpMood> _next = new();
    private readonly Task _accepting;
    private int _conversations;

    public SmtpListener()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Conversations => Volatile.Read(ref _conversations);

    /// <summary>The mood of the conversations that <see cref="Then"/> does not speak of.</summary>
    public SmtpMood Mood { get; set; }

    public IReadOnlyList<SmtpMail> TakenFor(string customer) => [.. _taken.Where(mail => mail.To == $"<{customer}@example.com>")];

    /// <summary>Sets the moods of the next conversations, one each.</summary>
    public void Then(params ReadOnlySpan<SmtpMood> moods)
    {
        foreach (var mood in moods)
        {
            _next.Enqueue(mood);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> conversations = [];
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_end.Token);
                Interlocked.Increment(ref _conversations);
                conversations.Add(ConverseAsync(client, _next.TryDequeue(out var mood) ? mood : Mood));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(conversations);
        }
    }

    private async Task ConverseAsync(TcpClient client, SmtpMood mood)
    {
        using (client)
        {
            try
            {
                await using var stream = client.GetStream();
                if (mood == SmtpMood.Drop)
                {
                    return;
                }

                if (mood == SmtpMood.Hang)
                {
                    await HangAsync(stream);
                }

                using var reader = new StreamReader(stream, Encoding.UTF8);
                await using var writer = new StreamWriter(stream, new UTF8Encoding(false)) { NewLine = "\r\n", AutoFlush = true };
                await SpeakAsync(reader, writer, stream, mood);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client has hung up, or the test is over.
            }
        }
    }

    private async Task SpeakAsync(StreamReader reader, StreamWriter writer, NetworkStream stream, SmtpMood mood)
    {
        var (from, to) = ("", "");
        await writer.WriteLineAsync("220 test");
        while (await reader.ReadLineAsync(_end.Token) is { } line)
        {
            switch (line.Split(' ', ':')[0].ToUpperInvariant())
            {
                case "MAIL":
                    from = line.Split(':')[1].Trim();
                    await writer.WriteLineAsync("250 OK");
                    break;
                case "RCPT":
                    to = line.Split(':')[1].Trim();
                    await writer.WriteLineAsync(mood switch
                    {
                        SmtpMood.Reject => $"550 5.1.1 {to} is unknown here",
                        SmtpMood.Busy => "451 4.3.2 Busy",
                        _ => "250 OK",
                    });
                    break;
                case "DATA":
                    await writer.WriteLineAsync("354 Go on");
                    _taken.Enqueue(new SmtpMail(from, to, await ReadDataAsync(reader)));
                    if (mood == SmtpMood.HangAfterTaking)
                    {
                        await HangAsync(stream);
                    }

                    await writer.WriteLineAsync("250 Taken");
                    break;
                case "QUIT":
                    await writer.WriteLineAsync("221 Bye");
                    return;
                default:
                    await writer.WriteLineAsync("250 OK");
                    break;
            }
        }
    }

    private async Task<string> ReadDataAsync(StreamReader reader)
    {
        var data = new StringBuilder();
        while (await reader.ReadLineAsync(_end.Token) is { } line and not ".")
        {
            data.Append(line.StartsWith('.') ? line[1..] : line).Append('\n');
        }

        return data.ToString();
    }

    /// <summary>Until the client hangs up or the test is over.</summary>
    private async Task HangAsync(NetworkStream stream)
    {
        var buffer = new byte[1024];
        while (await stream.ReadAsync(buffer, _end.Token) > 0)
        {
        }

        throw new OperationCanceledException();
    }
}
