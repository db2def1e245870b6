namespace Shop.Notification.Features.Deliver;

/// <summary>Hands one notification over, once, and does nothing about failures: it throws them.</summary>
internal interface INotificationSender
{
    /// <summary>One of <see cref="Channels"/>.</summary>
    string Channel { get; }

    /// <summary>How long one conversation may take.</summary>
    TimeSpan Timeout { get; }

    /// <summary>How many conversations one provider may have with this instance at once.</summary>
    int AtOnce { get; }

    /// <summary>Whoever takes the notification over. What has the same provider fails and recovers together.</summary>
    string ProviderOf(Contact contact);

    Task SendAsync(Notification notification, Contact contact, CancellationToken ct);
}
