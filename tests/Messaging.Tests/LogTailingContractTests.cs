
namespace Shop.Messaging.Tests;

/// <summary>What holds with polling holds with log tailing: M1.</summary>
public sealed class LogTailingOutboxTests : OutboxTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}

/// <summary>What holds with polling holds with log tailing: M1 where a save is a single round trip.</summary>
public sealed class LogTailingSingleRoundTripTests : SingleRoundTripTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}

/// <summary>What holds with polling holds with log tailing: M2, M3 and M4.</summary>
public sealed class LogTailingRelayTests : RelayTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}

/// <summary>What holds with polling holds with log tailing: M2 and M4 while the broker is in trouble.</summary>
public sealed class LogTailingBrokerOutageTests : BrokerOutageTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}

/// <summary>What holds with polling holds with log tailing: M9.</summary>
public sealed class LogTailingTraceTests : TraceTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}
