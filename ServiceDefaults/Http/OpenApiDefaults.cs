using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Shop.ServiceDefaults.Http;

/// <summary>Adds the bearer token and the Idempotency-Key to every service's OpenAPI document.</summary>
internal static class OpenApiDefaults
{
    public const string Bearer = "Bearer";

    public static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, context, _) =>
        {
            Describe(document, context);
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Describe(operation, context);
            return Task.CompletedTask;
        });
    }

    private static void Describe(OpenApiDocument document, OpenApiDocumentTransformerContext context)
    {
        document.Info.Title = $"Shop {context.ApplicationServices.ApplicationName()}";
        document.Servers?.Clear();
        document.Tags = document.Paths.SelectMany(path => path.Value.Operations ?? []).SelectMany(operation => operation.Value.Tags ?? new HashSet<OpenApiTagReference>())
            .Select(tag => tag.Reference.Id!).Distinct().Select(name => new OpenApiTag { Name = name }).ToHashSet();
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[Bearer] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            BearerFormat = "JWT",
        };
    }

    private static void Describe(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        // Without tags it would be listed under the name of the declaring class.
        if (!context.Description.ActionDescriptor.EndpointMetadata.OfType<ITagsMetadata>().Any()
            && context.Description.RelativePath?.Split('/')[0] is { Length: > 0 } subject)
        {
            operation.Tags = new HashSet<OpenApiTagReference> { new(char.ToUpperInvariant(subject[0]) + subject[1..].Replace('-', ' '), context.Document) };
        }

        var anonymous = context.Description.ActionDescriptor.EndpointMetadata.OfType<IAllowAnonymous>().Any();
        if (!anonymous)
        {
            operation.Security ??= [];
            operation.Security.Add(new OpenApiSecurityRequirement
            {
                [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [],
            });
        }

        if (context.Description.HttpMethod == "POST")
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = IdempotencyMiddleware.HeaderName,
                In = ParameterLocation.Header,
                Description = "Optional. The same key from the same caller returns the same response for 24 hours.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = IdempotencyMiddleware.MaxKeyLength },
            });
        }
    }

    private static string ApplicationName(this IServiceProvider services) =>
        ((Microsoft.Extensions.Hosting.IHostEnvironment)services.GetService(typeof(Microsoft.Extensions.Hosting.IHostEnvironment))!)
        .ApplicationName;
}
