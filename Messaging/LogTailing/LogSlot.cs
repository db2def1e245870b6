using System.Globalization;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// What log tailing has in a database. The slot keeps the log from the first event that is not confirmed; the trigger puts events
/// into the log in place of a row; the publication is empty, because the plugin asks for one.
/// </summary>
internal static class LogSlot
{
    /// <summary>The log is shared: only messages with this prefix are events. One without content is a heartbeat.</summary>
    public const string Prefix = "shop.outbox.v1";

    public const string Publication = "shop_outbox";
    public const string Trigger = "outbox_to_log";

    /// <summary>Slots share one namespace in the cluster, hence the database's oid, which no other database ever has.</summary>
    public const string NameOfSlot = "(SELECT 'shop_relay_' || oid FROM pg_database WHERE datname = current_database())";

    public const string CreatePublication = $"CREATE PUBLICATION {Publication}";

    public const string CreateSlot = $"SELECT pg_create_logical_replication_slot({NameOfSlot}, 'pgoutput')";

    /// <summary>
    /// Looks for the slot at the very moment of writing: where nobody could read the event from the log (the slot is lost, was
    /// dropped, did not come along to a standby or to a copy of the database), it becomes a row, and is polled.
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

    /// <summary>Rows that a relay puts into the table have a negative position, and stay rows.</summary>
    public static string CreateTrigger(string slot) =>
        $"CREATE TRIGGER {Trigger} BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.position >= 0) EXECUTE FUNCTION {Trigger}('{slot}')";

    public const string DropTrigger = $"DROP TRIGGER IF EXISTS {Trigger} ON outbox";

    /// <summary>Only as the owner of the table. A relay's login leaves them to the next migrate: without a slot they do nothing.</summary>
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

/// <summary>How log tailing stands in a database.</summary>
/// <param name="Slot">The slot's name, whether it exists or not.</param>
/// <param name="IsLogical">Whether wal_level is logical.</param>
/// <param name="MayReplicate">Whether this login has the attribute REPLICATION.</param>
/// <param name="HasTrigger">Whether events go into the log.</param>
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
    /// Whether events are to leave the log for the table: more than is allowed waits, or than half of what the server keeps, or
    /// the server is about to remove it.
    /// </summary>
    public bool IsTooMuch(long allowed) => Lag > Ceiling(allowed) || WalStatus == "unreserved";

    /// <summary>What is allowed to wait, and never more than half of what the server keeps.</summary>
    public long Ceiling(long allowed) => ServerCeiling >= 0 ? Math.Min(allowed, ServerCeiling / 2) : allowed;

    public bool HasSlot => WalStatus is not null;

    public bool IsReadable => HasSlot && WalStatus != "lost";

    /// <summary>Events went into the log that nobody can read any more.</summary>
    public bool IsLost => WalStatus == "lost" || (HasTrigger && !HasSlot);

    public string LostMessage => string.Create(CultureInfo.InvariantCulture, $"""
        The replication slot {Slot} is {(HasSlot ? $"lost: the log after {Confirmed} was removed before it was read" : "gone")}. Events
        that were committed and not yet sent are lost; new ones are stored as rows and polled. Find what is missing by the gaps in
        the consumers' aggregate versions, then begin anew: DROP TRIGGER {LogSlot.Trigger} ON outbox;
        {(HasSlot ? $"SELECT pg_drop_replication_slot('{Slot}'); " : "")}and run the service's migrate command. See docs/log-tailing.md.
        """).ReplaceLineEndings(" ");

    /// <summary>Why events cannot go through the log of this database, and what would change it; null if they can.</summary>
    public string? Hindrance =>
        !IsLogical ? "the server's wal_level is not logical: set wal_level = logical and restart it"
        : !MayReplicate ? "the login may not replicate: ALTER ROLE ... REPLICATION"
        : null;
}
