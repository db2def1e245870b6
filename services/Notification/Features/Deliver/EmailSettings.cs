using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using MimeKit;

namespace Shop.Notification.Features.Deliver;

/// <summary>The encryption of the SMTP session.</summary>
internal enum EmailTls
{
    /// <summary>None.</summary>
    None,

    /// <summary>STARTTLS, which must succeed.</summary>
    StartTls,

    /// <summary>Implicit TLS, from the first byte.</summary>
    Implicit,
}

/// <summary>
/// Where mail is sent, from the configuration section <c>Email</c>: to a folder where <see cref="PickupDirectory"/> is
/// set, else to the SMTP server <see cref="Host"/>.
/// </summary>
internal sealed class EmailSettings
{
    /// <summary>An absolute path; every mail becomes an .eml file in it. Created if it is missing.</summary>
    public string? PickupDirectory { get; init; }

    /// <summary>The SMTP server.</summary>
    public string? Host { get; init; }

    /// <summary>Its port; by default 587 with STARTTLS, 465 with implicit TLS, 25 without TLS.</summary>
    public int? Port { get; init; }

    public EmailTls Tls { get; init; } = EmailTls.StartTls;

    /// <summary>
    /// An absolute path of a PEM file with the certificates of authorities to trust for the mail server, in
    /// addition to those of the machine.
    /// </summary>
    public string? CaFile { get; init; }

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>The sender.</summary>
    public string From { get; init; } = "Shop <no-reply@shop.example>";

    /// <summary>The domain of the Message-ID; that of <see cref="From"/> by default.</summary>
    public string? MessageIdDomain { get; init; }

    public int EffectivePort => Port ?? Tls switch
    {
        EmailTls.None => 25,
        EmailTls.Implicit => 465,
        _ => 587,
    };
}

/// <summary>Validates the mail settings at startup, rather than at the first mail.</summary>
internal sealed class EmailSettingsRules : IValidateOptions<EmailSettings>
{
    public ValidateOptionsResult Validate(string? name, EmailSettings options)
    {
        List<string> wrong = [];
        if (!MailboxAddress.TryParse(options.From, out var from) || from.Domain.Length == 0)
        {
            wrong.Add($"Email:From is '{options.From}', which is not an address. Write it as Shop <no-reply@example.com>.");
        }

        if (options.MessageIdDomain is { } domain && Uri.CheckHostName(domain) != UriHostNameType.Dns)
        {
            wrong.Add($"Email:MessageIdDomain is '{domain}', which is not a domain. Write it as mail.example.com.");
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
            return ["No mail server is configured. Set Email:Host (Email__Host) to the name of an SMTP server, or "
                + "Email:PickupDirectory to an absolute path to write .eml files instead."];
        }

        return [.. ServerMistakes(options), .. TlsMistakes(options), .. LoginMistakes(options)];
    }

    private static IEnumerable<string> ServerMistakes(EmailSettings options)
    {
        if (Uri.CheckHostName(options.Host) == UriHostNameType.Unknown)
        {
            yield return $"Email:Host is '{options.Host}', which is not a host name. Set the port as Email:Port.";
        }

        if (options.Port is < 1 or > 65535)
        {
            yield return $"Email:Port is {options.Port}; it must be 1 to 65535.";
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
            yield return "Email:Tls is None, so Email:Password would be sent unencrypted. Set Email:Tls to StartTls.";
        }
    }

    private static string? CaMistake(string file)
    {
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            return authorities.Count == 0 ? "it contains no certificate." : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return $"it cannot be read: {e.Message}";
        }
    }

    private static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
}
