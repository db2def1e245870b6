using Microsoft.Extensions.Options;
using Shop.Notification.Features.PutContact;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>Who of the staff is written to; the section <c>Notifications</c> of the configuration.</summary>
internal sealed class StaffSettings
{
    /// <summary>Bare addresses. Where there is none, nobody of the staff is told anything.</summary>
    public IReadOnlyList<string> StaffRecipients { get; init; } = [];
}

internal sealed class StaffSettingsRules : IValidateOptions<StaffSettings>
{
    private const int MaxLength = 200;

    public ValidateOptionsResult Validate(string? name, StaffSettings options)
    {
        var address = new MailboxAddressAttribute();
        List<string> wrong =
        [
            .. options.StaffRecipients.Where(recipient => recipient.Length > MaxLength || !address.IsValid(recipient))
                .Select(recipient => $"Notifications:StaffRecipients has '{recipient}', which is no bare address of at most {MaxLength} characters."),
        ];
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }
}
