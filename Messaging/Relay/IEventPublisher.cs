namespace Shop.Messaging.Relay;

/// <summary>The relay's broker: RabbitMQ, or the model of the simulation.</summary>
internal interface IEventPublisher
{
    /// <summary>Connects unless a connection is open. Throws where the broker is unreachable.</summary>
    Task ConnectAsync(CancellationToken ct);

    /// <summary>
    /// Publishes rows, mandatory, and waits for their confirms, no longer than <see cref="MessagingSettings.ConfirmTimeout"/>.
    /// Within a stream, whose rows are in order, none reaches a queue before the previous one is confirmed as routed. Never throws
    /// because of a message: for rows that are neither confirmed nor rejected in the report, it is unknown whether they were published.
    /// </summary>
    Task<PublishReport> PublishAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct);
}
