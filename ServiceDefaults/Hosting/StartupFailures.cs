using System.Net.Sockets;
using System.Reflection;
using System.Security.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Npgsql;
using Shop.Messaging.UnitOfWork;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// What stops a service or one of its commands before it has started: a problem of configuration or connection is one line on
/// standard error that says what to do, anything else is a bug and keeps its stack trace. Either way the exit code is 1. Without this the
/// runtime aborts, which is 139 for the first process of a container.
/// </summary>
internal sealed class StartupFailures
{
    private readonly string _service;
    private readonly NpgsqlConnectionStringBuilder _database;

    private StartupFailures(string service, NpgsqlConnectionStringBuilder database) => (_service, _database) = (service, database);

    /// <summary>Reports from here on, in the service's own process: in a test's process a failure is the test's.</summary>
    public static StartupFailures Report(WebApplicationBuilder builder)
    {
        var failures = new StartupFailures(builder.Environment.ApplicationName.ToLowerInvariant(), new NpgsqlConnectionStringBuilder());
        if (Assembly.GetEntryAssembly()?.GetName().Name == builder.Environment.ApplicationName)
        {
            AppDomain.CurrentDomain.UnhandledException += failures.End;
        }

        ConfigurationRules.Check(builder.Configuration);
        failures.ReadDatabase(builder.Configuration.GetConnectionString("Database"));
        return failures;
    }

    /// <summary>The service has started: a failure from here on is nobody's mistake in the configuration.</summary>
    public void Stop() => AppDomain.CurrentDomain.UnhandledException -= End;

    /// <summary>Writes a line to standard error, with the service's name before it.</summary>
    public void Write(string line) => Console.Error.WriteLine($"{_service}: {SingleLineText.Escape(line)}");

    /// <summary>The problem of configuration or connection behind an exception, and what to do; null where it is neither.</summary>
    public string? Explain(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (OfOne(e) is { } explained)
            {
                return explained;
            }
        }

        return Transient.IsDatabaseUnavailable(exception) ? Unreachable(exception) : null;
    }

    /// <summary>Whether a statement names a login that does not exist.</summary>
    public static bool LacksLogin(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.UndefinedObject } postgres && postgres.MessageText.Contains("role", StringComparison.Ordinal);

    private static bool IsOwn(Exception exception) => exception.Source is { } source
        && (source.StartsWith("Shop.", StringComparison.Ordinal) || source == Assembly.GetEntryAssembly()?.GetName().Name
            || source == typeof(ConfigurationBinder).Assembly.GetName().Name);

    private string? OfOne(Exception exception) => exception switch
    {
        OptionsValidationException invalid => string.Join("; ", invalid.Failures),
        InvalidOperationException when IsOwn(exception) => exception.Message, // written for people, or a value that has the wrong type
        PostgresException postgres => OfPostgres(postgres),
        AuthenticationException => $"{Target()} has a certificate that is not trusted: {exception.Message} Check 'Root Certificate' and 'Host' in ConnectionStrings__Database.",
        IOException when exception.Source?.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) == true =>
            $"{exception.Message.TrimEnd('.')}. Check ASPNETCORE_HTTP_PORTS, or ASPNETCORE_URLS.",
        _ => null,
    };

    private string? OfPostgres(PostgresException postgres) => postgres.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"{Target()} refuses the login: {postgres.MessageText}. Check user and password in ConnectionStrings__Database.",
        PostgresErrorCodes.InvalidCatalogName => $"{Target()} refuses the connection: {postgres.MessageText}. Check the database's name in ConnectionStrings__Database.",
        PostgresErrorCodes.ReadOnlySqlTransaction => $"{Target()} is read-only: {postgres.MessageText}. Connect to the primary, and not to a standby.",
        PostgresErrorCodes.InsufficientPrivilege => $"{Target()} refuses a statement: {postgres.MessageText}. migrate runs as the database's owner.",
        _ when LacksLogin(postgres) =>
            $"{Target()} lacks a login: {postgres.MessageText}. Create it, or change {RuntimeRole.Setting}.",
        _ => null,
    };

    private string Unreachable(Exception exception)
    {
        var why = exception;
        for (var e = exception; e is not null; e = e.InnerException)
        {
            why = e is PostgresException or SocketException or IOException or TimeoutException ? e : why;
        }

        return $"{Target()} is unreachable: {(why is PostgresException postgres ? postgres.MessageText : why.Message)}. "
            + "Check that the server runs, and ConnectionStrings__Database.";
    }

    private string Target() => $"The database '{_database.Database ?? _database.Username}' at {_database.Host}:{_database.Port}";

    private void ReadDatabase(string? connectionString)
    {
        try
        {
            _database.ConnectionString = connectionString;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw Malformed(e.Message);
        }

        if (!string.IsNullOrEmpty(connectionString) && string.IsNullOrEmpty(_database.Host))
        {
            throw Malformed("there is no Host in it.");
        }
    }

    private static InvalidOperationException Malformed(string why) => new(
        $"The connection string 'Database' is malformed: {why} Set ConnectionStrings__Database to one such as Host=postgres;Database=shop;Username=shop;Password=...");

    private void End(object sender, UnhandledExceptionEventArgs unhandled)
    {
        var exception = (Exception)unhandled.ExceptionObject;
        if (Explain(exception) is { } line)
        {
            Write(line);
        }
        else
        {
            Console.Error.WriteLine(exception);
        }

        Environment.Exit(1);
    }
}
