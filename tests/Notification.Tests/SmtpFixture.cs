using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Shop.Notification.Tests;

/// <summary>Notification with a real SMTP server to talk to, encrypted and logged in, and short times.</summary>
public class SmtpFixture : NotificationFixture
{
    private readonly TestAuthority _authority = new();
    private SmtpListener? _smtp;

    /// <summary>What a single attempt costs in conversations when none succeeds.</summary>
    internal const int ConversationsPerAttempt = 2;

    internal const int MaxAttempts = 3;

    internal SmtpListener Smtp => _smtp ??= new SmtpListener(_authority.Issue(), ("shop", "pass word"));

    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Email:Host"] = "localhost",
        ["Email:Port"] = $"{Smtp.Port}",
        ["Email:Tls"] = "StartTls",
        ["Email:CaFile"] = _authority.CaFile,
        ["Email:User"] = "shop",
        ["Email:Password"] = "pass word",
        ["Email:From"] = "Shop <first@shop.example>",
        ["Delivery:PollInterval"] = "00:00:00.050",
        ["Delivery:Timeout"] = "00:00:03",
        ["Delivery:QuickRetries"] = $"{ConversationsPerAttempt - 1}",
        ["Delivery:QuickRetryDelay"] = "00:00:00.010",
        ["Delivery:MaxAttempts"] = $"{MaxAttempts}",
        ["Delivery:FirstRetryDelay"] = "00:00:00.020",
        ["Delivery:BreakerThroughput"] = "10000",
        ["Logging:LogLevel:Default"] = "Trace",
        ["Logging:Console:LogLevel:Default"] = "None",
    };

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Smtp.DisposeAsync();
        _authority.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A second instance of the service, on the same database and broker, whose mails are from second@shop.example.</summary>
    internal IAsyncDisposable StartSecond()
    {
        var second = new Second(new Dictionary<string, string?>(Settings.Concat(TestTokens.Configuration))
        {
            ["ConnectionStrings:Database"] = Database.RuntimeConnectionString,
            ["ConnectionStrings:rabbitmq"] = Broker.UriOf("notification").AbsoluteUri,
            ["Email:From"] = "Shop <second@shop.example>",
        });
        second.StartServer();
        return second;
    }

    private sealed class Second : WebApplicationFactory<Program>
    {
        private readonly Dictionary<string, string?> _settings;

        public Second(Dictionary<string, string?> settings)
        {
            _settings = settings;
            UseKestrel();
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseContentRoot(AppContext.BaseDirectory);
            builder.UseUrls("http://127.0.0.1:0"); // not UseKestrel(port): it sets the address when the program may have started to listen
            foreach (var (key, value) in _settings)
            {
                builder.UseSetting(key, value);
            }
        }
    }
}

/// <summary>With timeouts so long that a slow machine repeats no mail.</summary>
public sealed class LongTimeoutFixture : SmtpFixture
{
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["Delivery:Timeout"] = "00:01:00",
        ["Delivery:TotalTimeout"] = "00:02:00",
        ["Delivery:StartWithin"] = "00:00:30",
        ["Logging:LogLevel:Default"] = "Error",
        ["Logging:LogLevel:Shop.Notification"] = "Debug",
    };
}

/// <summary>The same, where an attempt must begin within half a second of its claim.</summary>
public sealed class StallFixture : SmtpFixture
{
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["Delivery:Timeout"] = "00:01:00",
        ["Delivery:StartWithin"] = "00:00:00.500",
    };
}

/// <summary>The same with a circuit breaker that opens after two failures.</summary>
public sealed class BreakerFixture : SmtpFixture
{
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["Delivery:Timeout"] = "00:01:00",
        ["Delivery:BreakerThroughput"] = "2",
        ["Delivery:BreakDuration"] = "00:00:01",
        ["Delivery:MaxAttempts"] = "100", // an attempt is made each time that the circuit closes, however long a test takes to see that it opened
    };
}
