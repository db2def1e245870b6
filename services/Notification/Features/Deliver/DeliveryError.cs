using System.Globalization;
using System.Net.Mail;
using System.Net.Sockets;
using System.Security.Authentication;
using Polly.Timeout;

namespace Shop.Notification.Features.Deliver;

/// <summary>The other side's HTTP status was not 2xx.</summary>
internal sealed class WebhookRefusedException(int status, TimeSpan? retryAfter) : Exception($"The webhook answered {status}.")
{
    public int Status => status;

    public TimeSpan? RetryAfter => retryAfter;
}

/// <summary>The webhook's host has an address that the shop does not call.</summary>
internal sealed class ForbiddenAddressException() : Exception("The webhook's host has an address that may not be called.");

/// <summary>Why a delivery failed.</summary>
/// <param name="Code">Stable, without personal data.</param>
/// <param name="Permanent">Whether the same would happen again, so that there is no point in trying.</param>
/// <param name="Ambiguous">
/// Whether the other side may have taken it all the same. Then another try may deliver it twice, so there is none at once.
/// </param>
/// <param name="RetryAfter">How long the other side wants to be left alone.</param>
internal sealed record DeliveryError(string Code, bool Permanent, bool Ambiguous = false, TimeSpan? RetryAfter = null)
{
    public const string NoContact = "no-contact";

    /// <summary>Its instance died with it, more often than it may be tried.</summary>
    public const string Lost = "lost";

    public bool WorthTryingAtOnce => !Permanent && !Ambiguous && RetryAfter is null;

    public static DeliveryError Of(Exception exception) => exception switch
    {
        // 550 to 554 speak of this mail or this mailbox. Other 5xx, such as a login that is refused, are for the operator to mend.
        SmtpException { StatusCode: >= SmtpStatusCode.MailboxUnavailable and <= SmtpStatusCode.TransactionFailed } e => new(Smtp(e), true),
        SmtpException { StatusCode: > 0 } e => new(Smtp(e), false),
        WebhookRefusedException e => OfAnswer(e),
        AuthenticationException => new("certificate", false),
        ForbiddenAddressException => new("forbidden-address", true),
        SmtpException or HttpRequestException { InnerException: not null } when exception.InnerException is { } inner
            && Of(inner) is { Code: not "unexpected" } error => error,
        SmtpException or HttpRequestException or SocketException or IOException or UnauthorizedAccessException => new("unreachable", false),
        TimeoutRejectedException => new("timeout", false, Ambiguous: true),
        FormatException => new("bad-address", true),
        _ => new("unexpected", false),
    };

    /// <summary>Which answers a repeat may change: too early, too many, too slow, and errors of the other side.</summary>
    private static DeliveryError OfAnswer(WebhookRefusedException e) =>
        new(string.Create(CultureInfo.InvariantCulture, $"http-{e.Status}"), e.Status is not (408 or 425 or 429 or >= 500), RetryAfter: e.RetryAfter);

    private static string Smtp(SmtpException e) => string.Create(CultureInfo.InvariantCulture, $"smtp-{(int)e.StatusCode}");
}
