using System.Net;
using System.Net.Mail;
using System.Net.Mime;
using System.Text;
using Microsoft.Extensions.Options;

namespace Shop.Notification.Features.Deliver;

/// <summary>Hands one notification to the mail server, or puts it into the pickup folder, and does nothing about failures.</summary>
internal sealed class EmailSender
{
    private readonly EmailSettings _settings;
    private readonly MailAddress _from;

    public EmailSender(IOptions<EmailSettings> settings)
    {
        _settings = settings.Value;
        _from = new MailAddress(_settings.From);
    }

    public async Task SendAsync(Notification notification, Contact contact, CancellationToken ct)
    {
        using var mail = Compose(notification, contact);
        using var client = Connect();
        await client.SendMailAsync(mail, ct);
    }

    private MailMessage Compose(Notification notification, Contact contact)
    {
        var body = $"Hello {contact.Name},\n\n{notification.Text}".ReplaceLineEndings("\r\n");
        var mail = new MailMessage(_from, new MailAddress(contact.Email, contact.Name, Encoding.UTF8))
        {
            Subject = notification.Subject,
            SubjectEncoding = Encoding.UTF8,
            Body = body,
            BodyEncoding = Encoding.UTF8,

            // Readable as it is wherever it can be; not every server takes eight bits.
            BodyTransferEncoding = Ascii.IsValid(body) ? TransferEncoding.SevenBit : TransferEncoding.QuotedPrintable,
        };

        // A crash between the server's yes and ours repeats the mail: the same id lets whoever gets it tell.
        mail.Headers["Message-ID"] = $"<{notification.Id}@{_from.Host}>";
        mail.Headers["Auto-Submitted"] = "auto-generated";
        return mail;
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
            EnableSsl = _settings.Tls,
            Credentials = string.IsNullOrEmpty(_settings.User) ? null : new NetworkCredential(_settings.User, _settings.Password),
        };
    }
}
