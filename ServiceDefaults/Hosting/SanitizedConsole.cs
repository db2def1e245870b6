using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// Escapes control characters in console logs: exceptions of PostgreSQL, parsers and client libraries
/// contain untrusted input. One place for all log sources, including libraries.
/// The format remains that of <c>Logging:Console:FormatterName</c>; logs sent to a collector are not changed.
/// </summary>
internal static class SanitizedConsole
{
    /// <summary>Call it after the console logger was added, which every builder does.</summary>
    public static void SanitizeConsole(this WebApplicationBuilder builder)
    {
        foreach (var (formatter, type) in builder.Services.Where(service => service.ServiceType == typeof(ConsoleFormatter))
            .Select(service => (service, service.ImplementationType!)).ToList())
        {
            builder.Services.Remove(formatter);
            builder.Services.AddSingleton<ConsoleFormatter>(services =>
                new Formatter((ConsoleFormatter)ActivatorUtilities.CreateInstance(services, type), services.GetRequiredService<StartupFailures>()));
        }
    }

    /// <summary>Passes the entry to another formatter, with its texts escaped.</summary>
    private sealed class Formatter(ConsoleFormatter inner, StartupFailures failures) : ConsoleFormatter(inner.Name)
    {
        // The host's events: a start that failed ends the process, which reports it in one line; and what it then cancels did not fail.
        private const int BackgroundServiceFaulted = 9;
        private const int BackgroundServiceStoppingHost = 10;
        private const int HostedServiceStartupFaulted = 11;

        public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
        {
            var (format, thrown) = (logEntry.Formatter, logEntry.Exception);
            if (logEntry.Category == "Microsoft.Extensions.Hosting.Internal.Host" && thrown is not null && logEntry.EventId.Id switch
            {
                BackgroundServiceFaulted or BackgroundServiceStoppingHost => thrown is OperationCanceledException,
                HostedServiceStartupFaulted => failures.Explain(thrown) is not null,
                _ => false,
            })
            {
                return;
            }

            inner.Write(
                new LogEntry<TState>(logEntry.LogLevel, logEntry.Category, logEntry.EventId, logEntry.State, thrown is null ? null : new EscapedException(thrown),
                    (state, _) => SingleLineText.Escape(format(state, thrown))),
                scopeProvider is null ? null : new Scopes(scopeProvider), textWriter);
        }
    }

    /// <summary>An exception whose messages are escaped; only the stack trace has several lines.</summary>
    private sealed class EscapedException(Exception thrown) : Exception(SingleLineText.Escape(thrown.Message))
    {
        public override string? StackTrace => thrown.StackTrace;

        public override string ToString() => Append(new StringBuilder(), thrown).ToString();

        private static StringBuilder Append(StringBuilder text, Exception exception)
        {
            text.Append(exception.GetType()).Append(": ").Append(SingleLineText.Escape(exception.Message));
            IEnumerable<Exception> causes = exception is AggregateException several ? several.InnerExceptions
                : exception.InnerException is { } one ? [one] : [];
            foreach (var cause in causes)
            {
                Append(text.AppendLine().Append(" ---> "), cause).AppendLine().Append("   --- End of inner exception stack trace ---");
            }

            return exception.StackTrace is { } trace ? text.AppendLine().Append(trace) : text;
        }
    }

    private sealed class Scopes(IExternalScopeProvider inner) : IExternalScopeProvider
    {
        public void ForEachScope<TState>(Action<object?, TState> callback, TState state) => inner.ForEachScope(
            static (scope, given) => given.callback(scope is null ? null : SingleLineText.Escape($"{scope}"), given.state), (callback, state));

        public IDisposable Push(object? state) => inner.Push(state);
    }
}
