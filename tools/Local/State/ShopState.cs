using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Local.State;

/// <summary>A service's last start. <paramref name="Process"/> is null while it does not run.</summary>
internal sealed record ServiceState(string Name, string Url, string? HealthPath, bool Healthy, ProcessIdentity? Process)
{
    /// <summary>False for a service that something else than this AppHost starts, so that its process is not known.</summary>
    [JsonIgnore]
    public bool Native { get; init; } = true;
}

/// <summary>A server's last start. <paramref name="Process"/> is null while it does not run.</summary>
internal sealed record ServerState(string Name, string Host, int Port, bool Healthy, ProcessIdentity? Process);

/// <summary>
/// What runs, in <c>state.json</c>: written at each change by the instance that holds the lock, read by <c>./shop status</c>,
/// and by others that need the addresses of the parts.
/// </summary>
/// <param name="Dashboard">The address with which a browser logs in to the dashboard.</param>
/// <param name="Problems">What keeps the shop from starting, with what to do; null or empty if nothing does.</param>
internal sealed record ShopState(
    IReadOnlyList<ServiceState> Services,
    IReadOnlyList<ServerState> Servers,
    string? Dashboard,
    IReadOnlyList<string>? Problems = null)
{
    public const string FileName = "state.json";

    public static ShopState Empty { get; } = new([], [], null);

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
    };

    /// <summary>The state kept in <paramref name="home"/>; empty when there is none that can be read.</summary>
    public static ShopState Read(string home)
    {
        try
        {
            return JsonSerializer.Deserialize<ShopState>(File.ReadAllText(Path.Combine(home, FileName)), s_json) ?? Empty;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return Empty;
        }
    }

    /// <summary>Replaces the stored state atomically: a reader sees the old one or the new one.</summary>
    public void Write(string home)
    {
        var path = Path.Combine(home, FileName);
        var draft = path + ".new";
        using (var writer = new StreamWriter(draft, Private()))
        {
            writer.Write(JsonSerializer.Serialize(this, s_json));
        }

        File.Move(draft, path, overwrite: true);
    }

    /// <summary>It holds the dashboard's token.</summary>
    private static FileStreamOptions Private()
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return options;
    }
}
