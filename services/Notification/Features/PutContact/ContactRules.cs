using System.ComponentModel.DataAnnotations;
using MimeKit;
using Shop.ServiceDefaults.Domain;

namespace Shop.Notification.Features.PutContact;

/// <summary>The value is one line: neither a line break nor another control character can get into a mail's headers.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class OneLineAttribute() : ValidationAttribute("{0} must be one line without control characters, and not blank.")
{
    public override bool IsValid(object? value) =>
        value is not string text || OneLine.Is(text);
}

/// <summary>
/// The value is one bare address that mail can be sent to: RFC 5322 by MimeKit's parser, and of that no display name, no quoting or
/// comments, ASCII before the @ (not every mail server takes more), and a domain with a dot in it. Whether somebody reads it, only a
/// mail will tell.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class MailboxAddressAttribute() : ValidationAttribute("{0} must be one e-mail address, such as ada@example.com.")
{
    private static readonly ParserOptions s_strict = new() { AddressParserComplianceMode = RfcComplianceMode.Strict };

    public override bool IsValid(object? value)
    {
        if (value is not string text)
        {
            return true; // [Required] says so
        }

        var at = text.LastIndexOf('@');
        return at is > 0 and <= 64
            && text[..at].All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-/=?^_`{|}~.".Contains(c, StringComparison.Ordinal))
            && text[(at + 1)..] is var domain && domain.Contains('.', StringComparison.Ordinal) && !domain.EndsWith('.')
            && Uri.CheckHostName(domain) == UriHostNameType.Dns
            && MailboxAddress.TryParse(s_strict, text, out _);
    }
}
