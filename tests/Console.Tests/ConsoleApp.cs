using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Shop.Operations;

namespace Shop.Console.Tests;

/// <summary>The console before stubs of the four services, and a browser without scripts.</summary>
internal sealed partial class ConsoleApp : IAsyncDisposable
{
    private readonly WebApplicationFactory<Program> _factory;

    private ConsoleApp(Dictionary<string, StaffApiStub> services, Dictionary<string, string> settings, string environment)
    {
        Services = services;
        _factory = new WebApplicationFactory<Program>().WithWebHostBuilder(host =>
        {
            host.UseEnvironment(environment);
            foreach (var (name, value) in settings)
            {
                host.UseSetting(name, value);
            }
        });
        Http = CreateClient(environment);
    }

    public Dictionary<string, StaffApiStub> Services { get; }

    public HttpClient Http { get; }

    public static async Task<ConsoleApp> StartAsync(string environment = "Development", params (string Name, string Value)[] settings)
    {
        var services = new Dictionary<string, StaffApiStub>();
        foreach (var name in ShopServices.Names)
        {
            services[name] = await StaffApiStub.StartAsync();
            services[name].Overview(name);
        }

        var all = services.ToDictionary(service => $"Services:{service.Key}:http:0", service => service.Value.Address);
        all["DevelopmentSignIn:SigningKey"] = Convert.ToBase64String(new byte[64]);
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        return new ConsoleApp(services, all, environment);
    }

    /// <summary>Signs in by the form, as a person does.</summary>
    public async Task SignInAsync(string name = "ada", bool redrive = true)
    {
        using var signedIn = await PostAsync("/sign-in", from: "/sign-in", ("name", name), ("to", "/"), redrive ? ("redrive", "yes") : ("", ""));
        Assert.Equal(HttpStatusCode.Redirect, signedIn.StatusCode);
    }

    public async Task<string> PageAsync(string path)
    {
        using var response = await Http.GetAsync(new Uri(path, UriKind.Relative));
        var page = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path}: {(int)response.StatusCode}\n{page}");
        return page;
    }

    /// <summary>Sends a form, with the token of the form on a page.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, string from, params (string Name, string Value)[] fields)
    {
        var token = FormToken().Match(await PageAsync(from)).Groups[1].Value;
        return await PostWithoutTokenAsync(path, [("__RequestVerificationToken", token), .. fields]);
    }

    public async Task<HttpResponseMessage> PostWithoutTokenAsync(string path, params (string Name, string Value)[] fields)
    {
        using var form = new FormUrlEncodedContent(fields.Where(field => field.Name.Length > 0).Select(field => KeyValuePair.Create(field.Name, field.Value)));
        return await Http.PostAsync(new Uri(path, UriKind.Relative), form);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        foreach (var service in Services.Values)
        {
            await service.DisposeAsync();
        }

        await _factory.DisposeAsync();
    }

    private HttpClient CreateClient(string environment) => _factory.CreateClient(new WebApplicationFactoryClientOptions
    {
        AllowAutoRedirect = false,
        BaseAddress = new Uri(environment == "Development" ? "http://localhost" : "https://localhost"),
    });

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}
