using System.Net.Mime;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;
using Shop.Messaging.RabbitMq;

namespace Shop.ServiceDefaults.Operations;

/// <summary>Serves a service's AsyncAPI document, as OpenAPI's is served.</summary>
internal static class AsyncApiEndpoint
{
    public static void MapAsyncApi(this WebApplication app)
    {
        // A host without messaging has nothing to tell. Derived when it is first asked for, and kept: it cannot change while it runs.
        if (app.Services.GetService<MessagingDocuments>() is { } documents)
        {
            var document = new Lazy<string>(() => documents.AsyncApi().ToJsonString());
            app.MapGet("/asyncapi/v1.json", () => TypedResults.Text(document.Value, MediaTypeNames.Application.Json, Encoding.UTF8))
                .AllowAnonymous().ExcludeFromDescription();
        }
    }
}
