namespace Shop.Messaging.Relay;

/// <summary>The broker as a relay sees it: RabbitMQ, or the model that the simulation runs the relay over.</summary>
internal interface IEventPublisher
{
    /// <summary>Connects where there is no open connection. Throws where the broker cannot be reached.</summary>
    Task ConnectAsync(CancellationToken ct);

    /// <summary>
    /// Publishes rows, mandatory, and waits for their confirms, no longer than <see cref="MessagingSettings.ConfirmTimeout"/>.
    /// Within a stream, whose rows come in order, none reaches a queue before the one before it is confirmed as routed. Never throws
    /// because of a message: what is neither confirmed nor refused in the report was not sent, or nobody knows.
    /// </summary>
    Task<PublishReport> PublishAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct);
}
