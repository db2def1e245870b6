using System.Globalization;

namespace Shop.AppHost.Hosting;

/// <summary>Aspire's dashboard: its address and its browser token. Both persist between starts.</summary>
internal sealed record Dashboard(int Port, int OtlpPort, int ResourcesPort, string Token)
{
    private const int Preferred = 15_100;

    public string LoginUrl => string.Create(CultureInfo.InvariantCulture, $"http://localhost:{Port}/login?t={Token}");

    /// <summary>As arguments, which win over what a launch profile has set.</summary>
    public IEnumerable<string> Settings =>
    [
        "--ASPIRE_ALLOW_UNSECURED_TRANSPORT=true", // only this machine reaches it
        string.Create(CultureInfo.InvariantCulture, $"--ASPNETCORE_URLS=http://localhost:{Port}"),
        string.Create(CultureInfo.InvariantCulture, $"--ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL=http://localhost:{OtlpPort}"),
        string.Create(CultureInfo.InvariantCulture, $"--ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL=http://localhost:{ResourcesPort}"),
        $"--ASPIRE_DASHBOARD_FRONTEND_BROWSERTOKEN={Token}",
        "--ASPIRE_VERSION_CHECK_DISABLED=true", // no calls to the vendor
        "--ASPIRE_DASHBOARD_TELEMETRY_OPTOUT=true",
    ];

    public static Dashboard OfThisHome() => new(
        Ports.Take("dashboard", Preferred),
        Ports.Take("dashboard-otlp", Preferred + 1),
        Ports.Take("dashboard-resources", Preferred + 2),
        DevelopmentSecrets.Password(ShopHome.Path("secrets"), "dashboard"));
}
