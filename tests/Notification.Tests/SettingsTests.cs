using Shop.Notification.Features;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Features.WriteNotifications;

namespace Shop.Notification.Tests;

public sealed class SettingsTests
{
    private static readonly EmailSettingsRules s_rules = new();

    [Fact]
    public void A_folder_or_a_server_is_enough()
    {
        Assert.True(Check(new EmailSettings { PickupDirectory = "/var/mail/shop" }).Succeeded);
        Assert.True(Check(new EmailSettings { Host = "smtp.example.com" }).Succeeded);
        Assert.True(Check(new EmailSettings { Host = "smtp.example.com", Port = 2525, User = "shop", Password = "secret" }).Succeeded);
        Assert.True(Check(new EmailSettings { Host = "127.0.0.1", Tls = EmailTls.None, User = "shop", Password = "secret" }).Succeeded);
    }

    [Fact]
    public void The_port_follows_from_encryption_unless_it_is_given()
    {
        Assert.Equal(587, new EmailSettings().EffectivePort);
        Assert.Equal(25, new EmailSettings { Tls = EmailTls.None }.EffectivePort);
        Assert.Equal(465, new EmailSettings { Tls = EmailTls.Implicit }.EffectivePort);
        Assert.Equal(2525, new EmailSettings { Port = 2525 }.EffectivePort);
    }

    [Fact]
    public void Each_mistake_is_named_with_its_setting()
    {
        Refused(new EmailSettings(), "No mail server is configured. Set Email:Host");
        Refused(new EmailSettings { PickupDirectory = "mail" }, "Email:PickupDirectory is 'mail'; it must be an absolute path.");
        Refused(new EmailSettings { Host = "smtp.example.com:25" }, "Email:Host is 'smtp.example.com:25'");
        Refused(new EmailSettings { Host = "smtp.example.com", Port = 0 }, "Email:Port is 0");
        Refused(new EmailSettings { Host = "smtp.example.com", Port = 465 }, "Email:Port 465");
        Refused(new EmailSettings { Host = "smtp.example.com", User = "shop" }, "Email:User and Email:Password");
        Refused(new EmailSettings { Host = "smtp.example.com", Password = "secret" }, "Email:User and Email:Password");
        Refused(new EmailSettings { Host = "smtp.example.com", Tls = EmailTls.None, User = "shop", Password = "secret" }, "Email:Tls is None");
        Refused(new EmailSettings { Host = "smtp.example.com", CaFile = "/nowhere/ca.pem" }, "Email:CaFile is '/nowhere/ca.pem'; it cannot be read");
        Refused(new EmailSettings { PickupDirectory = "/mail", MessageIdDomain = "a b" }, "Email:MessageIdDomain is 'a b'");
        Refused(new EmailSettings { PickupDirectory = "/mail", From = "nobody" }, "Email:From is 'nobody'");
    }

    [Fact]
    public void A_lease_outlives_the_longest_attempt()
    {
        var settings = new DeliverySettings();

        Assert.True(settings.Lease >= settings.StartWithin + settings.TotalTimeout + TimeSpan.FromSeconds(10));
        Assert.True(settings.TotalTimeout > settings.Timeout);
    }

    [Fact]
    public void Staff_are_bare_addresses_and_webhook_networks_are_networks()
    {
        var staff = new StaffSettingsRules();
        Assert.True(staff.Validate(null, new StaffSettings { StaffRecipients = ["ops@example.com", "b@example.com"] }).Succeeded);
        Assert.True(staff.Validate(null, new StaffSettings()).Succeeded);
        Assert.Contains("Notifications:StaffRecipients has 'ops'", staff.Validate(null, new StaffSettings { StaffRecipients = ["ops"] }).FailureMessage,
            StringComparison.Ordinal);

        var webhook = new WebhookSettingsRules();
        Assert.True(webhook.Validate(null, new WebhookSettings { AllowedNetworks = ["10.1.0.0/16", "fd00::/8"] }).Succeeded);
        Assert.Contains("Webhook:AllowedNetworks has 'all'", webhook.Validate(null, new WebhookSettings { AllowedNetworks = ["all"] }).FailureMessage,
            StringComparison.Ordinal);
    }

    private static void Refused(EmailSettings settings, string message)
    {
        var result = Check(settings);
        Assert.Contains(result.Failures ?? [], failure => failure.StartsWith(message, StringComparison.Ordinal));
        Assert.DoesNotContain("secret", result.FailureMessage, StringComparison.Ordinal);
    }

    private static Microsoft.Extensions.Options.ValidateOptionsResult Check(EmailSettings settings) => s_rules.Validate(null, settings);
}
