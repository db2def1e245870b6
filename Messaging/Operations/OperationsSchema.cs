namespace Shop.Messaging.Operations;

/// <summary>The tables of operations, beside those of outbox and inbox: small, and not written by the flow of events.</summary>
internal static class OperationsSchema
{
    public const string Create = """
        -- What was recorded of a delivery, in the row that is written anyway. Null in rows of an older version.
        ALTER TABLE inbox ADD COLUMN published_at timestamptz, ADD COLUMN received_at timestamptz,
            ADD COLUMN attempts smallint, ADD COLUMN retries smallint;

        CREATE TABLE operations_jobs (
            id uuid PRIMARY KEY,
            kind text NOT NULL,
            queue text NOT NULL,
            message_group text,
            per_second integer NOT NULL,
            reason text,
            started_by text NOT NULL,
            state text NOT NULL,
            total integer NOT NULL,
            moved integer NOT NULL,
            left_over integer NOT NULL,
            started_at timestamptz NOT NULL,
            ended_at timestamptz,
            seen_at timestamptz NOT NULL,
            error text,
            cancelled_by text
        );
        CREATE UNIQUE INDEX operations_jobs_one_running ON operations_jobs (queue) WHERE state = 'running';

        CREATE TABLE operations_audit (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL,
            by text NOT NULL,
            action text NOT NULL,
            target text NOT NULL,
            reason text,
            count integer,
            job uuid
        );

        -- Parked events that a person discarded: no consumer receives them.
        CREATE TABLE outbox_discarded (
            seq bigint PRIMARY KEY,
            event_id uuid NOT NULL,
            stream text NOT NULL,
            type text NOT NULL,
            headers text NOT NULL,
            body bytea NOT NULL,
            error text NOT NULL,
            discarded_at timestamptz NOT NULL,
            discarded_by text NOT NULL,
            reason text NOT NULL
        );

        -- How many events of each type went through in an hour: published (without a queue), or received by a queue.
        CREATE TABLE event_traffic (
            hour timestamptz NOT NULL,
            type text NOT NULL,
            queue text NOT NULL,
            count bigint NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (hour, type, queue)
        );
        """;

    public const string Drop = """
        DROP TABLE event_traffic, outbox_discarded, operations_audit, operations_jobs;
        ALTER TABLE inbox DROP COLUMN published_at, DROP COLUMN received_at, DROP COLUMN attempts, DROP COLUMN retries;
        """;
}
