using Shop.Local;
using Spectre.Console;

namespace Shop.Benchmarks;

/// <summary>Whether what is measured was compiled ahead of time, as a published service is: otherwise the first rounds measure the compiler.</summary>
internal static class Ahead
{
    private static readonly string[] s_libraries =
        ["Shop.Messaging", "Microsoft.EntityFrameworkCore", "Microsoft.EntityFrameworkCore.Relational", "Npgsql", "RabbitMQ.Client"];

    private static readonly string[] s_services = ["Ordering", "Inventory", "Notification", "Analytics"];

    /// <summary>Warns if it was not.</summary>
    /// <param name="others">The names of further assemblies beside this program.</param>
    /// <param name="services">Whether the four services are measured too.</param>
    public static bool Check(IEnumerable<string> others, bool services)
    {
        var measured = s_libraries.Concat(others).Append(AppDomain.CurrentDomain.FriendlyName)
            .Select(name => Path.Combine(AppContext.BaseDirectory, $"{name}.dll"))
            .Concat(services ? s_services.Select(name => Path.Combine(Repository(), "services", name, "bin", "Release", "net10.0", $"{name}.dll")) : []);
        var lacking = CompiledAhead.Lacking(measured);
        if (lacking.Count > 0)
        {
            AnsiConsole.MarkupLineInterpolated(
                $"[yellow]Not compiled ahead of time, so the just-in-time compiler is measured too: {string.Join(", ", lacking.Select(Path.GetFileName))}. ./shop bench compiles them after its build; .shop/logs/bench-build.log says why it could not.[/]");
        }

        return lacking.Count == 0;
    }

    private static string Repository()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Shop.sln")))
        {
            root = root.Parent ?? throw new InvalidOperationException("Shop.sln is in no directory above this program.");
        }

        return root.FullName;
    }
}
