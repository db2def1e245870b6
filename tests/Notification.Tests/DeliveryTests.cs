using System.Net;
using System.Text.Json;

namespace Shop.Notification.Tests;

/// <summary>With long timeouts: a stalled machine causes none.</summary>
public sealed class DeliveryTests(LongTimeoutFixture shop) : DeliveryTest(shop), IClassFixture<LongTimeoutFixture>
{
    [Fact]
    public async Task A_mail_has_its_sender_recipient_and_notification_id()
    {
        var customer = await PublishAsync("plain", SmtpBehavior.Accept);

        var notification = await Shop.OnlyOneOfAsync(customer, "delivered");
        var mail = Assert.Single(Shop.Smtp.AcceptedFor(customer));
        Assert.Equal("<first@shop.example>", mail.From.Split(' ')[0]);
        Assert.Equal(notification.GetProperty("id").GetGuid(), mail.NotificationId);
        Assert.Equal((true, "shop"), (mail.Encrypted, mail.User));
        Assert.Contains($"<{customer}@example.com>", mail.Data, StringComparison.Ordinal);
        Assert.Contains("Subject: Your order is on its way\n", mail.Data, StringComparison.Ordinal);
        Assert.Contains("Auto-Submitted: auto-generated\n", mail.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_busy_server_is_retried_immediately_and_later()
    {
        var customer = await PublishAsync("busy", SmtpBehavior.Accept, SmtpBehavior.Busy, SmtpBehavior.Busy, SmtpBehavior.Busy);

        var notification = await Shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Equal(2, notification.GetProperty("attempts").GetInt32());
        Assert.Null(notification.GetProperty("error").GetString());
        Assert.Single(Shop.Smtp.AcceptedFor(customer));
    }

    [Fact]
    public async Task A_mail_rejected_permanently_after_its_data_is_not_retried()
    {
        var customer = await PublishAsync("data", SmtpBehavior.RejectData);

        var notification = await Shop.OnlyOneOfAsync(customer, "failed");
        Assert.Equal("smtp-554", notification.GetProperty("error").GetString());
        Assert.Equal(1, notification.GetProperty("attempts").GetInt32());
    }

    [Theory]
    [InlineData(SmtpBehavior.Busy, "smtp-451")]
    [InlineData(SmtpBehavior.Drop, "unreachable")]
    internal async Task A_server_that_stays_away_is_given_up_and_the_notification_kept(SmtpBehavior mood, string error)
    {
        var before = Shop.Smtp.Conversations;
        var customer = await PublishAsync("away", mood);

        var notification = await Shop.OnlyOneOfAsync(customer, "failed");
        Assert.Equal(error, notification.GetProperty("error").GetString());
        Assert.Equal(SmtpFixture.MaxAttempts, notification.GetProperty("attempts").GetInt32());
        Assert.Equal(SmtpFixture.MaxAttempts * SmtpFixture.ConversationsPerAttempt, Shop.Smtp.Conversations - before);
        Assert.Empty(Shop.Smtp.AcceptedFor(customer));
        await ResentIsDeliveredAsync(customer, notification.GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task A_permanent_failure_is_not_retried_and_can_be_resent()
    {
        var before = Shop.Smtp.Conversations;
        var customer = await PublishAsync("refused", SmtpBehavior.Reject);

        var notification = await Shop.OnlyOneOfAsync(customer, "failed");
        Assert.Equal("smtp-550", notification.GetProperty("error").GetString());
        Assert.Equal(1, notification.GetProperty("attempts").GetInt32());
        Assert.Equal(1, Shop.Smtp.Conversations - before);
        Assert.DoesNotContain(Shop.LogLines, line => line.Contains("@example.com", StringComparison.Ordinal));
        await ResentIsDeliveredAsync(customer, notification.GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task Notifications_of_a_crashed_instance_are_claimed_when_its_lease_expires()
    {
        var customer = Sample.Customer("orphan");
        await Shop.PutContactAsync(customer);
        Shop.Smtp.Mood = SmtpBehavior.Accept;

        await InsertAsync(customer, attempts: 1, due: "now() + interval '500 milliseconds'");

        Assert.Equal(2, (await Shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task A_notification_that_kills_its_instance_every_time_fails()
    {
        var customer = Sample.Customer("killer");
        await Shop.PutContactAsync(customer);
        Shop.Smtp.Mood = SmtpBehavior.Accept;

        await InsertAsync(customer, attempts: SmtpFixture.MaxAttempts, due: "now()");

        Assert.Equal("lost", (await Shop.OnlyOneOfAsync(customer, "failed")).GetProperty("error").GetString());
        Assert.Empty(Shop.Smtp.AcceptedFor(customer));
    }

    private async Task InsertAsync(string customer, int attempts, string due) => await Shop.Database.ExecuteAsync($"""
        INSERT INTO notifications (id, event_id, recipient, channel, subject, text, status, attempts, next_attempt_at, created_at)
        VALUES ('{Guid.CreateVersion7()}', '{Guid.CreateVersion7()}', '{customer}', 'email', 's', 't', 'Pending', {attempts}, {due}, now())
        """);
}

/// <summary>A notification that is to be delivered over a real SMTP conversation.</summary>
public abstract class DeliveryTest(SmtpFixture shop)
{
    /// <summary>The service under test and its mail server.</summary>
    internal SmtpFixture Shop { get; } = shop;

    internal async Task<string> PublishAsync(string name, SmtpBehavior mood, params SmtpBehavior[] first)
    {
        var customer = Sample.Customer(name);
        await Shop.PutContactAsync(customer);
        Shop.Smtp.Mood = mood;
        Shop.Smtp.Then(first);
        await Shop.Wire.PublishAsync(Sample.Shipped(customer));
        return customer;
    }

    internal async Task ResentIsDeliveredAsync(string customer, Guid id)
    {
        Shop.Smtp.Mood = SmtpBehavior.Accept;
        using var answer = await Shop.ResendAsync(id);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, (await Shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("attempts").GetInt32());
        Assert.Equal(id, Assert.Single(Shop.Smtp.AcceptedFor(customer)).NotificationId);
    }
}

/// <summary>With short timeouts, for servers that hang.</summary>
public sealed class TimeoutTests(SmtpFixture shop) : DeliveryTest(shop), IClassFixture<SmtpFixture>
{
    [Fact]
    public async Task A_hanging_server_times_out_and_the_notification_is_kept()
    {
        var before = Shop.Smtp.Conversations;
        var customer = await PublishAsync("hangs", SmtpBehavior.Hang);

        var notification = await Shop.OnlyOneOfAsync(customer, "failed");
        Assert.Equal("timeout", notification.GetProperty("error").GetString());
        Assert.Equal(SmtpFixture.MaxAttempts, notification.GetProperty("attempts").GetInt32());
        Assert.Empty(Shop.Smtp.AcceptedFor(customer));
        Assert.InRange(Shop.Smtp.Conversations - before, 1, SmtpFixture.MaxAttempts); // a timeout is never retried immediately
        Shop.Smtp.Mood = SmtpBehavior.Accept;
        await ResendUntilDeliveredAsync(customer);
    }

    [Fact]
    public async Task A_mail_whose_reply_is_lost_is_resent_under_the_same_id()
    {
        var customer = await PublishAsync("lost", SmtpBehavior.Accept, SmtpBehavior.HangAfterTaking);

        await Eventually.HoldsAsync("the server has the mail, and does not reply", () => Shop.Smtp.AcceptedFor(customer).Count > 0);
        var notification = await ResendUntilDeliveredAsync(customer);
        var mails = Shop.Smtp.AcceptedFor(customer);
        Assert.InRange(mails.Count, 2, int.MaxValue);
        Assert.All(mails, mail => Assert.Equal(notification.GetProperty("id").GetGuid(), mail.NotificationId));
    }

    /// <summary>On a slow machine even a healthy server exceeds this client's timeout: staff resend.</summary>
    private Task<JsonElement> ResendUntilDeliveredAsync(string customer) => Eventually.IsAsync($"{customer}'s notification is delivered", async () =>
    {
        var notification = Assert.Single(await Shop.NotificationsOfAsync(customer));
        if (notification.GetProperty("status").GetString() == "failed")
        {
            (await Shop.ResendAsync(notification.GetProperty("id").GetGuid())).Dispose();
        }

        return notification;
    }, notification => notification.GetProperty("status").GetString() == "delivered");
}

public sealed class InstancesTests(LongTimeoutFixture shop) : IClassFixture<LongTimeoutFixture>
{
    [Fact]
    public async Task Two_instances_deliver_each_notification_once()
    {
        var customer = Sample.Customer("two");
        await shop.PutContactAsync(customer);
        shop.Smtp.Mood = SmtpBehavior.Accept;
        await using var second = shop.StartSecond();

        // Until both have delivered some: which of them comes first, and how far, is up to the machine.
        var count = 0;
        do
        {
            await shop.Wire.PublishAsync(Enumerable.Range(0, 200).Select(_ => Sample.Shipped(customer)));
            count += 200;
            await Eventually.HoldsAsync("all are delivered", async () => await shop.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM notifications WHERE recipient = '{customer}' AND status = 'Delivered'") == count);
        }
        while (count < 2_000 && shop.Smtp.AcceptedFor(customer).Select(mail => mail.From).Distinct().Count() < 2);

        var mails = shop.Smtp.AcceptedFor(customer);
        var repeated = mails.GroupBy(mail => mail.NotificationId).Where(mail => mail.Count() > 1).Select(mail => mail.Key).ToList();
        Assert.True(repeated.Count == 0, $"{repeated.Count} were sent more than once, such as {repeated.FirstOrDefault()}: "
            + string.Join('\n', shop.LogLines.Where(line => repeated.Exists(id => line.Contains(id.ToString(), StringComparison.Ordinal)))));
        Assert.Equal(count, mails.Count);
        Assert.Equal(2, mails.Select(mail => mail.From).Distinct().Count()); // else nothing was shown
        Assert.Equal(count, await shop.Database.ScalarAsync<long>(
            $"SELECT sum(attempts) FROM notifications WHERE recipient = '{customer}'"));
    }

    [Fact]
    public async Task A_slow_server_gets_the_mail_once_also_with_two_instances()
    {
        var customer = Sample.Customer("slow");
        await shop.PutContactAsync(customer);
        await using var second = shop.StartSecond();
        shop.Smtp.Then(SmtpBehavior.TakeAndWait);
        shop.Smtp.Mood = SmtpBehavior.Accept;
        await shop.Wire.PublishAsync(Sample.Shipped(customer));
        await Eventually.HoldsAsync("the server has the mail", () => shop.Smtp.AcceptedFor(customer).Count == 1);

        // Both workers have polled many times by now, and would have claimed it.
        var later = Sample.Customer("later");
        await shop.PutContactAsync(later);
        await shop.Wire.PublishAsync(Enumerable.Range(0, 20).Select(_ => Sample.Shipped(later)));
        await Eventually.HoldsAsync("the others are delivered", () => shop.Smtp.AcceptedFor(later).Count == 20);
        shop.Smtp.Accept();

        Assert.Equal(1, (await shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("attempts").GetInt32());
        Assert.Single(shop.Smtp.AcceptedFor(customer));
    }
}

/// <summary>An instance that stalls between claiming and sending: its lease must not run out while it sends.</summary>
public sealed class StallTests(StallFixture shop) : DeliveryTest(shop), IClassFixture<StallFixture>
{
    [Fact]
    public async Task A_claim_that_is_too_old_is_released_and_not_sent()
    {
        var customer = Sample.Customer("stall");
        await Shop.PutContactAsync(customer);
        await using var connection = new Npgsql.NpgsqlConnection(Shop.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new Npgsql.NpgsqlCommand("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE", connection, transaction);
        await command.ExecuteNonQueryAsync();
        await Shop.Database.ExecuteAsync($"""
            INSERT INTO notifications (id, event_id, recipient, channel, subject, text, status, attempts, next_attempt_at, created_at)
            VALUES (gen_random_uuid(), gen_random_uuid(), '{customer}', 'email', 's', 't', 'Pending', 0, now(), now())
            """);
        await Eventually.HoldsAsync("it is claimed", () => ClaimedAsync("now()"));
        var seen = await Shop.Database.ScalarAsync<string>("SELECT clock_timestamp()::text");
        await Eventually.HoldsAsync("it was claimed longer ago than an attempt may wait", () => ClaimedAsync($"'{seen}'::timestamptz + interval '1 second'"));
        await transaction.RollbackAsync();

        Assert.Equal(1, (await Shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("attempts").GetInt32());
        Assert.Contains(Shop.LogLines, line => line.Contains("released: too much of its lease", StringComparison.Ordinal));
        Assert.Single(Shop.Smtp.AcceptedFor(customer));

        Task<bool> ClaimedAsync(string since) => Shop.Database.ScalarAsync<bool>(
            $"SELECT EXISTS (SELECT FROM notifications WHERE recipient = '{customer}' AND attempts = 1 AND now() >= {since})");
    }
}

public sealed class BreakerTests(BreakerFixture shop) : IClassFixture<BreakerFixture>
{
    [Fact]
    public async Task An_open_circuit_loses_no_attempts()
    {
        var customers = Enumerable.Range(0, 10).Select(i => Sample.Customer($"breaker{i}")).ToList();
        foreach (var customer in customers)
        {
            await shop.PutContactAsync(customer);
        }

        shop.Smtp.Mood = SmtpBehavior.Drop;
        await shop.Wire.PublishAsync(customers.Select(customer => Sample.Shipped(customer)));
        await Eventually.HoldsAsync("some were not tried, because the circuit is open", async () => await shop.Database.ScalarAsync<long>(
            "SELECT count(*) FROM notifications WHERE status = 'Pending' AND attempts = 0 AND next_attempt_at > created_at") > 0);
        shop.Smtp.Mood = SmtpBehavior.Accept;

        foreach (var customer in customers)
        {
            await shop.OnlyOneOfAsync(customer, "delivered");
            Assert.Single(shop.Smtp.AcceptedFor(customer));
        }
    }
}
