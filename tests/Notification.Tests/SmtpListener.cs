using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace Shop.Notification.Tests;

/// <summary>What a mail server does with one conversation.</summary>
internal enum SmtpBehavior
{
    Accept,

    /// <summary>Permanent failure: 550 for the recipient.</summary>
    Reject,

    /// <summary>451 for the recipient, for now.</summary>
    Busy,

    /// <summary>Permanent failure: 554 for the mail itself.</summary>
    RejectData,

    /// <summary>Never replies.</summary>
    Hang,

    /// <summary>Accepts the mail without a reply, as if the connection had been lost at the worst moment.</summary>
    HangAfterTaking,

    /// <summary>Accepts the mail, and replies when <see cref="SmtpListener.Accept"/> is called.</summary>
    TakeAndWait,

    /// <summary>Closes the connection immediately.</summary>
    Drop,

    /// <summary>Does not offer STARTTLS.</summary>
    Plain,
}

/// <summary>A mail that the server accepted, or would have.</summary>
internal sealed partial record SmtpMail(string From, string To, string Data, bool Encrypted, string? User)
{
    /// <summary>The part of the Message-ID before the @: the notification.</summary>
    public Guid NotificationId => Guid.Parse(MessageId().Match(Data).Groups[1].Value);

    [GeneratedRegex("^Message-ID: <([^@]+)@", RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex MessageId();
}

/// <summary>
/// A small, real SMTP server (RFC 5321, 3207, 4954) whose mood can be set for the conversations to come. With a certificate it
/// offers STARTTLS; with a login it accepts mail only after AUTH, which it offers only once the session is encrypted.
/// </summary>
internal sealed class SmtpListener : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<SmtpMail> _accepted = new();
    private readonly ConcurrentQueue<SmtpBehavior> _next = new();
    private readonly TaskCompletionSource _yes = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly X509Certificate2? _certificate;
    private readonly (string User, string Password)? _login;
    private readonly Task _accepting;
    private int _conversations;

    public SmtpListener(X509Certificate2? certificate = null, (string User, string Password)? login = null)
    {
        (_certificate, _login) = (certificate, login);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether conversations are encrypted from the first byte on.</summary>
    public bool ImplicitTls { get; init; }

    public int Conversations => Volatile.Read(ref _conversations);

    /// <summary>The behavior in conversations that <see cref="Then"/> does not set.</summary>
    public SmtpBehavior Mood { get; set; }

    public IReadOnlyList<SmtpMail> Accepted => [.. _accepted];

    public IReadOnlyList<SmtpMail> AcceptedFor(string customer) => [.. _accepted.Where(mail => mail.To == $"<{customer}@example.com>")];

    /// <summary>Sets the moods of the next conversations, one each.</summary>
    public void Then(params ReadOnlySpan<SmtpBehavior> moods)
    {
        foreach (var mood in moods)
        {
            _next.Enqueue(mood);
        }
    }

    public void Accept() => _yes.TrySetResult();

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

    private async Task ConverseAsync(TcpClient client, SmtpBehavior mood)
    {
        using (client)
        {
            try
            {
                if (mood == SmtpBehavior.Drop)
                {
                    return;
                }

                await using var conversation = new Conversation(this, client.GetStream(), mood);
                await conversation.RunAsync();
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or System.Security.Authentication.AuthenticationException)
            {
                // The client has hung up, or does not trust this server, or the test is over.
            }
        }
    }

    /// <summary>One client's conversation. Lines are read unbuffered, because the bytes after STARTTLS belong to TLS.</summary>
    private sealed class Conversation(SmtpListener server, Stream stream, SmtpBehavior mood) : IAsyncDisposable
    {
        private Stream _stream = stream;
        private bool _encrypted;
        private string? _user;
        private (string From, string To) _envelope;

        public ValueTask DisposeAsync() => _stream.DisposeAsync();

        public async Task RunAsync()
        {
            if (mood == SmtpBehavior.Hang)
            {
                await HangAsync();
            }

            if (server.ImplicitTls)
            {
                await EncryptAsync(server._certificate!);
            }

            await ReplyAsync("220 test");
            while (await ReadLineAsync() is { } line)
            {
                var (verb, rest) = line.Split([' ', ':'], 2) is [var first, var second] ? (first.ToUpperInvariant(), second) : (line.ToUpperInvariant(), "");
                if (verb == "QUIT")
                {
                    await ReplyAsync("221 Bye");
                    return;
                }

                await AnswerAsync(verb, rest);
            }
        }

        private Task AnswerAsync(string verb, string rest) => verb switch
        {
            "EHLO" or "HELO" => ReplyAsync(Capabilities()),
            "STARTTLS" when server._certificate is not null && !_encrypted => StartTlsAsync(server._certificate),
            "AUTH" when server._login is not null && _encrypted => AuthenticateAsync(rest),
            "MAIL" when server._login is not null && _user is null => ReplyAsync("530 5.7.0 Log in first"),
            "MAIL" => TakeSenderAsync(rest),
            "RCPT" => TakeRecipientAsync(rest),
            "DATA" => TakeDataAsync(),
            "RSET" or "NOOP" => ReplyAsync("250 OK"),
            _ => ReplyAsync("502 5.5.1 What?"),
        };

        private string Capabilities()
        {
            List<string> lines = ["test"];
            if (server._certificate is not null && !_encrypted && mood != SmtpBehavior.Plain)
            {
                lines.Add("STARTTLS");
            }

            if (server._login is not null && _encrypted)
            {
                lines.Add("AUTH PLAIN LOGIN");
            }

            return string.Join("\r\n", lines.Select((line, i) => $"250{(i == lines.Count - 1 ? ' ' : '-')}{line}"));
        }

        private async Task StartTlsAsync(X509Certificate2 certificate)
        {
            await ReplyAsync("220 Go on");
            await EncryptAsync(certificate);
        }

        private async Task EncryptAsync(X509Certificate2 certificate)
        {
            var tls = new SslStream(_stream);
            _stream = tls;
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, server._end.Token);
            _encrypted = true;
        }

        private async Task AuthenticateAsync(string rest)
        {
            var parts = rest.Split(' ');
            var (user, password) = ("", "");
            if (parts[0].Equals("PLAIN", StringComparison.OrdinalIgnoreCase))
            {
                var triple = Decode(parts.Length > 1 ? parts[1] : await AskAsync("")).Split('\0');
                (user, password) = (triple[1], triple[2]);
            }
            else
            {
                user = Decode(parts.Length > 1 ? parts[1] : await AskAsync("Username:"));
                password = Decode(await AskAsync("Password:"));
            }

            _user = (user, password) == server._login ? user : null;
            await ReplyAsync(_user is null ? "535 5.7.8 Wrong" : "235 2.7.0 Welcome");
        }

        private async Task TakeSenderAsync(string rest)
        {
            _envelope.From = rest.Split(':', 2)[^1].Trim();
            await ReplyAsync("250 OK");
        }

        private async Task TakeRecipientAsync(string rest)
        {
            _envelope.To = rest.Split(':', 2)[^1].Trim();
            await ReplyAsync(mood switch
            {
                SmtpBehavior.Reject => $"550 5.1.1 {_envelope.To} is unknown here",
                SmtpBehavior.Busy => "451 4.3.2 Busy",
                _ => "250 OK",
            });
        }

        private async Task TakeDataAsync()
        {
            await ReplyAsync("354 Go on");
            var data = new StringBuilder();
            while (await ReadLineAsync() is var line and not ".")
            {
                // A client that disconnects before the last dot has sent nothing: storing it would make the next attempt look like a duplicate.
                data.Append((line ?? throw new IOException("The client disconnected.")).StartsWith('.') ? line[1..] : line).Append('\n');
            }

            if (mood == SmtpBehavior.RejectData)
            {
                await ReplyAsync("554 5.6.0 Not this");
                return;
            }

            server._accepted.Enqueue(new SmtpMail(_envelope.From, _envelope.To, data.ToString(), _encrypted, _user));
            if (mood == SmtpBehavior.HangAfterTaking)
            {
                await HangAsync();
            }

            if (mood == SmtpBehavior.TakeAndWait)
            {
                await server._yes.Task.WaitAsync(server._end.Token);
            }

            await ReplyAsync("250 Accepted");
        }

        private async Task<string> AskAsync(string what)
        {
            await ReplyAsync($"334 {Convert.ToBase64String(Encoding.ASCII.GetBytes(what))}");
            return await ReadLineAsync() ?? throw new IOException("The client disconnected.");
        }

        private static string Decode(string base64) => Encoding.UTF8.GetString(Convert.FromBase64String(base64));

        private async Task ReplyAsync(string line) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\r\n"), server._end.Token);

        private async Task<string?> ReadLineAsync()
        {
            var line = new List<byte>();
            var one = new byte[1];
            while (await _stream.ReadAsync(one, server._end.Token) == 1)
            {
                if (one[0] == '\n')
                {
                    return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
                }

                line.Add(one[0]);
            }

            return null;
        }

        /// <summary>Until the client disconnects or the test is over.</summary>
        private async Task HangAsync()
        {
            var buffer = new byte[1024];
            while (await _stream.ReadAsync(buffer, server._end.Token) > 0)
            {
            }

            throw new OperationCanceledException();
        }
    }
}
