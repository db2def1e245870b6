using Microsoft.Extensions.Options;

namespace Shop.Inventory.Tests;

/// <summary>Invalid settings are rejected at startup, before any connection: no server answers at these addresses.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("Inventory:ReservationLifetime", "00:00:00")]
    [InlineData("Inventory:ReservationLifetime", "-1.00:00:00")]
    [InlineData("Inventory:ReservationLifetime", "366.00:00:00")]
    [InlineData("Inventory:ReservationLifetime", "tomorrow")]
    [InlineData("Inventory:SweepInterval", "00:00:00")]
    [InlineData("Inventory:SweepInterval", "2.00:00:00")]
    [InlineData("Inventory:SweepBatch", "0")]
    public void Invalid_settings_are_rejected_at_startup_by_name(string key, string value)
    {
        var settings = ServiceInstance.Settings("Host=127.0.0.1;Port=1;Username=nobody", new Uri("amqp://127.0.0.1:1"));
        settings["Logging:LogLevel:Default"] = "None";
        settings[key] = value;

        var refused = Refusal(settings);

        Assert.True(refused is OptionsValidationException or InvalidOperationException, refused.ToString());
        Assert.Contains(key, refused.Message, StringComparison.Ordinal);
    }

    /// <summary>WebApplicationFactory races with the ending program and may miss the reason; then it is started again.</summary>
    private static Exception Refusal(IReadOnlyDictionary<string, string?> settings)
    {
        for (var attempt = 1; ; attempt++)
        {
            var refused = Assert.ThrowsAny<Exception>(() => ServiceInstance.Start<Program>(settings));
            if (refused is not ObjectDisposedException || attempt == 5)
            {
                return refused;
            }
        }
    }
}
