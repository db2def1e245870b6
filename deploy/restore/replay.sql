-- Events of one service from Analytics' log, as rows for that service's outbox: its relay republishes them, with their own ids, and
-- whoever has processed one already ignores it. Run it on Analytics' database, and copy what it prints into the outbox of the database of
-- the service that published the events (docs/deploy.md#restore):
--
--   psql "$ANALYTICS" -qAt -v service=inventory -v since='2026-11-28 14:00:00+00' -f deploy/restore/replay.sql |
--     psql "$INVENTORY" -qc 'COPY outbox (event_id, stream, partition, type, headers, body) FROM STDIN'
--
-- All are in one partition, which keeps their order. since: the moment of the restore, less a margin; more is not wrong.
COPY (
    SELECT event_id, aggregate_id, 0, type,
        json_build_object('aggregate-id', aggregate_id, 'aggregate-version', aggregate_version::text, 'correlation-id', event_id,
            'cloudEvents_time', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
        convert_to(json_build_object('messageId', event_id, 'conversationId', event_id, 'correlationId', event_id,
            'messageType', json_build_array('urn:message:' || type), 'sentTime', occurred_at, 'message', body)::text, 'UTF8')
    FROM event_log
    WHERE type LIKE :'service' || '.%' AND received_at >= :'since'
    ORDER BY received_at, occurred_at, event_id
) TO STDOUT
