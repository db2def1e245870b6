using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.Servers;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Engine;

/// <summary>The cluster, with a database for each that a project refers to, which has that project's two logins.</summary>
internal sealed class PostgresRunner(
    PostgresServerResource resource, IReadOnlyDictionary<PostgresDatabaseResource, string> owners, EngineContext context) : IRunner
{
    /// <summary>What the page gives to the services: see AppHost.cs.</summary>
    private static readonly bool s_readsLog = string.Equals(
        Environment.GetEnvironmentVariable("Messaging__Relay"), "LogTailing", StringComparison.OrdinalIgnoreCase);

    private readonly CancellationTokenSource _stopped = new();
    private readonly string _directory = Path.Combine(context.Home, resource.Name);
    private readonly int _port = context.TakePort(resource.Name);
    private PostgresServer? _server;
    private Task _watch = Task.CompletedTask;

    public Resource Resource => resource;

    public int Port => _port;

    private ResourceLog Log { get; } = context.OpenLog(resource.Name);

    /// <summary>For Npgsql, as this login, which is one of the two of the database's service.</summary>
    public string ConnectionString(PostgresDatabaseResource database, string login) =>
        _server!.ConnectionString(database.Name, login, context.Password(resource.Name, login));

    public async Task StartAsync(CancellationToken ct)
    {
        Report(null);
        var process = await StartServerAsync(ct);
        foreach (var (database, login) in owners)
        {
            await _server!.EnsureDatabaseAsync(database.Name, login, context.Password(resource.Name, login),
                context.Password(resource.Name, DatabaseRoles.OwnerOf(login)), s_readsLog, ct);
        }

        _watch = new ServerWatch(resource.Name, context).RunAsync(process, StartServerAsync, _stopped.Token);
    }

    public async Task StopAsync(CancellationToken hurry)
    {
        await _stopped.CancelAsync();
        await _watch.ContinueWith(_ => { }, TaskScheduler.Default);
        await PostgresServer.StopDirectoryAsync(_directory, CancellationToken.None);
        Report(null);
    }

    public void Dispose() => _stopped.Dispose();

    private async Task<ProcessIdentity> StartServerAsync(CancellationToken ct)
    {
        _server = await PostgresServer.StartAsync(_directory, _port, context.Password(resource.Name, "admin"), Log.Write, ct);
        var process = ProcessIdentity.Of(_server.ProcessId)
            ?? throw new StartFailedException($"{resource.Name} ended right after its start; see {_directory}/postgres.log");
        Report(process);
        return process;
    }

    private void Report(ProcessIdentity? process) => context.State.Set(
        new ServerState(resource.Name, "127.0.0.1", _port, Healthy: process is not null, process));
}
