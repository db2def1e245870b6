using Microsoft.Extensions.Options;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>The configuration section <c>Notifications</c>.</summary>
internal sealed class StaffSettings
{
    /// <summary>Bare mail addresses of staff. Without any, staff are not notified.</summary>
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
                .Select(recipient => $"Notifications:StaffRecipients has '{recipient}', which is not a bare address of at most {MaxLength} characters."),
        ];
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }
}
