namespace Shop.Notification.Tests;

public sealed class EventTests(NotificationFixture shop) : IClassFixture<NotificationFixture>
{
    [Theory]
    [InlineData("confirmed", "Your order is confirmed", "Total: EUR 1,150.05")]
    [InlineData("rejected", "We cannot fulfil your order", "TEA-1: you asked for 5, we have 2")]
    [InlineData("cancelled", "Your order is cancelled", "Total: EUR 9.00")]
    [InlineData("shipped", "Your order is on its way", "has left our warehouse")]
    [InlineData("preferred", "You are a preferred customer now", "from your next order on")]
    public async Task Each_event_becomes_one_notification_and_one_mail(string kind, string subject, string phrase)
    {
        var (customer, order) = (Sample.Customer(kind), Guid.CreateVersion7());
        await shop.PutContactAsync(customer, "Ada Lovelace");
        var published = Sample.Of(kind, customer, order);

        await shop.Wire.PublishAsync(published);

        var notification = await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Equal(published.EventId, notification.GetProperty("eventId").GetGuid());
        Assert.Equal(kind == "preferred" ? null : order.ToString(), notification.GetProperty("orderId").GetString());
        Assert.Equal(customer, notification.GetProperty("recipient").GetString());
        Assert.Equal("email", notification.GetProperty("channel").GetString());
        Assert.Equal(subject, notification.GetProperty("subject").GetString());
        Assert.Equal(1, notification.GetProperty("attempts").GetInt32());
        Assert.Null(notification.GetProperty("error").GetString());
        var mail = Assert.Single(shop.MailsTo(customer));
        Assert.Contains($"Message-ID: <{notification.GetProperty("id").GetGuid()}@shop.example>", mail, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"Subject: {subject}", mail, StringComparison.Ordinal);
        Assert.Contains("Content-Type: multipart/alternative", mail, StringComparison.OrdinalIgnoreCase);
        Assert.True(mail.IndexOf("text/plain", StringComparison.Ordinal) < mail.IndexOf("text/html", StringComparison.Ordinal));
        Assert.Contains("<html lang=", mail, StringComparison.Ordinal);
        Assert.Contains("Hello Ada Lovelace,", mail, StringComparison.Ordinal);
        Assert.Contains(phrase, mail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_delivered_three_times_notifies_once()
    {
        var customer = Sample.Customer("thrice");
        await shop.PutContactAsync(customer);
        var shipped = Sample.Shipped(customer);

        await shop.Wire.PublishAsync(shipped, shipped, shipped);

        await shop.OnlyOneOfAsync(customer, "delivered");
        await shop.AllConsumedAsync(NotificationFixture.Queue);
        await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Single(shop.MailsTo(customer));
        Assert.Equal(0, await shop.Broker.CountReadyAsync(NotificationFixture.DeadLetters));
    }

    [Fact]
    public async Task A_duplicate_after_its_inbox_row_was_removed_notifies_once_and_is_acknowledged()
    {
        var customer = Sample.Customer("late");
        await shop.PutContactAsync(customer);
        var shipped = Sample.Shipped(customer);
        await shop.Wire.PublishAsync(shipped);
        var first = await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Equal(1, await shop.Database.ExecuteAsync($"DELETE FROM inbox WHERE event_id = '{shipped.EventId}'"));

        await shop.Wire.PublishAsync(shipped);

        await Eventually.HoldsAsync("the repeat went through the consumer again", async () =>
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{shipped.EventId}'") == 1);
        var second = await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Equal(first.GetRawText(), second.GetRawText());
        Assert.Single(shop.MailsTo(customer));
        Assert.Equal(0, await shop.Broker.CountReadyAsync(NotificationFixture.DeadLetters));
    }

    [Fact]
    public async Task Without_a_contact_it_fails_visibly_and_is_delivered_once_there_is_one()
    {
        var customer = Sample.Customer("unknown");
        await shop.Wire.PublishAsync(Sample.Shipped(customer));
        var failed = await shop.OnlyOneOfAsync(customer, "failed");
        Assert.Equal("no-contact", failed.GetProperty("error").GetString());
        Assert.Empty(shop.MailsTo(customer));

        await shop.PutContactAsync(customer);

        var delivered = await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Equal(failed.GetProperty("id").GetGuid(), delivered.GetProperty("id").GetGuid());
        Assert.Null(delivered.GetProperty("error").GetString());
        Assert.Single(shop.MailsTo(customer));
    }

    [Fact]
    public async Task A_rejected_order_notifies_the_customer()
    {
        var (customer, order) = (Sample.Customer("short"), Guid.CreateVersion7());
        await shop.PutContactAsync(customer);

        await shop.Wire.PublishAsync(Sample.Rejected(customer, order));

        Assert.Equal(order, (await shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("orderId").GetGuid());
        Assert.Contains("POT-1: you asked for 1, we have none", Assert.Single(shop.MailsTo(customer)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not-answered", "we could not find out in time")]
    [InlineData("reservation-expired", "could not be reserved for you any longer")]
    public async Task An_order_cancelled_by_its_deadline_notifies_the_customer(string reason, string phrase)
    {
        var customer = Sample.Customer("deadline");
        await shop.PutContactAsync(customer);

        await shop.Wire.PublishAsync(Sample.Cancelled(customer, reason: reason));

        var text = (await shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("text").GetString()!;
        Assert.Contains(phrase, text.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Single(shop.MailsTo(customer));
    }

    [Fact]
    public async Task A_customer_who_becomes_preferred_twice_is_notified_once()
    {
        var customer = Sample.Customer("twice");
        await shop.PutContactAsync(customer);
        var preferred = Sample.Preferred(customer);

        await shop.Wire.PublishAsync(preferred, preferred);
        await shop.AllConsumedAsync(NotificationFixture.Queue);
        await shop.Database.ExecuteAsync($"DELETE FROM inbox WHERE event_id = '{preferred.EventId}'");
        await shop.Wire.PublishAsync(preferred);
        await Eventually.HoldsAsync("the repeat went through the consumer", async () =>
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{preferred.EventId}'") == 1);

        await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Single(shop.MailsTo(customer));
    }

    [Fact]
    public async Task A_non_ASCII_name_is_delivered()
    {
        var customer = Sample.Customer("umlaut");
        await shop.PutContactAsync(customer, "Zoë Müller");

        await shop.Wire.PublishAsync(Sample.Shipped(customer));

        await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Contains("Hello Zo=C3=AB M=C3=BCller,", Assert.Single(shop.MailsTo(customer)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_and_addresses_are_not_logged()
    {
        var customer = Sample.Customer("private");
        await shop.PutContactAsync(customer, "Secretive Person");
        await shop.Wire.PublishAsync(Sample.Confirmed(customer));
        var delivered = await shop.OnlyOneOfAsync(customer, "delivered");

        Assert.Contains(shop.LogLines, line => line.Contains(delivered.GetProperty("id").GetString()!, StringComparison.Ordinal));
        Assert.DoesNotContain(shop.LogLines, line => line.Contains("@example.com", StringComparison.OrdinalIgnoreCase)
            || line.Contains("Secretive", StringComparison.Ordinal));
    }
}
