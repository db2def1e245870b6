using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// Checks what the framework and its libraries read leniently: with a wrong value they would use another one without a word, listen on another
/// port, send no telemetry, trust nobody. What is read into a settings class is validated there.
/// </summary>
internal static class ConfigurationRules
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <exception cref="InvalidOperationException">A value is not what it has to be.</exception>
    public static void Check(IConfiguration configuration)
    {
        string[] mistakes = [.. Ports(configuration), .. Urls(configuration), .. Telemetry(configuration), .. Levels(configuration), .. Authorities(configuration)];
        if (mistakes.Length > 0)
        {
            throw new InvalidOperationException(string.Join(' ', mistakes));
        }
    }

    /// <summary>The address of an HTTP server, with its scheme; null where the text is something else.</summary>
    public static Uri? HttpAddress(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? address : null;

    // ASPNETCORE_HTTP_PORTS=eighty becomes http://*:eighty, which the server reads as a host of that name: on port 80.
    private static IEnumerable<string> Ports(IConfiguration configuration) =>
        from name in (string[])["HTTP_PORTS", "HTTPS_PORTS"]
        from port in (configuration[name] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        where !IsPort(port)
        select $"ASPNETCORE_{name} has '{port}'; it must be ports, 0 to 65535, such as 8080 or 8080;8081.";

    private static IEnumerable<string> Urls(IConfiguration configuration)
    {
        var urls = (configuration["URLS"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var url in urls.Where(url => !IsListenAddress(url)))
        {
            yield return $"ASPNETCORE_URLS has '{url}'; it must be addresses such as http://*:8080. ASPNETCORE_HTTP_PORTS is simpler.";
        }

        var ports = urls.Length > 0 ? urls.Select(PortOf) : $"{configuration["HTTP_PORTS"]};{configuration["HTTPS_PORTS"]}".Split(';', StringSplitOptions.TrimEntries);
        if (ManagementPort.Of(configuration) is { } management && !ports.Contains(management.ToString(CultureInfo.InvariantCulture)))
        {
            yield return $"{ManagementPort.Setting} is {management}, on which nobody would listen: it must also be one of ASPNETCORE_HTTP_PORTS, such as 8080;{management}.";
        }
    }

    private static IEnumerable<string> Telemetry(IConfiguration configuration)
    {
        if (configuration["OTEL_SDK_DISABLED"] is { Length: > 0 } disabled && !bool.TryParse(disabled, out _))
        {
            yield return $"OTEL_SDK_DISABLED is '{disabled}'; it must be true or false.";
        }

        if (configuration[Endpoint] is { Length: > 0 } endpoint && HttpAddress(endpoint) is null)
        {
            yield return $"{Endpoint} is '{endpoint}'; it must be the address of a collector, such as http://collector:4317.";
        }
    }

    private static IEnumerable<string> Levels(IConfiguration configuration) => configuration.GetSection("Logging:LogLevel").GetChildren()
        .Where(level => !IsLevel(level.Value))
        .Select(level => $"{level.Path} is '{level.Value}'; it must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");

    // OpenSSL reads nothing from a file that is not there, and then trusts no certificate.
    private static IEnumerable<string> Authorities(IConfiguration configuration)
    {
        if (configuration["SSL_CERT_FILE"] is not { Length: > 0 } file)
        {
            yield break;
        }

        var found = new X509Certificate2Collection();
        string? mistake = null;
        try
        {
            found.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            mistake = e.Message;
        }

        if (found.Count == 0)
        {
            yield return $"SSL_CERT_FILE is '{file}'; it must be a file with certificates (PEM). {mistake}".TrimEnd();
        }
    }

    // The framework takes any number, and adds up names that are separated by commas.
    private static bool IsLevel(string? text) =>
        Enum.TryParse<LogLevel>(text, ignoreCase: true, out var level) && Enum.IsDefined(level) && !text!.Contains(',', StringComparison.Ordinal);

    private static bool IsPort(string? text) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static string? PortOf(string url) => IsListenAddress(url) ? BindingAddress.Parse(url).Port.ToString(CultureInfo.InvariantCulture) : null;

    private static bool IsListenAddress(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address.Scheme is "http" or "https" && (address.IsUnixPipe || address.IsNamedPipe || !address.Host.Contains(':', StringComparison.Ordinal)
                || address.Host is ['[', .., ']']);
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
