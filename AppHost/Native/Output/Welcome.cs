using System.Globalization;
using System.Text;
using Shop.AppHost.Native.Engine;

namespace Shop.AppHost.Native.Output;

/// <summary>Where things are, once everything is healthy.</summary>
internal static class Welcome
{
    public static string Table(IReadOnlyList<IRunner> runners, EngineContext context, TimeSpan took)
    {
        List<(string Name, string Where)> rows = [];
        rows.AddRange(runners.OfType<ServiceRunner>().Select(s => (Name(s), s.Address.GetLeftPart(UriPartial.Authority))));
        foreach (var runner in runners)
        {
            if (runner is PostgresRunner postgres)
            {
                rows.Add((Name(runner), $"127.0.0.1:{postgres.Port}"));
            }
            else if (runner is RabbitMqRunner rabbitmq)
            {
                rows.Add((Name(runner), $"127.0.0.1:{rabbitmq.Port}, management {rabbitmq.ManagementUri}"));
            }
        }

        rows.Add(("mail", Path.Combine(context.Home, "mail")));
        rows.Add(("logs", Path.Combine(context.Home, "logs")));
        var width = rows.Max(r => r.Name.Length);
        var table = new StringBuilder();
        table.AppendLine()
            .AppendLine(CultureInfo.InvariantCulture, $"The shop is open: all healthy after {took.TotalSeconds:0.0} s.")
            .AppendLine();
        rows.ForEach(row => table.AppendLine(CultureInfo.InvariantCulture, $"  {row.Name.PadRight(width)}  {row.Where}"));
        return table.ToString();
    }

    private static string Name(IRunner runner) => runner.Resource.Name;
}
