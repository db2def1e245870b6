using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.UnitOfWork;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Http;

/// <summary>The one place that turns exceptions into problem details. What it does not know is a 500 without any detail.</summary>
internal sealed partial class ProblemExceptionHandler(IProblemDetailsService problems, ILogger<ProblemExceptionHandler> logger)
    : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
        {
            return true; // nobody is there to read an answer
        }

        var problem = ProblemOf(exception);
        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers[HeaderNames.RetryAfter] = "2";
            LogAway(exception.Message);
        }
        else if (problem.Status == StatusCodes.Status500InternalServerError)
        {
            LogUnexpected(context.Request.Method, OneLine.Escape(context.Request.Path), exception);
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
        _ when Transient.IsBrokerAway(exception) => Problem.Details(StatusCodes.Status503ServiceUnavailable, "broker-unavailable",
            "The message broker cannot be reached at the moment. Repeating the request is safe; try again shortly."),
        _ when Transient.IsDatabaseAway(exception) => Problem.Details(StatusCodes.Status503ServiceUnavailable, "database-unavailable",
            "The database cannot be reached at the moment. Nothing was changed; try again shortly."),
        _ when Transient.IsLockTimeout(exception) => Problem.Details(StatusCodes.Status503ServiceUnavailable, "database-busy",
            "Others are changing the same thing, and it took too long to get a turn. Nothing was changed; try again shortly."),
        _ when Transient.IsConflict(exception) => Problem.Details(StatusCodes.Status409Conflict, "concurrent-change",
            "Somebody else changed it at the same moment. Read it again and repeat the request if it still makes sense."),
        _ => Problem.Details(StatusCodes.Status500InternalServerError, "internal-error",
            "The error was logged; repeating the same request with the same Idempotency-Key is safe."),
    };

    [LoggerMessage(LogLevel.Warning, "The database or the broker is unavailable or busy: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed.")]
    private partial void LogUnexpected(string method, string path, Exception exception);
}
