using System.Text.Json;
using Shop.Local.Servers;
using Shop.Local.State;
using Shop.Operations;

namespace Shop.Cli.Running;

/// <summary>
/// How a person looks into the servers: RabbitMQ's management page, and psql as each service's own login, which changes rows and no
/// tables. The lines work as they are; a password is shown only where it is asked for.
/// </summary>
internal static class Connections
{
    public static void Write(bool passwords)
    {
        var ports = ReadPorts();
        if (!ports.TryGetValue("rabbitmq-management", out var management) || !ports.TryGetValue("postgres", out var postgres))
        {
            throw new FailureException($"no servers are known in {ShopHome.Root}. Start the shop: ./shop up -d");
        }

        Console.WriteLine($"""

            RabbitMQ's management
              http://127.0.0.1:{management}/   user {RabbitMqServer.AdminUser}, {Password("rabbitmq-admin", passwords)}

            The databases
            """);
        foreach (var service in ShopServices.Names)
        {
            Console.WriteLine($"  PGPASSWORD=\"$(cat {PathOf($"postgres-{service}")})\" psql -h 127.0.0.1 -p {postgres} -U {service} {service}-db"
                + (passwords ? $"   {Password($"postgres-{service}", shown: true)}" : ""));
        }
    }

    private static string Password(string login, bool shown) => shown
        ? $"password {DevelopmentSecrets.Password(ShopHome.Path("secrets"), login)}"
        : $"password: cat {PathOf(login)}";

    private static string PathOf(string login) => ShopHome.Path("secrets", $"{login}-password");

    private static Dictionary<string, int> ReadPorts()
    {
        var book = ShopHome.Path(PortBook.FileName);
        return File.Exists(book) ? JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllText(book)) ?? [] : [];
    }
}
