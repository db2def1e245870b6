using System.Net.Http.Headers;
using System.Text.Json;
using Shop.Cli.Running;
using Shop.Local.State;
using Shop.Operations;

namespace Shop.Cli;

/// <summary>The running shop's services, asked as staff: the person who is logged in here.</summary>
internal static class Staff
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Runs a query of the services; an unreachable one, or one that refuses, is an error message and exit code 1.</summary>
    public static async Task<int> AskAsync(Func<StaffApis, Task<int>> askAsync, CancellationToken ct)
    {
        await RunningShop.RequireAsync(ct);
        using var http = new Clients();
        try
        {
            return await askAsync(new StaffApis(http.Of));
        }
        catch (StaffApiException e)
        {
            Terminal.Error(Terminal.Safe(e.Message));
            return ShopCommandLine.Failed;
        }
        catch (HttpRequestException e)
        {
            throw new FailureException($"{e.Message}\nSee ./shop status.");
        }
    }

    public static Uri AddressOf(string service) => new((ShopState.Read(ShopHome.Root).Services.FirstOrDefault(s => s.Name == service)
        ?? HealthCheck.AtPreferredAddress(service)).Url);

    /// <summary>A client for each service that is asked.</summary>
    public sealed class Clients : IDisposable
    {
        private readonly Dictionary<string, HttpClient> _clients = [];
        private readonly string _token = TokenCommand.Create(Environment.UserName, staff: true, TimeSpan.FromHours(1), TimeProvider.System.GetUtcNow());

        public HttpClient Of(string service)
        {
            lock (_clients)
            {
                return _clients.TryGetValue(service, out var known) ? known : _clients[service] = new HttpClient
                {
                    BaseAddress = AddressOf(service),
                    Timeout = TimeSpan.FromMinutes(30), // for large numbers of messages
                    DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", _token) },
                };
            }
        }

        public void Dispose()
        {
            foreach (var client in _clients.Values)
            {
                client.Dispose();
            }
        }
    }
}
