using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using MimeKit;

namespace Shop.Notification.Features.Deliver;

/// <summary>How the conversation with the mail server is encrypted.</summary>
internal enum EmailTls
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>From the STARTTLS command on, which must succeed.</summary>
    StartTls,

    /// <summary>From the first byte on.</summary>
    Implicit,
}

/// <summary>
/// Where mail goes, from the section <c>Email</c> of the configuration: into a folder where <see cref="PickupDirectory"/> is
/// set, else to the SMTP server <see cref="Host"/>.
/// </summary>
internal sealed class EmailSettings
{
    /// <summary>An absolute path; every mail becomes an .eml file in it. Created if it is missing.</summary>
    public string? PickupDirectory { get; init; }

    /// <summary>The SMTP server.</summary>
    public string? Host { get; init; }

    /// <summary>Its port, if left out: 587 with STARTTLS, 465 with TLS from the first byte, 25 without.</summary>
    public int? Port { get; init; }

    public EmailTls Tls { get; init; } = EmailTls.StartTls;

    /// <summary>
    /// An absolute path of a PEM file with the certificates of authorities that the mail server's certificate may come from, in
    /// addition to those that the machine trusts.
    /// </summary>
    public string? CaFile { get; init; }

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>Who the mail is from.</summary>
    public string From { get; init; } = "Shop <no-reply@shop.example>";

    /// <summary>What comes after the @ of the Message-ID; that of <see cref="From"/> if left out.</summary>
    public string? MessageIdDomain { get; init; }

    public int EffectivePort => Port ?? Tls switch
    {
        EmailTls.None => 25,
        EmailTls.Implicit => 465,
        _ => 587,
    };
}

/// <summary>Says at start, and in words, what is wrong with the mail settings, rather than at the first mail.</summary>
internal sealed class EmailSettingsRules : IValidateOptions<EmailSettings>
{
    public ValidateOptionsResult Validate(string? name, EmailSettings options)
    {
        List<string> wrong = [];
        if (!MailboxAddress.TryParse(options.From, out var from) || from.Domain.Length == 0)
        {
            wrong.Add($"Email:From is '{options.From}', which is no address. Write it as Shop <no-reply@example.com>.");
        }

        if (options.MessageIdDomain is { } domain && Uri.CheckHostName(domain) != UriHostNameType.Dns)
        {
            wrong.Add($"Email:MessageIdDomain is '{domain}', which is no domain. Write it as mail.example.com.");
        }

        wrong.AddRange(string.IsNullOrEmpty(options.PickupDirectory) ? SmtpMistakes(options) : PickupMistakes(options.PickupDirectory));
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }

    private static IEnumerable<string> PickupMistakes(string directory)
    {
        if (!Path.IsPathFullyQualified(directory))
        {
            yield return $"Email:PickupDirectory is '{directory}'; it must be an absolute path.";
        }
    }

    private static IEnumerable<string> SmtpMistakes(EmailSettings options)
    {
        if (string.IsNullOrWhiteSpace(options.Host))
        {
            return ["There is nowhere to send mail to. Set Email:Host (Email__Host) to the name of an SMTP server, or "
                + "Email:PickupDirectory to an absolute path to get .eml files instead."];
        }

        return [.. ServerMistakes(options), .. TlsMistakes(options), .. LoginMistakes(options)];
    }

    private static IEnumerable<string> ServerMistakes(EmailSettings options)
    {
        if (Uri.CheckHostName(options.Host) == UriHostNameType.Unknown)
        {
            yield return $"Email:Host is '{options.Host}', which is no host name. Give the port as Email:Port.";
        }

        if (options.Port is < 1 or > 65535)
        {
            yield return $"Email:Port is {options.Port}; a port is 1 to 65535.";
        }
    }

    private static IEnumerable<string> TlsMistakes(EmailSettings options)
    {
        if (options is { Port: 465, Tls: EmailTls.StartTls })
        {
            yield return "Email:Port 465 expects TLS from the first byte. Set Email:Tls to Implicit, or Email:Port to the submission port 587.";
        }

        if (options.CaFile is { Length: > 0 } file && CaMistake(file) is { } mistake)
        {
            yield return $"Email:CaFile is '{file}'; {mistake}";
        }
    }

    private static IEnumerable<string> LoginMistakes(EmailSettings options)
    {
        if (string.IsNullOrEmpty(options.User) != string.IsNullOrEmpty(options.Password))
        {
            yield return "Email:User and Email:Password belong together: set both or neither.";
        }
        else if (!string.IsNullOrEmpty(options.User) && options.Tls == EmailTls.None && !IsLoopback(options.Host!))
        {
            yield return "Email:Tls is None, and so Email:Password would travel readable by all. Set Email:Tls to StartTls.";
        }
    }

    private static string? CaMistake(string file)
    {
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            return authorities.Count == 0 ? "there is no certificate in it." : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return $"it cannot be read: {e.Message}";
        }
    }

    private static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
}
