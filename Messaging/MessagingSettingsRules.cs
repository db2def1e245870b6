namespace Shop.Messaging;

/// <summary>
/// The ranges of <see cref="MessagingSettings"/>. Outside of them a service would start, and fail later or never do what it is for: a batch of 0
/// events publishes nothing, and <c>500</c> for milliseconds is 500 days.
/// </summary>
internal static class MessagingSettingsRules
{
    /// <summary>The longest that a timer of .NET waits, in whole days.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(24);

    /// <exception cref="InvalidOperationException">A setting is out of its range.</exception>
    public static void Validate(MessagingSettings settings)
    {
        List<string> wrong =
        [
            .. Spans(settings).Where(span => span.Value < span.Least || span.Value > s_longest)
                .Select(span => $"Messaging:{span.Name} is {span.Value}; it must be {span.Least} to {s_longest} (days.hours:minutes:seconds)."),
            .. Numbers(settings).Where(number => number.Value < number.Least || number.Value > number.Most)
                .Select(number => $"Messaging:{number.Name} is {number.Value}; it must be {number.Least} to {number.Most}."),
        ];
        if (settings.RelayEnabled && settings.ConfirmTimeout >= settings.RelayLease)
        {
            wrong.Add($"Messaging:ConfirmTimeout is {settings.ConfirmTimeout}; it must be shorter than Messaging:RelayLease, {settings.RelayLease}.");
        }

        if (wrong.Count > 0)
        {
            throw new InvalidOperationException(string.Join(' ', wrong));
        }
    }

    private static IEnumerable<(string Name, TimeSpan Value, TimeSpan Least)> Spans(MessagingSettings settings)
    {
        var least = TimeSpan.FromMilliseconds(1);
        return
        [
            (nameof(settings.PollInterval), settings.PollInterval, least),
            (nameof(settings.ConfirmTimeout), settings.ConfirmTimeout, least),
            (nameof(settings.RelayLease), settings.RelayLease, least),
            (nameof(settings.SwitchTimeout), settings.SwitchTimeout, least),
            (nameof(settings.FirstRetryDelay), settings.FirstRetryDelay, least),
            (nameof(settings.MaxRetryDelay), settings.MaxRetryDelay, least),
            (nameof(settings.StuckAfter), settings.StuckAfter, least),
            (nameof(settings.StalledAfter), settings.StalledAfter, TimeSpan.FromSeconds(1)),
        ];
    }

    private static IEnumerable<(string Name, long Value, long Least, long Most)> Numbers(MessagingSettings settings) =>
    [
        (nameof(settings.BatchSize), settings.BatchSize, 1, 10_000),
        (nameof(settings.ConsumeBatchSize), settings.ConsumeBatchSize, 1, 1_000),
        (nameof(settings.Prefetch), settings.Prefetch, 1, ushort.MaxValue),
        (nameof(settings.ImmediateRetries), settings.ImmediateRetries, 0, 100),
        (nameof(settings.MaxRetainedLog), settings.MaxRetainedLog, 0, long.MaxValue),
    ];
}
