using System.Text.Json;

namespace Shop.Local;

/// <summary>A project's Properties/launchSettings.json: its preferred address, and its development environment.</summary>
internal sealed record LaunchProfile(Uri Url, IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>The first profile of the project, as <c>dotnet run</c> would choose it.</summary>
    public static LaunchProfile Of(string projectPath)
    {
        var file = Path.Combine(Path.GetDirectoryName(projectPath)!, "Properties", "launchSettings.json");
        using var settings = JsonDocument.Parse(File.ReadAllText(file));
        var profile = settings.RootElement.GetProperty("profiles").EnumerateObject().First().Value;
        var url = profile.GetProperty("applicationUrl").GetString()!.Split(';')[0];
        var environment = profile.TryGetProperty("environmentVariables", out var variables)
            ? variables.EnumerateObject().ToDictionary(v => v.Name, v => v.Value.GetString() ?? "")
            : [];
        return new LaunchProfile(new Uri(url), environment);
    }
}
