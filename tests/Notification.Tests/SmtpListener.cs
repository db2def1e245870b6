using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
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
    private readonly Task _accepting;
    private int _conversations;

    public SmtpListener(X509Certificate2? certificate = null, (string User, string Password)? login = null)
    {
        (Certificate, Login) = (certificate, login);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public X509Certificate2? Certificate { get; }

    public (string User, string Password)? Login { get; }

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

    /// <summary>The end of the test.</summary>
    internal CancellationToken End => _end.Token;

    internal Task AcceptCalledAsync() => _yes.Task.WaitAsync(End);

    internal void Take(SmtpMail mail) => _accepted.Enqueue(mail);

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

                await using var conversation = new SmtpConversation(this, client.GetStream(), mood);
                await conversation.RunAsync();
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or System.Security.Authentication.AuthenticationException)
            {
                // The client has hung up, or does not trust this server, or the test is over.
            }
        }
    }
}
