using System.Globalization;
using System.Net.Sockets;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using Polly.Timeout;
using MailAuthenticationException = MailKit.Security.AuthenticationException;
using TlsAuthenticationException = System.Security.Authentication.AuthenticationException;

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
        SmtpCommandException { StatusCode: >= SmtpStatusCode.MailboxUnavailable and <= SmtpStatusCode.TransactionFailed } e => new(Smtp(e.StatusCode), true),
        SmtpCommandException e => new(Smtp(e.StatusCode), false),
        MailAuthenticationException { InnerException: SmtpCommandException e } => new(Smtp(e.StatusCode), false),
        MailAuthenticationException => new(Smtp(SmtpStatusCode.AuthenticationInvalidCredentials), false),
        ServiceNotAuthenticatedException => new(Smtp(SmtpStatusCode.AuthenticationRequired), false),
        WebhookRefusedException e => OfAnswer(e.Status, e.RetryAfter),
        TlsAuthenticationException => new("certificate", false),
        ForbiddenAddressException => new("forbidden-address", true),
        SslHandshakeException or HttpRequestException when exception.InnerException is { } inner
            && Of(inner) is { Code: not "unexpected" } error => error,
        NotSupportedException => new("unreachable", false), // the server offers no STARTTLS
        SslHandshakeException or SmtpProtocolException or HttpRequestException or SocketException or IOException or UnauthorizedAccessException =>
            new("unreachable", false),
        TimeoutRejectedException => new("timeout", false, Ambiguous: true),
        ParseException or FormatException => new("bad-address", true),
        _ => new("unexpected", false),
    };

    /// <summary>Which answers a repeat may change: too early, too many, too slow, and errors of the other side.</summary>
    public static DeliveryError OfAnswer(int status, TimeSpan? retryAfter) =>
        new(string.Create(CultureInfo.InvariantCulture, $"http-{status}"), status is not (408 or 425 or 429 or >= 500), RetryAfter: retryAfter);

    private static string Smtp(SmtpStatusCode status) => string.Create(CultureInfo.InvariantCulture, $"smtp-{(int)status}");
}
