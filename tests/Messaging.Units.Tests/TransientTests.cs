using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Units.Tests;

/// <summary>Which failures are transient, and of which kind.</summary>
public sealed class TransientTests
{
    private const string Broker = "broker", Database = "database", Conflict = "conflict", Lock = "lock", None = "";

    public static TheoryData<string, Exception> Failures => new()
    {
        { Broker, new BrokerUnreachableException(new SocketException()) },
        { Broker, new AlreadyClosedException(new ShutdownEventArgs(ShutdownInitiator.Peer, 320, "closed")) },
        { Broker, new InvalidOperationException("x", new BrokerUnreachableException(new IOException())) },
        { Database, Postgres("08006") },
        { Database, Postgres("57P01") },
        { Database, Postgres("57P03") },
        { Database, Postgres("53300") },
        { Database, new NpgsqlException("x", new IOException()) },
        { Database, new NpgsqlException("x", new SocketException()) },
        { Database, new NpgsqlException("x", new TimeoutException()) },
        { Database, new NpgsqlException("The connection pool has been exhausted, either raise") },
        { Database, new SocketException() },
        { Database, new DbUpdateException("x", new InvalidOperationException("x", Postgres("57P02"))) },
        { Conflict, Postgres("40001") },
        { Conflict, Postgres("40P01") },
        { Conflict, new DbUpdateConcurrencyException("x") },
        { Conflict, new DbUpdateException("x", Postgres("40001")) },
        { Lock, Postgres("55P03") },
        { Lock, new DbUpdateException("x", Postgres("55P03")) },
        { None, Postgres("57014") },
        { None, Postgres("23505") },
        { None, Postgres("40002") },
        { None, Postgres("10800") },
        { None, new NpgsqlException("x") },
        { None, new NpgsqlException("x", new InvalidOperationException()) },
        { None, new IOException() },
        { None, new TimeoutException() },
        { None, new DbUpdateException("x") },
        { None, new InvalidOperationException("the connection pool has been exhausted") },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_failure_is_of_at_most_one_kind(string kind, Exception failure) => Assert.Equal(
        (kind == Broker, kind == Database, kind == Conflict, kind == Lock),
        (Transient.IsBrokerUnavailable(failure), Transient.IsDatabaseUnavailable(failure), Transient.IsConflict(failure), Transient.IsLockTimeout(failure)));

    private static PostgresException Postgres(string state) => new("no", "ERROR", "ERROR", state);
}
