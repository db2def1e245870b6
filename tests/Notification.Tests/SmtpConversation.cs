using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Shop.Notification.Tests;

/// <summary>One client's conversation. Lines are read unbuffered, because the bytes after STARTTLS belong to TLS.</summary>
internal sealed class SmtpConversation(SmtpListener server, Stream stream, SmtpBehavior mood) : IAsyncDisposable
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
            await EncryptAsync(server.Certificate!);
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
        "STARTTLS" when server.Certificate is not null && !_encrypted => StartTlsAsync(server.Certificate),
        "AUTH" when server.Login is not null && _encrypted => AuthenticateAsync(rest),
        "MAIL" when server.Login is not null && _user is null => ReplyAsync("530 5.7.0 Log in first"),
        "MAIL" => TakeSenderAsync(rest),
        "RCPT" => TakeRecipientAsync(rest),
        "DATA" => TakeDataAsync(),
        "RSET" or "NOOP" => ReplyAsync("250 OK"),
        _ => ReplyAsync("502 5.5.1 What?"),
    };

    private string Capabilities()
    {
        List<string> lines = ["test"];
        if (server.Certificate is not null && !_encrypted && mood != SmtpBehavior.Plain)
        {
            lines.Add("STARTTLS");
        }

        if (server.Login is not null && _encrypted)
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
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, server.End);
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

        _user = (user, password) == server.Login ? user : null;
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

        server.Take(new SmtpMail(_envelope.From, _envelope.To, data.ToString(), _encrypted, _user));
        if (mood == SmtpBehavior.HangAfterTaking)
        {
            await HangAsync();
        }

        if (mood == SmtpBehavior.TakeAndWait)
        {
            await server.AcceptCalledAsync();
        }

        await ReplyAsync("250 Accepted");
    }

    private async Task<string> AskAsync(string what)
    {
        await ReplyAsync($"334 {Convert.ToBase64String(Encoding.ASCII.GetBytes(what))}");
        return await ReadLineAsync() ?? throw new IOException("The client disconnected.");
    }

    private static string Decode(string base64) => Encoding.UTF8.GetString(Convert.FromBase64String(base64));

    private async Task ReplyAsync(string line) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\r\n"), server.End);

    private async Task<string?> ReadLineAsync()
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (await _stream.ReadAsync(one, server.End) == 1)
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
        while (await _stream.ReadAsync(buffer, server.End) > 0)
        {
        }

        throw new OperationCanceledException();
    }
}
