using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.UnitOfWork;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Supports Idempotency-Key on every POST (draft-ietf-httpapi-idempotency-key-header-07): the response is stored in the
/// transaction of the change, so that a retry after a crash, on any instance, gets the first response byte for
/// byte. Keys are scoped to the caller: two callers may use the same.
/// </summary>
internal sealed class IdempotencyMiddleware(RequestDelegate next)
{
    public const string HeaderName = "Idempotency-Key";
    public const int MaxKeyLength = 200;
    public static readonly TimeSpan Retention = TimeSpan.FromHours(24);

    /// <summary>The header of a replayed response.</summary>
    public const string ReplayedHeader = "Idempotent-Replayed";

    // Headers of the connection or the moment, which are not replayed.
    private static readonly FrozenSet<string> s_excludedHeaders = FrozenSet.ToFrozenSet(
        ["Connection", "Content-Length", "Date", "Keep-Alive", "Server", "Trailer", "Transfer-Encoding", "Upgrade"], StringComparer.OrdinalIgnoreCase);

    public async Task InvokeAsync(HttpContext context, IServiceProvider services)
    {
        var endpoint = context.GetEndpoint();
        if (!HttpMethods.IsPost(context.Request.Method) || endpoint is not RouteEndpoint // routing's error endpoints have no route
            || !context.Request.Headers.TryGetValue(HeaderName, out var values) || context.User.FindFirst("sub") is not { } subject)
        {
            await next(context);
            return;
        }

        if (values.Count != 1 || values[0] is not { Length: > 0 and <= MaxKeyLength } key)
        {
            await Problem.Of(StatusCodes.Status400BadRequest, "invalid-idempotency-key",
                $"{HeaderName} must be one value of 1 to {MaxKeyLength} characters.").ExecuteAsync(context);
            return;
        }

        var request = new KeyedRequest(subject.Value, key, await HashAsync(context.Request));
        await HandleAsync(context, (DbContext)services.GetService(typeof(DbContext))!, request);
    }

    private async Task HandleAsync(HttpContext context, DbContext db, KeyedRequest request)
    {
        // A savepoint per save would be two more round trips; a failed request rolls back to the one before it.
        db.Database.AutoSavepointsEnabled = false;
        await using var transaction = await db.Database.BeginTransactionAsync(context.RequestAborted);
        var (locked, stored) = await IdempotencyStore.BeginAsync(db, request, context.RequestAborted);
        if (!locked)
        {
            await Problem.Of(StatusCodes.Status409Conflict, "idempotency-key-in-use",
                "The first request with this Idempotency-Key is still running. Repeat it in a moment.").ExecuteAsync(context);
            return;
        }

        if (stored is not null)
        {
            // Releases the key before the response is sent: the caller may reuse it as soon as it has the response.
            await transaction.RollbackAsync(CancellationToken.None);
            await ReplayAsync(context, request, stored);
            return;
        }

        var (response, final) = await RunAsync(context, db, transaction);
        if (final)
        {
            // From here on a disconnect is ignored: the response is stored with the change.
            await transaction.CommitWithAsync(db, IdempotencyStore.Storing(request, response), CancellationToken.None);
        }

        context.Response.Headers.ContentLength = response.Body.Length;
        await context.Response.Body.WriteAsync(response.Body, context.RequestAborted);
    }

    /// <summary>
    /// Runs the endpoint with its response buffered; a response of 400 or above rolls its changes back. An error or a concurrency conflict is
    /// not final: the same key may be retried.
    /// </summary>
    private async Task<(StoredResponse Answer, bool Final)> RunAsync(HttpContext context, DbContext db, IDbContextTransaction transaction)
    {
        var body = context.Response.Body;
        using var buffer = new MemoryStream();
        context.Response.Body = buffer;
        var conflict = false;
        try
        {
            await next(context);

            // Writing JSON stops silently when the caller disconnects: a partial response, or none, would be stored.
            context.RequestAborted.ThrowIfCancellationRequested();
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            // After a disconnect no response is stored: the exception rolls the transaction back.
            conflict = Transient.IsConflict(exception);
            context.Response.Clear(); // discards a partial response
            var handler = (IExceptionHandler)context.RequestServices.GetService(typeof(IExceptionHandler))!;
            await handler.TryHandleAsync(context, exception, context.RequestAborted);
        }
        finally
        {
            context.Response.Body = body;
        }

        var final = !conflict && context.Response.StatusCode < StatusCodes.Status500InternalServerError;
        if (!final)
        {
            await transaction.RollbackAsync(CancellationToken.None);
        }
        else if (context.Response.StatusCode >= StatusCodes.Status400BadRequest)
        {
            db.ChangeTracker.Clear();
            await transaction.RollbackToSavepointAsync(IdempotencyStore.Savepoint, CancellationToken.None);
        }

        var headers = context.Response.Headers.Where(header => !s_excludedHeaders.Contains(header.Key))
            .ToDictionary(header => header.Key, header => header.Value.ToString());
        return (new StoredResponse([], context.Response.StatusCode, JsonSerializer.Serialize(headers), buffer.ToArray()), final);
    }

    private static async Task ReplayAsync(HttpContext context, KeyedRequest request, StoredResponse stored)
    {
        if (!stored.RequestHash.AsSpan().SequenceEqual(request.Hash))
        {
            await Problem.Of(StatusCodes.Status422UnprocessableEntity, "idempotency-key-reused",
                "This Idempotency-Key was used for another request. Use a new key for a new request.").ExecuteAsync(context);
            return;
        }

        context.Response.StatusCode = stored.Status;
        foreach (var (name, value) in JsonSerializer.Deserialize<Dictionary<string, string>>(stored.Headers)!)
        {
            context.Response.Headers[name] = value;
        }

        context.Response.Headers[ReplayedHeader] = "true";
        context.Response.Headers.ContentLength = stored.Body.Length;
        await context.Response.Body.WriteAsync(stored.Body, context.RequestAborted);
    }

    /// <summary>SHA-256 over method, path, query and body, which identify a request.</summary>
    private static async Task<byte[]> HashAsync(HttpRequest request)
    {
        request.EnableBuffering(HttpDefaults.MaxBodyBytes); // a JSON body is buffered already
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(System.Text.Encoding.UTF8.GetBytes($"{request.Method} {request.Path}{request.QueryString}\n"));
        var buffer = new byte[8192];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted)) > 0)
        {
            sha.AppendData(buffer, 0, read);
        }

        request.Body.Position = 0;
        return sha.GetHashAndReset();
    }
}
