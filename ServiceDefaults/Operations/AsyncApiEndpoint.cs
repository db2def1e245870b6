using System.Net.Mime;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;
using Shop.Messaging.RabbitMq;

namespace Shop.ServiceDefaults.Operations;

/// <summary>Serves a service's AsyncAPI document.</summary>
internal static class AsyncApiEndpoint
{
    public static void MapAsyncApi(this WebApplication app)
    {
        // Not mapped in a host without messaging. Derived at the first request and cached.
        if (app.Services.GetService<MessagingDocuments>() is { } documents)
        {
            var document = new Lazy<string>(() => documents.AsyncApi().ToJsonString());
            app.MapGet("/asyncapi/v1.json", () => TypedResults.Text(document.Value, MediaTypeNames.Application.Json, Encoding.UTF8))
                .AllowAnonymous().ExcludeFromDescription();
        }
    }
}
