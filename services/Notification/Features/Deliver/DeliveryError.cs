using System.Globalization;
using System.Net.Mail;
using System.Net.Sockets;
using Polly.Timeout;

namespace Shop.Notification.Features.Deliver;

/// <summary>Why a delivery failed.</summary>
/// <param name="Code">Stable, without personal data.</param>
/// <param name="Permanent">Whether the same would happen again, so that there is no point in trying.</param>
internal sealed record DeliveryError(string Code, bool Permanent)
{
    public const string NoContact = "no-contact";

    /// <summary>Its instance died with it, more often than it may be tried.</summary>
    public const string Lost = "lost";

    public static DeliveryError Of(Exception exception) => exception switch
    {
        // 550 to 554 speak of this mail or this mailbox. Other 5xx, such as a login that is refused, are for the operator to mend.
        SmtpException { StatusCode: >= SmtpStatusCode.MailboxUnavailable and <= SmtpStatusCode.TransactionFailed } e => new(Smtp(e), true),
        SmtpException { StatusCode: > 0 } e => new(Smtp(e), false),
        SmtpException or SocketException or IOException or UnauthorizedAccessException => new("unreachable", false),
        TimeoutRejectedException => new("timeout", false),
        FormatException => new("bad-address", true),
        _ => new("unexpected", false),
    };

    private static string Smtp(SmtpException e) => string.Create(CultureInfo.InvariantCulture, $"smtp-{(int)e.StatusCode}");
}
