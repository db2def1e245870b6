using System.ComponentModel.DataAnnotations;
using MimeKit;
using Shop.ServiceDefaults.Domain;

namespace Shop.Notification.Features;

/// <summary>The value must be one line without control characters, which protects mail headers.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SingleLineAttribute() : ValidationAttribute("{0} must be one line without control characters, and not blank.")
{
    public override bool IsValid(object? value) =>
        value is not string text || SingleLineText.IsValid(text);
}

/// <summary>
/// The value must be one bare mail address: RFC 5322 by MimeKit's parser, without display name, quoting or
/// comments, ASCII before the @ (not every mail server supports more), and a domain with a dot. Whether the mailbox exists is not
/// checked.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class MailboxAddressAttribute() : ValidationAttribute("{0} must be one e-mail address, such as ada@example.com.")
{
    private static readonly ParserOptions s_strict = new() { AddressParserComplianceMode = RfcComplianceMode.Strict };

    public override bool IsValid(object? value)
    {
        if (value is not string text)
        {
            return true; // left to [Required]
        }

        var at = text.LastIndexOf('@');
        return at is > 0 and <= 64
            && text[..at].All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-/=?^_`{|}~.".Contains(c, StringComparison.Ordinal))
            && text[(at + 1)..] is var domain && domain.Contains('.', StringComparison.Ordinal) && !domain.EndsWith('.')
            && HostName.IsValid(domain)
            && MailboxAddress.TryParse(s_strict, text, out _);
    }
}
