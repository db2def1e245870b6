using System.Net.Http.Headers;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Http.Resilience;
using Shop.Operations;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Console.Web;

/// <summary>
/// A client for each service, each with its own limits: a service that is slow or down costs a page a moment, and no other service. What
/// only reads is tried again; what changes something is not.
/// </summary>
internal static class StaffApiClients
{
    private static readonly TimeSpan s_attempt = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan s_total = TimeSpan.FromSeconds(9);

    public static void AddStaffApis(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddTransient<SignedInPersonsToken>();
        foreach (var service in ShopServices.Names)
        {
            // As Aspire names it: services__ordering__http__0.
            var address = builder.Configuration[$"Services:{service}:http:0"]
                ?? throw new InvalidOperationException($"Where is {service}? Set services__{service}__http__0 to its address, such as http://{service}.");
            var uri = PageHost.HttpAddress($"services__{service}__http__0", address);
            builder.Services.AddHttpClient(service, client => client.BaseAddress = uri)
                .AddHttpMessageHandler<SignedInPersonsToken>()
                .AddStandardResilienceHandler(Limit);
        }

        builder.Services.AddScoped(services => new StaffApis(services.GetRequiredService<IHttpClientFactory>().CreateClient));
    }

    private static void Limit(HttpStandardResilienceOptions options)
    {
        options.TotalRequestTimeout.Timeout = s_total;
        options.AttemptTimeout.Timeout = s_attempt;
        options.Retry.MaxRetryAttempts = 1;
        options.Retry.Delay = TimeSpan.FromMilliseconds(200);
        options.Retry.DisableForUnsafeHttpMethods();
        options.CircuitBreaker.SamplingDuration = s_total;
        options.CircuitBreaker.MinimumThroughput = 8;
        options.CircuitBreaker.FailureRatio = 0.5;
        options.CircuitBreaker.BreakDuration = TimeSpan.FromSeconds(2); // a service that is back is seen within the time of a look
    }

    /// <summary>The services check who it is, and record it.</summary>
    private sealed class SignedInPersonsToken(IHttpContextAccessor http) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (http.HttpContext is { } context && await context.GetTokenAsync("access_token") is { } token)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            return await base.SendAsync(request, cancellationToken);
        }
    }
}
