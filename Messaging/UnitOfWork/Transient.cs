using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Classifies transient failures.</summary>
public static class Transient
{
    /// <summary>Whether the broker is unreachable or failed an operation.</summary>
    public static bool IsBrokerUnavailable(Exception exception) =>
        Chain(exception).Any(e => e is RabbitMQClientException or BrokerUnreachableException);

    /// <summary>Whether the database is unreachable, shutting down or starting up.</summary>
    public static bool IsDatabaseUnavailable(Exception exception) => !IsBrokerUnavailable(exception) && Chain(exception).Any(e => e switch
    {
        PostgresException postgres => postgres.SqlState.StartsWith("08", StringComparison.Ordinal)
            || postgres.SqlState.StartsWith("57P", StringComparison.Ordinal)
            || postgres.SqlState is PostgresErrorCodes.TooManyConnections,
        NpgsqlException npgsql => npgsql.InnerException is IOException or SocketException or TimeoutException
            || npgsql.Message.Contains("pool has been exhausted", StringComparison.Ordinal),
        SocketException => true,
        _ => false,
    });

    /// <summary>Whether it is a concurrency conflict: the same work can succeed from fresh data.</summary>
    public static bool IsConflict(Exception exception) => Chain(exception).Any(e => e is DbUpdateConcurrencyException
        or PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected });

    /// <summary>Whether a lock timeout expired.</summary>
    public static bool IsLockTimeout(Exception exception) =>
        Chain(exception).Any(e => e is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable });

    private static IEnumerable<Exception> Chain(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException!)
        {
            yield return e;
        }
    }
}
