namespace Shop.Analytics.Tests;

/// <summary>
/// A rebuild that is blocked before its end: its last statement fails, as if the tables' locks were not available, and the
/// service retries.
/// </summary>
internal sealed class HeldRebuild : IAsyncDisposable
{
    private const string Trigger = """
        CREATE TABLE IF NOT EXISTS held_rebuilds (projection text);
        CREATE OR REPLACE FUNCTION hold_rebuild() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF EXISTS (SELECT FROM held_rebuilds WHERE projection = NEW.projection) THEN
                RAISE EXCEPTION 'a test holds this rebuild' USING ERRCODE = 'lock_not_available';
            END IF;
            RETURN NEW;
        END $$;
        CREATE OR REPLACE TRIGGER hold_rebuild BEFORE UPDATE ON projection_rebuilds
            FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION hold_rebuild();
        """;

    private readonly AnalyticsFixture _analytics;
    private readonly string _projection;

    private HeldRebuild(AnalyticsFixture analytics, string projection) => (_analytics, _projection) = (analytics, projection);

    /// <summary>Where its progress can be read.</summary>
    public string Address { get; private set; } = "";

    public static async Task<HeldRebuild> StartAsync(AnalyticsFixture analytics, string projection)
    {
        await analytics.Database.ExecuteAsync($"{Trigger} INSERT INTO held_rebuilds VALUES ('{projection}')");
        return new HeldRebuild(analytics, projection) { Address = await analytics.StartRebuildAsync(projection) };
    }

    /// <summary>Unblocks the rebuild.</summary>
    public Task ReleaseAsync() => _analytics.Database.ExecuteAsync($"DELETE FROM held_rebuilds WHERE projection = '{_projection}'");

    public async ValueTask DisposeAsync() => await ReleaseAsync();
}
