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

/// <summary>The webhook returned a status other than 2xx.</summary>
internal sealed class WebhookRefusedException(int status, TimeSpan? retryAfter) : Exception($"The webhook answered {status}.")
{
    public int Status => status;

    public TimeSpan? RetryAfter => retryAfter;
}

/// <summary>The webhook's host resolves to a forbidden address.</summary>
internal sealed class ForbiddenAddressException() : Exception("The webhook's host resolves to a forbidden address.");

/// <summary>Why a delivery failed.</summary>
/// <param name="Code">Stable, without personal data.</param>
/// <param name="Permanent">Whether a retry is pointless.</param>
/// <param name="Ambiguous">
/// Whether the recipient may have received it nevertheless. A retry may then deliver it twice, so there is no immediate one.
/// </param>
/// <param name="RetryAfter">The recipient's Retry-After.</param>
internal sealed record DeliveryError(string Code, bool Permanent, bool Ambiguous = false, TimeSpan? RetryAfter = null)
{
    /// <summary>Its instances crashed during delivery, as often as attempts are allowed.</summary>
    public const string Lost = "lost";

    public bool CanRetryImmediately => !Permanent && !Ambiguous && RetryAfter is null;

    public static DeliveryError Of(Exception exception) => exception switch
    {
        // 550 to 554 concern this mail or mailbox. Other 5xx, such as a rejected login, are configuration errors.
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
        NotSupportedException => new("unreachable", false), // the server does not offer STARTTLS
        SslHandshakeException or SmtpProtocolException or HttpRequestException or SocketException or IOException or UnauthorizedAccessException =>
            new("unreachable", false),
        TimeoutRejectedException => new("timeout", false, Ambiguous: true),
        ParseException or FormatException => new("bad-address", true),
        _ => new("unexpected", false),
    };

    /// <summary>Only 408, 425, 429 and 5xx are worth a retry.</summary>
    public static DeliveryError OfAnswer(int status, TimeSpan? retryAfter) =>
        new(string.Create(CultureInfo.InvariantCulture, $"http-{status}"), status is not (408 or 425 or 429 or >= 500), RetryAfter: retryAfter);

    private static string Smtp(SmtpStatusCode status) => string.Create(CultureInfo.InvariantCulture, $"smtp-{(int)status}");
}
