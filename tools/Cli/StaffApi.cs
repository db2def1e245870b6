using System.Net.Http.Headers;
using System.Text.Json;
using Shop.Cli.Running;
using Shop.Local.State;

namespace Shop.Cli;

/// <summary>The running shop's services, asked as staff.</summary>
internal static class StaffApi
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Runs a query of a service; an unreachable one is an error message and exit code 1.</summary>
    public static async Task<int> AskAsync(Func<HttpClient, Task<int>> askAsync, CancellationToken ct)
    {
        await RunningShop.RequireAsync(ct);
        using var http = CreateClient();
        try
        {
            return await askAsync(http);
        }
        catch (HttpRequestException e)
        {
            throw new FailureException($"{e.Message}\nSee ./shop status.");
        }
    }

    /// <summary>With the token of a member of the staff: the person who is logged in here.</summary>
    public static HttpClient CreateClient()
    {
        var token = TokenCommand.Create(Environment.UserName, staff: true, TimeSpan.FromHours(1), TimeProvider.System.GetUtcNow());
        return new HttpClient
        {
            Timeout = TimeSpan.FromMinutes(30), // for large numbers of messages
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };
    }

    public static Uri AddressOf(string service) => new((ShopState.Read(ShopHome.Root).Services.FirstOrDefault(s => s.Name == service)
        ?? HealthCheck.AtPreferredAddress(service)).Url);

    /// <summary>Prints a service's error response.</summary>
    public static async Task<int> FailAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var problem = await response.Content.ReadAsStringAsync(ct);
        var detail = problem.StartsWith('{') && JsonSerializer.Deserialize<JsonElement>(problem).TryGetProperty("detail", out var text)
            ? text.GetString()
            : problem;
        Terminal.Error($"{Terminal.Safe(detail ?? "")} ({(int)response.StatusCode})");
        return ShopCommandLine.Failed;
    }
}
