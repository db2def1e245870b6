using System.Security.Claims;
using System.Text.Json;
using MassTransit.Transports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Messaging.Broker;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Hosting.WarmUp;

/// <summary>Where a rehearsal plays: the service's own pipeline, consumers and database, in scopes that keep nothing.</summary>
public sealed class Stage
{
    /// <summary>Who acts in a rehearsal, and what it acts on: a name that nothing real has.</summary>
    public const string Name = "warm-up";

    private static readonly ClaimsPrincipal s_caller = new(new ClaimsIdentity(
        [new Claim("sub", Name), new Claim("role", Auth.Staff)], Name, "sub", "role"));

    private readonly RequestDelegate _pipeline;
    private readonly bool _isOneTransaction;

    internal Stage(IServiceProvider services, RequestDelegate pipeline, bool isOneTransaction = false) =>
        (Services, _pipeline, _isOneTransaction) = (services, pipeline, isOneTransaction);

    /// <summary>The service's parts; within a transaction those of its scope.</summary>
    public IServiceProvider Services { get; }

    /// <summary>
    /// Sends a request through the whole pipeline but the server, as an authenticated member of staff. Outside of a transaction a
    /// POST carries an Idempotency-Key, and what it would commit is rolled back; a write that has no transaction fails.
    /// </summary>
    /// <returns>The answer's Location, if it has one.</returns>
    public async Task<string?> RequestAsync(string method, string path, object? body = null)
    {
        if (_isOneTransaction)
        {
            return await RequestAsync(Services, method, path, body);
        }

        await using var scope = Open();
        return await RequestAsync(scope.ServiceProvider, method, path, body);
    }

    /// <summary>Gives an event to the service's consumers, as the broker would, through deserializer, inbox and all.</summary>
    public async Task ConsumeAsync(IIntegrationEvent @event, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(@event);
        var name = EventCatalog.NameOf(@event.GetType());
        var body = Envelope.Write(@event, name, new MessageOrigin());
        var headers = new Dictionary<string, object>
        {
            ["Content-Type"] = Envelope.ContentType,
            ["MessageId"] = @event.EventId.ToString(),
        };
        var dispatchers = Services.GetRequiredService<IReceiveEndpointDispatcherFactory>();
        foreach (var queue in Services.GetRequiredService<BrokerTopology>().Queues.Where(queue => queue.Events.Contains(name)))
        {
            var mark = new RehearsalMark { IsSet = true };
            await dispatchers.CreateReceiver(queue.Name).Dispatch(body, headers, ct, mark);
            if (mark.Failure is { } failure)
            {
                throw new InvalidOperationException($"{queue.Name} cannot take {name}.", failure);
            }
        }
    }

    /// <summary>Plays a part in one scope and one transaction, which is rolled back.</summary>
    public async Task InTransactionAsync(Func<Stage, Task> part, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(part);
        await using var scope = Open();
        await using var transaction = await scope.ServiceProvider.GetRequiredService<DbContext>().Database.BeginTransactionAsync(ct);
        await part(new Stage(scope.ServiceProvider, _pipeline, isOneTransaction: true));
    }

    private async Task<string?> RequestAsync(IServiceProvider services, string method, string path, object? body)
    {
        var request = new HttpRequestFeature { Method = method, Path = path.Split('?')[0], Scheme = "http", Protocol = "HTTP/1.1" };
        request.QueryString = path[request.Path.Length..];
        request.Headers.Host = "localhost";
        if (HttpMethods.IsPost(method) && !_isOneTransaction)
        {
            request.Headers[IdempotencyMiddleware.HeaderName] = Name;
        }

        if (body is not null)
        {
            request.Body = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(body, JsonSerializerOptions.Web));
            request.Headers.ContentType = "application/json";
            request.Headers.ContentLength = request.Body.Length;
        }

        using var response = new MemoryStream();
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(request);
        features.Set<IHttpRequestBodyDetectionFeature>(new BodyDetection(body is not null));
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(response));
        features.Set<IServiceProvidersFeature>(new RequestServicesOf(services));
        var context = new DefaultHttpContext(features) { User = s_caller };
        await _pipeline(context);
        return context.Response.StatusCode < StatusCodes.Status500InternalServerError
            ? context.Response.Headers.Location
            : throw new InvalidOperationException($"{method} {path} was answered with {context.Response.StatusCode}.");
    }

    private AsyncServiceScope Open()
    {
        var scope = Services.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<RehearsalMark>().IsSet = true;
        return scope;
    }

    private sealed record BodyDetection(bool CanHaveBody) : IHttpRequestBodyDetectionFeature;

    private sealed class RequestServicesOf(IServiceProvider services) : IServiceProvidersFeature
    {
        public IServiceProvider RequestServices { get; set; } = services;
    }
}
