using System.Net;
using System.Net.Mail;
using Microsoft.Extensions.Options;

namespace Shop.Notification.Features.Deliver;

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

    /// <summary>Its port: 587 with TLS and 25 without, if left out.</summary>
    public int? Port { get; init; }

    /// <summary>Whether the conversation must be encrypted (STARTTLS).</summary>
    public bool Tls { get; init; } = true;

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>Who the mail is from.</summary>
    public string From { get; init; } = "Shop <no-reply@shop.example>";

    public int EffectivePort => Port ?? (Tls ? 587 : 25);
}

/// <summary>Says at start, and in words, what is wrong with the mail settings, rather than at the first mail.</summary>
internal sealed class EmailSettingsRules : IValidateOptions<EmailSettings>
{
    public ValidateOptionsResult Validate(string? name, EmailSettings options)
    {
        List<string> wrong = [];
        if (!MailAddress.TryCreate(options.From, out _))
        {
            wrong.Add($"Email:From is '{options.From}', which is no address. Write it as Shop <no-reply@example.com>.");
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
            yield return "There is nowhere to send mail to. Set Email:Host (Email__Host) to the name of an SMTP server, or "
                + "Email:PickupDirectory to an absolute path to get .eml files instead.";
            yield break;
        }

        if (Uri.CheckHostName(options.Host) == UriHostNameType.Unknown)
        {
            yield return $"Email:Host is '{options.Host}', which is no host name. Give the port as Email:Port.";
        }

        if (options.Port is < 1 or > 65535)
        {
            yield return $"Email:Port is {options.Port}; a port is 1 to 65535.";
        }

        if (options is { Port: 465, Tls: true })
        {
            yield return "Email:Port 465 expects TLS from the first byte, which is not supported. Use the submission port 587, where the "
                + "conversation is encrypted by STARTTLS.";
        }

        if (string.IsNullOrEmpty(options.User) != string.IsNullOrEmpty(options.Password))
        {
            yield return "Email:User and Email:Password belong together: set both or neither.";
        }
        else if (!string.IsNullOrEmpty(options.User) && !options.Tls && !IsLoopback(options.Host))
        {
            yield return "Email:Tls is false, and so Email:Password would travel readable by all. Set Email:Tls to true.";
        }
    }

    private static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
}
