using System.Net;
using System.Net.Mail;
using System.Net.Mime;
using System.Text;
using Microsoft.Extensions.Options;

namespace Shop.Notification.Features.Deliver;

/// <summary>Hands one notification to the mail server, or puts it into the pickup folder.</summary>
internal sealed class EmailSender : INotificationSender
{
    private readonly EmailSettings _settings;
    private readonly MailAddress _from;
    private readonly SmtpTrust _trust;

    public EmailSender(IOptions<EmailSettings> settings, IOptions<DeliverySettings> delivery)
    {
        _settings = settings.Value;
        _from = new MailAddress(_settings.From);
        _trust = new SmtpTrust(_settings.CaFile);
        (Timeout, AtOnce) = (delivery.Value.Timeout, delivery.Value.Concurrency);
    }

    public string Channel => Channels.Email;

    public TimeSpan Timeout { get; }

    public int AtOnce { get; }

    public string ProviderOf(Contact contact) => "";

    public async Task SendAsync(Notification notification, Contact contact, CancellationToken ct)
    {
        using var mail = Compose(notification, contact);
        using var client = Connect();
        _trust.Apply();

        // Disposing a client in the middle of a conversation breaks it off, should it not heed the token.
        await client.SendMailAsync(mail, ct).WaitAsync(ct);
    }

    private MailMessage Compose(Notification notification, Contact contact)
    {
        var to = contact.Name.Length == 0 ? new MailAddress(contact.Email) : new MailAddress(contact.Email, contact.Name, Encoding.UTF8);
        var mail = new MailMessage(_from, to) { Subject = notification.Subject, SubjectEncoding = Encoding.UTF8 };
        mail.AlternateViews.Add(View(MailBody.Text(notification, contact), MediaTypeNames.Text.Plain));
        if (MailBody.Html(notification, contact) is { } html)
        {
            mail.AlternateViews.Add(View(html, MediaTypeNames.Text.Html)); // last: readers show the last that they understand
        }

        // A crash between the server's yes and ours repeats the mail: the same id lets whoever gets it tell.
        mail.Headers["Message-ID"] = $"<{notification.Id}@{_settings.MessageIdDomain ?? _from.Host}>";
        mail.Headers["Auto-Submitted"] = "auto-generated";
        return mail;
    }

    /// <summary>Readable as it is wherever it can be; not every server takes eight bits.</summary>
    private static AlternateView View(string content, string mediaType)
    {
        var view = AlternateView.CreateAlternateViewFromString(content, Encoding.UTF8, mediaType);
        view.TransferEncoding = Ascii.IsValid(content) && content.Split('\n').All(line => line.Length < 900)
            ? TransferEncoding.SevenBit
            : TransferEncoding.QuotedPrintable;
        return view;
    }

    private SmtpClient Connect()
    {
        if (_settings.PickupDirectory is { Length: > 0 } directory)
        {
            Directory.CreateDirectory(directory);
            return new SmtpClient { DeliveryMethod = SmtpDeliveryMethod.SpecifiedPickupDirectory, PickupDirectoryLocation = directory };
        }

        return new SmtpClient(_settings.Host, _settings.EffectivePort)
        {
            EnableSsl = _settings.Tls == EmailTls.StartTls,
            Credentials = string.IsNullOrEmpty(_settings.User) ? null : new NetworkCredential(_settings.User, _settings.Password),
        };
    }
}
