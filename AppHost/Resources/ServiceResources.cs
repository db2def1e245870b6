using System.Globalization;
using System.Reflection;
using Shop.AppHost.Hosting;
using LaunchProfile = Shop.Local.LaunchProfile;

namespace Shop.AppHost.Resources;

/// <summary>
/// A service as the program that was built, not as a project: Aspire would wrap each project into a <c>dotnet run</c>, which costs
/// some 70 MB a service and is not the process that a crash ends.
/// </summary>
internal sealed class ServiceResource(string name, string command, string workingDirectory)
    : ExecutableResource(name, command, workingDirectory), IResourceWithServiceDiscovery;

/// <summary>A run of a service's program that prepares its database and ends.</summary>
internal sealed class MigrationResource(string name, string command, string workingDirectory)
    : ExecutableResource(name, command, workingDirectory);

internal static class ServiceBuilderExtensions
{
    private static readonly string s_configuration =
        typeof(ServiceResource).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    // All of the shop shares one machine here, so a service starts small: one heap with a young generation of at most 2 MB, no instrumented
    // code, and the compiler's output mapped once: that alone saves some 40 MB each and starts faster, at the price of a hardening
    // that a service in production keeps. What the just-in-time compiler has used returns to the system (MALLOC_*), instead of staying
    // in glibc's arenas: some 17 MB each. What the caller sets wins.
    private static readonly Dictionary<string, string> s_small = new()
    {
        ["DOTNET_gcServer"] = "0",
        ["DOTNET_GCConserveMemory"] = "5",
        ["DOTNET_GCGen0MaxBudget"] = "0x200000",
        ["DOTNET_TieredPGO"] = "0",
        ["DOTNET_EnableWriteXorExecute"] = "0",
        ["MALLOC_ARENA_MAX"] = "2",
        ["MALLOC_MMAP_THRESHOLD_"] = "65536",
        ["MALLOC_TRIM_THRESHOLD_"] = "131072",
    };

    /// <summary>Adds a service, which listens at the address of its launch settings.</summary>
    public static IResourceBuilder<ServiceResource> AddService<TProject>(this IDistributedApplicationBuilder builder, string name)
        where TProject : IProjectMetadata, new()
    {
        var project = new TProject().ProjectPath;
        var port = Ports.Take(name, LaunchProfile.Of(project).Url.Port);
        return builder.AddResource(new ServiceResource(name, Dotnet, Path.GetDirectoryName(project)!))
            .WithProgram(project)
            .WithHttpEndpoint(port: port, targetPort: port, isProxied: false)
            .WithEnvironment("ASPNETCORE_URLS", string.Create(CultureInfo.InvariantCulture, $"http://localhost:{port}"))
            // Each probe of a start would log as a warning what is not there yet; the dashboard shows it.
            .WithEnvironment("Logging__LogLevel__Microsoft.Extensions.Diagnostics.HealthChecks", "Error")
            .WithExternalHttpEndpoints();
    }

    /// <summary>Adds the run that prepares the service's database.</summary>
    public static IResourceBuilder<MigrationResource> AddMigration<TProject>(this IDistributedApplicationBuilder builder, string name)
        where TProject : IProjectMetadata, new()
    {
        var project = new TProject().ProjectPath;
        return builder.AddResource(new MigrationResource(name, Dotnet, Path.GetDirectoryName(project)!))
            .WithProgram(project)
            .WithArgs("migrate");
    }

    private static string Dotnet => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private static IResourceBuilder<T> WithProgram<T>(this IResourceBuilder<T> resource, string project)
        where T : ExecutableResource
    {
        foreach (var (name, value) in LaunchProfile.Of(project).Environment.Concat(s_small))
        {
            if (Environment.GetEnvironmentVariable(name) is null || !s_small.ContainsKey(name))
            {
                resource.WithEnvironment(name, value);
            }
        }

        return resource.WithArgs(Program(project)).WithOtlpExporter();
    }

    /// <summary>The project, built with this program in the same configuration.</summary>
    public static string Program(string project, string? assembly = null)
    {
        var framework = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        return Path.Combine(
            Path.GetDirectoryName(project)!, "bin", s_configuration, framework, (assembly ?? Path.GetFileNameWithoutExtension(project)) + ".dll");
    }
}
