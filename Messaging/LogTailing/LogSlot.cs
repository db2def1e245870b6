using System.Globalization;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// The database objects of log tailing. The slot retains the log from the first unconfirmed event; the trigger writes events
/// to the log instead of rows; the publication is empty, and there because the plugin requires one.
/// </summary>
internal static class LogSlot
{
    /// <summary>The log is shared: only messages with this prefix are events. One without content is a heartbeat.</summary>
    public const string Prefix = "shop.outbox.v1";

    public const string Publication = "shop_outbox";
    public const string Trigger = "outbox_to_log";

    /// <summary>Slot names are unique in the cluster, hence the database's oid.</summary>
    public const string NameOfSlot = "(SELECT 'shop_relay_' || oid FROM pg_database WHERE datname = current_database())";

    public const string CreatePublication = $"CREATE PUBLICATION {Publication}";

    public const string CreateSlot = $"SELECT pg_create_logical_replication_slot({NameOfSlot}, 'pgoutput')";

    /// <summary>
    /// Checks for the slot at each insert: where the event could not be read from the log (the slot is lost, was
    /// dropped, or is missing on a standby or in a copy of the database), it is stored as a row, and polled.
    /// </summary>
    public const string CreateFunction = $"""
        CREATE OR REPLACE FUNCTION {Trigger}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM pg_get_replication_slots() AS slot
                WHERE slot.slot_name = TG_ARGV[0] AND slot.wal_status <> 'lost'
                AND slot.datoid = (SELECT oid FROM pg_database WHERE datname = current_database()))
            THEN
                PERFORM pg_logical_emit_message(true, '{Prefix}', record_send(ROW(
                    NEW.seq, NEW.event_id, NEW.stream, NEW.partition, NEW.type, NEW.headers, NEW.body)));
                RETURN NULL;
            END IF;
            RETURN NEW;
        END $$
        """;

    /// <summary>Rows that a relay inserts have a negative position, and are not redirected to the log.</summary>
    public static string CreateTrigger(string slot) =>
        $"CREATE TRIGGER {Trigger} BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.position >= 0) EXECUTE FUNCTION {Trigger}('{slot}')";

    public const string DropTrigger = $"DROP TRIGGER IF EXISTS {Trigger} ON outbox";

    /// <summary>Only as the table's owner. Otherwise they remain until the next migrate: without a slot they have no effect.</summary>
    public const string DropRest = $"""
        DO $$ BEGIN
            IF pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'outbox'::regclass), 'USAGE') THEN
                DROP FUNCTION IF EXISTS {Trigger}();
                DROP PUBLICATION IF EXISTS {Publication};
            END IF;
        END $$
        """;

    public const string Heartbeat = $"SELECT pg_logical_emit_message(true, '{Prefix}', '')::text";

    public const string Select = $"""
        SELECT {NameOfSlot}, current_setting('wal_level') = 'logical',
            (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user),
            EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('outbox') AND tgname = '{Trigger}' AND tgenabled <> 'D'),
            slot.wal_status, coalesce(slot.active, false), coalesce(slot.confirmed_flush_lsn::text, ''),
            coalesce(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), slot.confirmed_flush_lsn), 0)::bigint,
            coalesce(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), slot.restart_lsn), 0)::bigint,
            (SELECT CASE WHEN setting = '-1' THEN -1 ELSE setting::bigint * 1048576 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size')
        FROM (VALUES (1)) AS one LEFT JOIN pg_replication_slots AS slot
            ON slot.slot_name = {NameOfSlot} AND slot.database = current_database()
        """;
}

/// <summary>The state of log tailing in a database.</summary>
/// <param name="Slot">The slot's name, whether it exists or not.</param>
/// <param name="IsLogical">Whether wal_level is logical.</param>
/// <param name="MayReplicate">Whether this login has the attribute REPLICATION.</param>
/// <param name="HasTrigger">Whether events go to the log.</param>
/// <param name="WalStatus">pg_replication_slots.wal_status; null where there is no slot.</param>
/// <param name="Active">Whether some relay reads the slot.</param>
/// <param name="Confirmed">The position up to which every event is confirmed.</param>
/// <param name="Lag">Bytes of log after that position, of all databases.</param>
/// <param name="Retained">Bytes of log that the server keeps because of the slot.</param>
/// <param name="ServerCeiling">max_slot_wal_keep_size in bytes; negative for none.</param>
internal sealed record LogState(
    string Slot, bool IsLogical, bool MayReplicate, bool HasTrigger, string? WalStatus, bool Active, string Confirmed, long Lag,
    long Retained, long ServerCeiling)
{
    /// <summary>
    /// Whether events must be moved from the log to the table: the backlog exceeds its limit, or half of what the server retains, or
    /// the server is about to remove log that is needed.
    /// </summary>
    public bool ExceedsLimit(long allowed) => Lag > Ceiling(allowed) || WalStatus == "unreserved";

    /// <summary>The largest backlog: the configured limit, at most half of what the server retains.</summary>
    public long Ceiling(long allowed) => ServerCeiling >= 0 ? Math.Min(allowed, ServerCeiling / 2) : allowed;

    public bool HasSlot => WalStatus is not null;

    public bool IsReadable => HasSlot && WalStatus != "lost";

    /// <summary>Whether there are events in the log that can no longer be read.</summary>
    public bool IsLost => WalStatus == "lost" || (HasTrigger && !HasSlot);

    public string LostMessage => string.Create(CultureInfo.InvariantCulture, $"""
        The replication slot {Slot} is {(HasSlot ? $"lost: the log after {Confirmed} was removed before it was read" : "gone")}. Events
        that were committed and not yet sent are lost; new ones are stored as rows and polled. Find what is missing by the gaps in
        the consumers' aggregate versions, then begin anew: DROP TRIGGER {LogSlot.Trigger} ON outbox;
        {(HasSlot ? $"SELECT pg_drop_replication_slot('{Slot}'); " : "")}and run the service's migrate command. See docs/log-tailing.md.
        """).ReplaceLineEndings(" ");

    /// <summary>Why log tailing cannot be used in this database, and what to change; null if it can.</summary>
    public string? UnmetRequirement =>
        !IsLogical ? "the server's wal_level is not logical: set wal_level = logical and restart it"
        : !MayReplicate ? "the login may not replicate: ALTER ROLE ... REPLICATION"
        : null;
}
