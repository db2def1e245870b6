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
/// Honours Idempotency-Key on every POST (draft-ietf-httpapi-idempotency-key-header-07): the answer is stored in the
/// transaction of the change, so that a caller who repeats after a crash, on any instance, gets the first answer byte for
/// byte. The key is the caller's own: two callers may use the same.
/// </summary>
internal sealed class IdempotencyMiddleware(RequestDelegate next)
{
    public const string HeaderName = "Idempotency-Key";
    public const int MaxKeyLength = 200;
    public static readonly TimeSpan Retention = TimeSpan.FromHours(24);

    /// <summary>Says that an answer is the first one, given again.</summary>
    public const string ReplayedHeader = "Idempotent-Replayed";

    // What belongs to the connection or the moment and not to the answer.
    private static readonly FrozenSet<string> s_notKept = FrozenSet.ToFrozenSet(
        ["Connection", "Content-Length", "Date", "Keep-Alive", "Server", "Trailer", "Transfer-Encoding", "Upgrade"], StringComparer.OrdinalIgnoreCase);

    public async Task InvokeAsync(HttpContext context, IServiceProvider services)
    {
        var endpoint = context.GetEndpoint();
        if (!HttpMethods.IsPost(context.Request.Method) || endpoint is not RouteEndpoint // routing's own refusals are no routes
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
        // A savepoint around each save would be two more round trips, and whoever fails goes back to the one before the request.
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
            // The key is free before the caller has the answer, and could come again with it.
            await transaction.RollbackAsync(CancellationToken.None);
            await AnswerAgainAsync(context, request, stored);
            return;
        }

        var (answer, final) = await RunAsync(context, db, transaction);
        if (final)
        {
            // From here on a caller who hangs up changes nothing: the answer belongs to the change.
            await transaction.CommitWithAsync(db, IdempotencyStore.Storing(request, answer), CancellationToken.None);
        }

        context.Response.Headers.ContentLength = answer.Body.Length;
        await context.Response.Body.WriteAsync(answer.Body, context.RequestAborted);
    }

    /// <summary>
    /// Runs the endpoint with its answer kept back; a refusal or an error takes its changes with it. An error or a lost race is
    /// no final answer: the same key may try again.
    /// </summary>
    private async Task<(StoredAnswer Answer, bool Final)> RunAsync(HttpContext context, DbContext db, IDbContextTransaction transaction)
    {
        var body = context.Response.Body;
        using var buffer = new MemoryStream();
        context.Response.Body = buffer;
        var lostRace = false;
        try
        {
            await next(context);

            // What writes JSON stops without a word when the caller has hung up: half an answer, or none, would be stored.
            context.RequestAborted.ThrowIfCancellationRequested();
        }
        catch (Exception exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            // A caller who hung up gets no answer, and so none is stored: the transaction goes with the exception.
            lostRace = Transient.IsConflict(exception);
            context.Response.Clear(); // an answer that was half written is none
            var handler = (IExceptionHandler)context.RequestServices.GetService(typeof(IExceptionHandler))!;
            await handler.TryHandleAsync(context, exception, context.RequestAborted);
        }
        finally
        {
            context.Response.Body = body;
        }

        var final = !lostRace && context.Response.StatusCode < StatusCodes.Status500InternalServerError;
        if (!final)
        {
            await transaction.RollbackAsync(CancellationToken.None);
        }
        else if (context.Response.StatusCode >= StatusCodes.Status400BadRequest)
        {
            db.ChangeTracker.Clear();
            await transaction.RollbackToSavepointAsync(IdempotencyStore.Savepoint, CancellationToken.None);
        }

        var headers = context.Response.Headers.Where(header => !s_notKept.Contains(header.Key))
            .ToDictionary(header => header.Key, header => header.Value.ToString());
        return (new StoredAnswer([], context.Response.StatusCode, JsonSerializer.Serialize(headers), buffer.ToArray()), final);
    }

    private static async Task AnswerAgainAsync(HttpContext context, KeyedRequest request, StoredAnswer stored)
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

    /// <summary>SHA-256 over method, path, query and body: what makes two requests the same.</summary>
    private static async Task<byte[]> HashAsync(HttpRequest request)
    {
        request.EnableBuffering(HttpDefaults.MaxBodyBytes); // a JSON body is read already
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
