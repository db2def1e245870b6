using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.UnitOfWork;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Http;

/// <summary>Maps exceptions to problem details. An unknown exception is a 500 without details.</summary>
internal sealed partial class ProblemExceptionHandler(IProblemDetailsService problems, ILogger<ProblemExceptionHandler> logger)
    : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
        {
            return true; // the caller has disconnected
        }

        var problem = ProblemOf(exception);
        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers[HeaderNames.RetryAfter] = "2";
            LogUnavailable(exception.Message);
        }
        else if (problem.Status == StatusCodes.Status500InternalServerError)
        {
            LogUnexpected(context.Request.Method, SingleLineText.Escape(context.Request.Path), exception);
        }

        context.Response.StatusCode = problem.Status!.Value;
        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = context, ProblemDetails = problem });
    }

    private static ProblemDetails ProblemOf(Exception exception) => exception switch
    {
        DomainException { Conflict: true } e => Problem.Details(StatusCodes.Status409Conflict, e.Code, e.Message),
        DomainException e => Problem.Details(StatusCodes.Status422UnprocessableEntity, e.Code, e.Message),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Problem.Details(
            StatusCodes.Status413PayloadTooLarge, "body-too-large", $"A body may have at most {HttpDefaults.MaxBodyBytes / 1024} KiB."),
        BadHttpRequestException e => Problem.Details(e.StatusCode, Problem.Code(e.StatusCode), UnreadableRequest.Explain(e)),
        _ when Transient.IsBrokerUnavailable(exception) => Problem.Details(StatusCodes.Status503ServiceUnavailable, "broker-unavailable",
            "The message broker is unavailable. Retrying the request is safe; try again shortly."),
        _ when Transient.IsDatabaseUnavailable(exception) => Problem.Details(StatusCodes.Status503ServiceUnavailable, "database-unavailable",
            "The database is unavailable. Nothing was changed; try again shortly."),
        _ when Transient.IsLockTimeout(exception) => Problem.Details(StatusCodes.Status503ServiceUnavailable, "database-busy",
            "Other requests hold a lock on the same data for too long. Nothing was changed; try again shortly."),
        _ when Transient.IsConflict(exception) => Problem.Details(StatusCodes.Status409Conflict, "concurrent-change",
            "The resource was changed concurrently. Read it again and repeat the request if it still applies."),
        _ => Problem.Details(StatusCodes.Status500InternalServerError, "internal-error",
            "The error was logged. Retrying with the same Idempotency-Key is safe."),
    };

    [LoggerMessage(LogLevel.Warning, "Database or broker unavailable or busy: {Reason}")]
    private partial void LogUnavailable(string reason);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    private partial void LogUnexpected(string method, string path, Exception exception);
}
