using System.Diagnostics;
using System.Text;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Options;
using MimeKit;
using Polly;

namespace Shop.Notification.Features.Deliver;

/// <summary>Sends one notification to the mail server, or writes it to the pickup folder.</summary>
internal sealed class EmailSender : INotificationSender
{
    private readonly EmailSettings _settings;
    private readonly MailboxAddress _from;
    private readonly SmtpTrust _trust;
    private readonly ResiliencePipeline<bool> _pipeline;

    public EmailSender(IOptions<EmailSettings> settings, IOptions<DeliverySettings> delivery, TimeProvider clock)
    {
        _settings = settings.Value;
        _from = MailboxAddress.Parse(_settings.From);
        _trust = new SmtpTrust(_settings.CaFile);
        _pipeline = new ResiliencePipelineBuilder<bool> { TimeProvider = clock }
            .AddDelivery(delivery.Value, delivery.Value.Timeout, outcome => outcome.Exception is { } e ? DeliveryError.Of(e) : null)
            .Build();
    }

    public string Channel => Channels.Email;

    public async Task SendAsync(Notification notification, Contact contact, CancellationToken ct) => await _pipeline.ExecuteAsync(async attempt =>
    {
        using var mail = Compose(notification, contact);
        await (_settings.PickupDirectory is { Length: > 0 } directory ? PutAsync(mail, directory, attempt) : SendAsync(mail, attempt));
        return true;
    }, ct);

    private MimeMessage Compose(Notification notification, Contact contact)
    {
        // The preferred part last (RFC 2046, 5.1.4).
        MultipartAlternative body = [Part("plain", MailBody.Text(notification, contact))];
        if (MailBody.Html(notification, contact) is { } html)
        {
            body.Add(Part("html", html));
        }

        // A crash after the server accepted the mail sends it again: the same id lets readers detect duplicates.
        var mail = new MimeMessage
        {
            MessageId = $"{notification.Id}@{_settings.MessageIdDomain ?? _from.Domain}",
            Subject = notification.Subject,
            Body = body,
        };
        mail.From.Add(_from);
        mail.To.Add(new MailboxAddress(Encoding.UTF8, contact.Name.Length == 0 ? null : contact.Name, contact.Email));
        mail.Headers.Add("Auto-Submitted", "auto-generated");
        return mail;
    }

    /// <summary>Quoted-printable where needed; not every server supports 8BITMIME.</summary>
    private static TextPart Part(string subtype, string content) => new(subtype)
    {
        Text = content,
        ContentTransferEncoding = Ascii.IsValid(content) && content.Split('\n').All(line => line.Length < 900)
            ? ContentEncoding.SevenBit
            : ContentEncoding.QuotedPrintable,
    };

    private async Task SendAsync(MimeMessage mail, CancellationToken ct)
    {
        Activity.Current?.SetTag("server.address", _settings.Host).SetTag("server.port", _settings.EffectivePort);
        using var client = new SmtpClient();
        client.CheckCertificateRevocation = false; // private authorities rarely publish revocation lists
        client.ServerCertificateValidationCallback = _trust.IsTrusted;
        await client.ConnectAsync(_settings.Host!, _settings.EffectivePort, _settings.Tls switch
        {
            EmailTls.None => SecureSocketOptions.None,
            EmailTls.Implicit => SecureSocketOptions.SslOnConnect,
            _ => SecureSocketOptions.StartTls,
        }, ct);
        if (!string.IsNullOrEmpty(_settings.User))
        {
            await client.AuthenticateAsync(_settings.User, _settings.Password!, ct);
        }

        await client.SendAsync(mail, ct);
        await client.DisconnectAsync(quit: true, ct);
    }

    /// <summary>Renamed to .eml once it is complete: other programs watch the folder.</summary>
    private static async Task PutAsync(MimeMessage mail, string directory, CancellationToken ct)
    {
        Directory.CreateDirectory(directory);
        var file = Path.Combine(directory, Guid.CreateVersion7().ToString());
        var format = FormatOptions.Default.Clone();
        format.NewLineFormat = NewLineFormat.Dos;
        await mail.WriteToAsync(format, file, ct);
        File.Move(file, file + ".eml");
    }
}
