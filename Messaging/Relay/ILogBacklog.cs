namespace Shop.Messaging.Relay;

/// <summary>The backlog of log tailing; registered only where it is used.</summary>
internal interface ILogBacklog
{
    /// <summary>Bytes of log that are not confirmed yet; null where there is no slot.</summary>
    long? Bytes { get; }
}
