namespace Shop.Testing;

/// <summary>A PostgreSQL and a RabbitMQ, in containers or as processes of this machine; disposing stops them.</summary>
internal interface IStartedServers : IAsyncDisposable
{
    ServerAddresses Addresses { get; }
}
