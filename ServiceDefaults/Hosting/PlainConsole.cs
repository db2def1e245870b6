using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// What the service writes to its console has no control character that somebody else chose: PostgreSQL, parsers and client libraries
/// put what they were given into the texts of their exceptions. One place for all of them, also for libraries that log themselves.
/// The format is still that of <c>Logging:Console:FormatterName</c>; what goes to a collector is data and stays as it is.
/// </summary>
internal static class PlainConsole
{
    /// <summary>To be called when the console is there already, as it is in every builder.</summary>
    public static void KeepConsolePlain(this WebApplicationBuilder builder)
    {
        foreach (var (formatter, type) in builder.Services.Where(service => service.ServiceType == typeof(ConsoleFormatter))
            .Select(service => (service, service.ImplementationType!)).ToList())
        {
            builder.Services.Remove(formatter);
            builder.Services.AddSingleton<ConsoleFormatter>(services =>
                new Formatter((ConsoleFormatter)ActivatorUtilities.CreateInstance(services, type)));
        }
    }

    /// <summary>Gives another formatter the same entry, with its texts escaped.</summary>
    private sealed class Formatter(ConsoleFormatter inner) : ConsoleFormatter(inner.Name)
    {
        public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
        {
            var (format, thrown) = (logEntry.Formatter, logEntry.Exception);
            inner.Write(
                new LogEntry<TState>(logEntry.LogLevel, logEntry.Category, logEntry.EventId, logEntry.State, thrown is null ? null : new Shown(thrown),
                    (state, _) => OneLine.Escape(format(state, thrown))),
                scopeProvider is null ? null : new Scopes(scopeProvider), textWriter);
        }
    }

    /// <summary>An exception as text: its own lines are those of the stack trace, and each message is one of them.</summary>
    private sealed class Shown(Exception thrown) : Exception(OneLine.Escape(thrown.Message))
    {
        public override string? StackTrace => thrown.StackTrace;

        public override string ToString() => Append(new StringBuilder(), thrown).ToString();

        private static StringBuilder Append(StringBuilder text, Exception exception)
        {
            text.Append(exception.GetType()).Append(": ").Append(OneLine.Escape(exception.Message));
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
            static (scope, given) => given.callback(scope is null ? null : OneLine.Escape($"{scope}"), given.state), (callback, state));

        public IDisposable Push(object? state) => inner.Push(state);
    }
}
