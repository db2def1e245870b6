namespace Shop.Console.Tests;

/// <summary>A value that is not what it has to be stops the start, and not the first request.</summary>
public sealed class ConfigurationTests
{
    [Theory]
    [InlineData("Services:ordering:http:0", "ordering:8080", "services__ordering__http__0 is 'ordering:8080'; it must be an address")]
    [InlineData("Authentication:Schemes:OpenIdConnect:Authority", "login.example.com", "__Authority is 'login.example.com'; it must be an address")]
    [InlineData("Dashboard:Url", "localhost:18888", "Dashboard__Url is 'localhost:18888'; it must be an address")]
    [InlineData("Management:Port", "metrics", "Management:Port is metrics")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "it must be the address of a collector")]
    public async Task A_wrong_value_is_refused_at_the_start(string name, string value, string expected)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => ConsoleApp.StartAsync(settings: (name, value)));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
