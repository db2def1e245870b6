using System.Net.Security;
using RabbitMQ.Client;

namespace Shop.Messaging.RabbitMq;

/// <summary>Creates the broker connections that MassTransit does not.</summary>
internal static class BrokerConnections
{
    /// <summary>
    /// A factory for connections to <paramref name="broker"/> with the client-provided name <paramref name="name"/>. For amqps the broker's
    /// certificate must match its host: by default the client accepts any trusted certificate once the address is set as a URI.
    /// </summary>
    public static ConnectionFactory To(Uri broker, string name)
    {
        var factory = new ConnectionFactory { Uri = broker, ClientProvidedName = name };
        factory.Ssl.ServerName = broker.Host;
        factory.Ssl.AcceptablePolicyErrors = SslPolicyErrors.None;
        return factory;
    }
}
