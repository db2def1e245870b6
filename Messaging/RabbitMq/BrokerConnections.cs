using System.Net.Security;
using RabbitMQ.Client;

namespace Shop.Messaging.RabbitMq;

/// <summary>The connections to the broker that are not MassTransit's.</summary>
internal static class BrokerConnections
{
    /// <summary>
    /// For connections to <paramref name="broker"/> that show themselves there as <paramref name="name"/>. By amqps the broker's
    /// certificate must be for its host: the client alone takes a trusted one of any name, once its address is given as a URI.
    /// </summary>
    public static ConnectionFactory To(Uri broker, string name)
    {
        var factory = new ConnectionFactory { Uri = broker, ClientProvidedName = name };
        factory.Ssl.ServerName = broker.Host;
        factory.Ssl.AcceptablePolicyErrors = SslPolicyErrors.None;
        return factory;
    }
}
