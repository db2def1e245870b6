using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Shop.Notification.Features.PutContact;

/// <summary>
/// The value must be a URL that may be called: https, without a login or a fragment, and not a literal private address.
/// Where loopback is allowed, http to it is too. The addresses of a host name are checked at each call.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class WebhookUrlAttribute() : ValidationAttribute(
    "{0} must be an https URL without a login or a fragment, of a host that may be called, such as https://shop.example.com/hook.")
{
    /// <summary>The normalized URL, or null where the value is not valid.</summary>
    public static string? Normalized(string value, WebhookAddresses addresses)
    {
        if (value.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)) || !Uri.TryCreate(value, UriKind.Absolute, out var url)
            || url.UserInfo.Length > 0 || url.Fragment.Length > 0 || url.Host.Length == 0 || url.Port == 0 || (url.HostNameType == UriHostNameType.Dns && !HostName.IsValid(url.Host)) || url.AbsoluteUri.Contains('@', StringComparison.Ordinal))
        {
            return null;
        }

        var isLiteral = IPAddress.TryParse(url.DnsSafeHost, out var address);
        if (isLiteral && !addresses.MayCall(address!))
        {
            return null;
        }

        var staysHere = url.Host == "localhost" || (isLiteral && IPAddress.IsLoopback(address!));
        return url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && staysHere && addresses.AllowsLoopback)
            ? new UriBuilder(url) { Host = url.IdnHost }.Uri.AbsoluteUri
            : null;
    }

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is not string text || Normalized(text, validationContext.GetRequiredService<WebhookAddresses>()) is not null
            ? ValidationResult.Success
            : new ValidationResult(FormatErrorMessage(validationContext.DisplayName), [validationContext.MemberName!]);
}
