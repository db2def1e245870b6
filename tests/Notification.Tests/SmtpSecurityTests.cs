using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Shop.Notification.Features.Deliver;

namespace Shop.Notification.Tests;

/// <summary>The sender alone against a real SMTP server: encryption, trust, login, and the wire format.</summary>
public sealed class SmtpSecurityTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task A_configured_authority_is_trusted_and_the_mail_is_sent_encrypted_after_a_login()
    {
        await using var server = new SmtpListener(_authority.Issue(), ("shop", "secret"));

        await SendAsync(server, EmailTls.StartTls, _authority.CaFile, "shop", "secret");

        var mail = Assert.Single(server.Accepted);
        Assert.Equal((true, "shop", "<ada@example.com>"), (mail.Encrypted, mail.User, mail.To));
    }

    [Fact]
    public async Task An_unconfigured_authority_is_not_trusted()
    {
        await using var server = new SmtpListener(_authority.Issue());

        Assert.Equal(new DeliveryError("certificate", false), await FailAsync(server, EmailTls.StartTls));
        using var other = new TestAuthority();
        Assert.Equal(new DeliveryError("certificate", false), await FailAsync(server, EmailTls.StartTls, other.CaFile));
        Assert.Empty(server.Accepted);
    }

    [Theory]
    [InlineData("mail.example.com", 7)]
    [InlineData("localhost", -1)]
    public async Task A_certificate_for_another_name_or_expired_is_not_trusted_whoever_issued_it(string host, int daysLeft)
    {
        await using var server = new SmtpListener(_authority.Issue(host, daysLeft));

        Assert.Equal("certificate", (await FailAsync(server, EmailTls.StartTls, _authority.CaFile)).Code);
        Assert.Empty(server.Accepted);
    }

    [Fact]
    public async Task Trusted_authorities_are_per_sender()
    {
        await using var server = new SmtpListener(_authority.Issue());

        await Task.WhenAll(Enumerable.Range(0, 5).SelectMany(_ => (Task[])
        [
            SendAsync(server, EmailTls.StartTls, _authority.CaFile),
            Assert.ThrowsAnyAsync<Exception>(() => SendAsync(server, EmailTls.StartTls)),
        ]));

        Assert.Equal(5, server.Accepted.Count);
    }

    [Fact]
    public async Task Without_STARTTLS_nothing_is_sent_where_it_is_required()
    {
        await using var server = new SmtpListener(_authority.Issue()) { Mood = SmtpBehavior.Plain };

        var error = await FailAsync(server, EmailTls.StartTls, _authority.CaFile);

        Assert.False(error.Permanent);
        Assert.Empty(server.Accepted);
    }

    [Fact]
    public async Task A_server_with_implicit_TLS_is_supported()
    {
        await using var server = new SmtpListener(_authority.Issue(), ("shop", "secret")) { ImplicitTls = true };

        await SendAsync(server, EmailTls.Implicit, _authority.CaFile, "shop", "secret");

        Assert.True(Assert.Single(server.Accepted).Encrypted);
        using var other = new TestAuthority();
        Assert.Equal("certificate", (await FailAsync(server, EmailTls.Implicit, other.CaFile)).Code);
    }

    [Fact]
    public async Task Without_encryption_nothing_is_encrypted()
    {
        await using var server = new SmtpListener(_authority.Issue());

        await SendAsync(server, EmailTls.None);

        Assert.False(Assert.Single(server.Accepted).Encrypted);
    }

    [Fact]
    public async Task A_wrong_password_is_not_a_permanent_failure()
    {
        await using var server = new SmtpListener(_authority.Issue(), ("shop", "secret"));

        var error = await FailAsync(server, EmailTls.StartTls, _authority.CaFile, "shop", "wrong");

        Assert.StartsWith("smtp-53", error.Code, StringComparison.Ordinal);
        Assert.False(error.Permanent);
        Assert.Empty(server.Accepted);
    }

    [Fact]
    public async Task Lines_that_begin_with_a_dot_arrive_unchanged_and_a_resend_has_the_same_Message_ID()
    {
        await using var server = new SmtpListener();
        var notification = Row(".first\n..\n.\nlast");

        await SendAsync(server, EmailTls.None, notification: notification);
        await SendAsync(server, EmailTls.None, notification: notification);

        Assert.Equal(2, server.Accepted.Count);
        Assert.All(server.Accepted, mail => Assert.Contains("\n.first\n..\n.\nlast\n", mail.Data, StringComparison.Ordinal));
        Assert.All(server.Accepted, mail => Assert.Contains($"Message-ID: <{notification.Id}@mail.shop.example>\n", mail.Data, StringComparison.OrdinalIgnoreCase));
    }

    private static async Task<DeliveryError> FailAsync(
        SmtpListener server, EmailTls tls, string? caFile = null, string? user = null, string? password = null) =>
        DeliveryError.Of(await Assert.ThrowsAnyAsync<Exception>(() => SendAsync(server, tls, caFile, user, password)));

    private static async Task SendAsync(SmtpListener server, EmailTls tls, string? caFile = null, string? user = null, string? password = null,
        Notification? notification = null)
    {
        var settings = new EmailSettings
        {
            Host = "localhost",
            Port = server.Port,
            Tls = tls,
            CaFile = caFile,
            User = user,
            Password = password,
            MessageIdDomain = "mail.shop.example",
        };
        Assert.True(new EmailSettingsRules().Validate(null, settings).Succeeded);
        var contact = new Contact { CustomerId = "ada", Name = "Ada", Email = "ada@example.com", UpdatedAt = default };
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await new EmailSender(Options.Create(settings), Options.Create(new DeliverySettings { QuickRetries = 1 }), TimeProvider.System).SendAsync(notification ?? Row("Hello"), contact, timeout.Token);
    }

    private static Notification Row(string text) => new()
    {
        Id = Guid.CreateVersion7(),
        EventId = Guid.CreateVersion7(),
        Audience = Audiences.Customer,
        Recipient = "ada",
        Channel = Channels.Email,
        Subject = "s",
        Text = text,
        Status = NotificationStatus.Pending,
        CreatedAt = default,
    };
}
