using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Shop.ServiceDefaults.Http;

/// <summary>A request that carries an Idempotency-Key.</summary>
internal sealed record KeyedRequest(string Caller, string Key, byte[] Hash);

/// <summary>A response to replay.</summary>
internal sealed record StoredResponse(byte[] RequestHash, int Status, string Headers, byte[] Body);

/// <summary>Reads and stores responses in the transaction of the request.</summary>
internal static class IdempotencyStore
{
    /// <summary>The savepoint that <see cref="BeginAsync"/> sets.</summary>
    public const string Savepoint = "before_request";

    /// <summary>
    /// Locks the key, reads its stored response and sets a savepoint: three statements in one round trip, each of which sees what was
    /// committed before it, so that the response of the key's previous holder is found. The lock is held until the transaction
    /// ends: while the first request runs, retries do not wait but get a 409.
    /// </summary>
    public static async Task<(bool Locked, StoredResponse? Response)> BeginAsync(DbContext db, KeyedRequest request, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch((NpgsqlConnection)db.Database.GetDbConnection(),
            (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction());
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT pg_try_advisory_xact_lock(hashtextextended($1 || E'\\x1f' || $2, 0))")
        {
            Parameters = { new() { Value = request.Caller }, new() { Value = request.Key } },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            "SELECT request_hash, status, headers, body FROM idempotency_keys WHERE caller = $1 AND key = $2")
        {
            Parameters = { new() { Value = request.Caller }, new() { Value = request.Key } },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand($"SAVEPOINT {Savepoint}"));
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var locked = reader.GetBoolean(0);
        await reader.NextResultAsync(ct);
        return (locked, await reader.ReadAsync(ct)
            ? new StoredResponse(reader.GetFieldValue<byte[]>(0), reader.GetInt32(1), reader.GetString(2), reader.GetFieldValue<byte[]>(3))
            : null);
    }

    /// <summary>The statement that stores a response.</summary>
    public static NpgsqlBatchCommand Storing(KeyedRequest request, StoredResponse answer) => new(
        "INSERT INTO idempotency_keys (caller, key, request_hash, status, headers, body, created_at) VALUES ($1, $2, $3, $4, $5, $6, now())")
    {
        Parameters =
        {
            new NpgsqlParameter<string> { TypedValue = request.Caller },
            new NpgsqlParameter<string> { TypedValue = request.Key },
            new NpgsqlParameter<byte[]> { TypedValue = request.Hash },
            new NpgsqlParameter<int> { TypedValue = answer.Status },
            new NpgsqlParameter<string> { TypedValue = answer.Headers },
            new NpgsqlParameter<byte[]> { TypedValue = answer.Body },
        },
    };
}
