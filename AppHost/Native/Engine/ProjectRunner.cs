using System.Reflection;
using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.Supervision;

namespace Shop.AppHost.Native.Engine;

/// <summary>What is common to the runs of a project: its program, its environment, its log, and a clean end.</summary>
internal abstract class ProjectRunner(ProjectResource resource, EngineContext context) : IRunner
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(15);

    private static readonly string s_configuration =
        typeof(ProjectRunner).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    Resource IRunner.Resource => resource;

    protected ProjectResource Project => resource;

    protected EngineContext Context => context;

    protected ResourceLog Log { get; } = context.OpenLog(resource.Name);

    protected ManagedProcess? Process { get; private set; }

    public abstract Task StartAsync(CancellationToken ct);

    public abstract Task StopAsync(CancellationToken hurry);

    public abstract void Dispose();

    protected ManagedProcess StartProcess()
    {
        Process?.Dispose();
        Process = ManagedProcess.Start(
            new ProgramStart(Host(), [Program(), .. resource.Arguments], Path.GetDirectoryName(resource.ProjectPath)!, Environment())
            {
                Yields = Yields,
            },
            Log.Write);
        return Process;
    }

    protected async Task StopProcessAsync(CancellationToken hurry)
    {
        if (Process is not null && await Process.StopAsync(s_grace, hurry))
        {
            context.Console.Problem($"{resource.Name} did not end when asked to and was killed.");
        }
    }

    /// <summary>Whether others' starts come first.</summary>
    protected virtual bool Yields => false;

    /// <summary>The address for the project to listen at; null for a run that has none.</summary>
    protected virtual Uri? Url => null;

    protected string LogTail() => string.Join('\n', Log.Tail.Prepend($"The last lines of {Log.FilePath}:"));

    private static string Host() => System.Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>The project as it was built with this program, in the same configuration.</summary>
    private string Program()
    {
        var directory = Path.GetDirectoryName(resource.ProjectPath)!;
        var framework = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var program = Path.Combine(
            directory, "bin", s_configuration, framework, Path.GetFileNameWithoutExtension(resource.ProjectPath) + ".dll");
        return File.Exists(program)
            ? program
            : throw new StartFailedException($"{program} is not there. Build it with: dotnet build -c {s_configuration} AppHost");
    }

    private Dictionary<string, string> Environment()
    {
        // All of the shop shares one machine here, so a service starts small: one heap with a small young generation, no
        // instrumented code, and the compiler's output mapped once: that alone saves some 40 MB each and starts faster, at the
        // price of a hardening that a service in production keeps. What the caller sets wins.
        Dictionary<string, string> environment = new()
        {
            ["DOTNET_gcServer"] = "0",
            ["DOTNET_GCConserveMemory"] = "5",
            ["DOTNET_GCgen0size"] = "0x800000",
            ["DOTNET_TieredPGO"] = "0",
            ["DOTNET_EnableWriteXorExecute"] = "0",
            ["OTEL_SERVICE_NAME"] = resource.Name,
        };
        foreach (var name in environment.Keys.Where(n => System.Environment.GetEnvironmentVariable(n) is not null).ToList())
        {
            environment.Remove(name);
        }

        foreach (var (name, value) in resource.LaunchProfile?.Environment ?? new Dictionary<string, string>())
        {
            environment[name] = value;
        }

        foreach (var (name, server) in resource.References)
        {
            environment[$"ConnectionStrings__{name}"] = ConnectionString(server);
        }

        if (Url is { } url)
        {
            environment["ASPNETCORE_URLS"] = url.GetLeftPart(UriPartial.Authority);
        }

        foreach (var (name, value) in resource.Environment)
        {
            environment[name] = value;
        }

        return environment;
    }

    private string ConnectionString(Resource server) => server switch
    {
        PostgresDatabaseResource database =>
            ((PostgresRunner)context.Servers[database.Server]).ConnectionString(database, resource.DatabaseUser!),
        RabbitMQServerResource broker => ((RabbitMqRunner)context.Servers[broker]).AmqpUri(resource.BrokerUser!),
        _ => throw new StartFailedException($"{resource.Name} refers to {server.Name}, which has no connection string."),
    };
}
