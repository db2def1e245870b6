using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Tells failures that pass by themselves from those that do not.</summary>
public static class Transient
{
    /// <summary>Whether the broker cannot be reached, or broke off what it was asked to do.</summary>
    public static bool IsBrokerAway(Exception exception) =>
        Chain(exception).Any(e => e is RabbitMQClientException or BrokerUnreachableException);

    /// <summary>Whether the database cannot be reached or is going down or coming up: nothing about the message is wrong.</summary>
    public static bool IsDatabaseAway(Exception exception) => !IsBrokerAway(exception) && Chain(exception).Any(e => e switch
    {
        PostgresException postgres => postgres.SqlState.StartsWith("08", StringComparison.Ordinal)
            || postgres.SqlState.StartsWith("57P", StringComparison.Ordinal)
            || postgres.SqlState is PostgresErrorCodes.TooManyConnections,
        NpgsqlException npgsql => npgsql.InnerException is IOException or SocketException or TimeoutException
            || npgsql.Message.Contains("pool has been exhausted", StringComparison.Ordinal),
        SocketException => true,
        _ => false,
    });

    /// <summary>Whether another transaction was quicker: the same work can succeed when it starts again from fresh data.</summary>
    public static bool IsConflict(Exception exception) => Chain(exception).Any(e => e is DbUpdateConcurrencyException
        or PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected });

    /// <summary>Whether others held a lock for longer than anybody waits: the database is well, and busy.</summary>
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
