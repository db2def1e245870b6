namespace Shop.Messaging.Relay;

/// <summary>What waits in the database's log and not in the table; registered only where events go there.</summary>
internal interface ILogBacklog
{
    /// <summary>Bytes of log that are not read yet; null where nothing reads a log.</summary>
    long? Bytes { get; }
}
