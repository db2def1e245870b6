namespace Shop.Notification.Tests;

public sealed class StaffFixture : NotificationFixture
{
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["Notifications:StaffRecipients:0"] = "ops@staff.example",
        ["Notifications:StaffRecipients:1"] = "buyer@staff.example",
    };
}

public sealed class StaffTests(StaffFixture shop) : IClassFixture<StaffFixture>
{
    [Fact]
    public async Task Low_stock_delivered_three_times_is_one_mail_to_each_staff_recipient()
    {
        var low = Sample.StockLow($"TEA-{Guid.CreateVersion7():N}");

        await shop.Wire.PublishAsync(low, low, low);

        await Eventually.HoldsAsync("both are delivered", async () => await MarkDeliveredAsync(low.EventId) == 2);
        await shop.AllConsumedAsync(NotificationFixture.StaffQueue);
        Assert.Equal(2, await MarkDeliveredAsync(low.EventId));
        foreach (var address in (string[])["ops@staff.example", "buyer@staff.example"])
        {
            var mail = Assert.Single(Mails(low.Sku), mail => mail.Contains(address, StringComparison.Ordinal));
            Assert.Contains("Hello,\n", mail.ReplaceLineEndings("\n"), StringComparison.Ordinal);
            Assert.Contains("  Available: 3\n  Counts as low at: 5\n", mail.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_customer_does_not_see_staff_notifications_with_an_equal_recipient()
    {
        var low = Sample.StockLow();
        await shop.Wire.PublishAsync(low);
        await Eventually.HoldsAsync("both are delivered", async () => await MarkDeliveredAsync(low.EventId) == 2);

        Assert.Empty(await shop.NotificationsOfAsync("ops@staff.example"));
    }

    private Task<long> MarkDeliveredAsync(Guid eventId) => shop.Database.ScalarAsync<long>(
        $"SELECT count(*) FROM notifications WHERE event_id = '{eventId}' AND audience = 'staff' AND status = 'Delivered' AND channel = 'email'");

    private List<string> Mails(string sku) =>
        [.. Directory.EnumerateFiles(shop.PickupFolder, "*.eml").Select(File.ReadAllText).Where(mail => mail.Contains(sku, StringComparison.Ordinal))];
}

public sealed class NoStaffTests(NotificationFixture shop) : IClassFixture<NotificationFixture>
{
    [Fact]
    public async Task Low_stock_notifies_nobody_without_staff_recipients()
    {
        var low = Sample.StockLow();

        await shop.Wire.PublishAsync(low);

        await Eventually.HoldsAsync("it is consumed", async () =>
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{low.EventId}'") == 1);
        Assert.Equal(0, await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM notifications WHERE event_id = '{low.EventId}'"));
    }
}
