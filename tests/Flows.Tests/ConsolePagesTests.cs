using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Shop.Analytics.Features.Funnel;
using Shop.Console.Web;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Notification.Tests;
using Shop.Operations;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>The console over the real services: its pages read what they answer, member by member.</summary>
public sealed partial class ConsolePagesTests
{
    private const string Queue = "inventory.order-placed";
    private const string Cancelled = "ordering.order-cancelled.v1";

    /// <summary>What only a server that fails, wrong stock, another relay, or a second page of a list would bring.</summary>
    private static readonly string[] s_neverHere =
    [
        "JobView.error", "OutboxNow.logBytes", "OutboxView.logBytes", "JourneyFacts.logBytes", "Page.nextCursor", "QueueNow.stalled",
        "ServiceOverview.brokerError", "ServiceOverview.databaseError", "StockFacts.violations",
    ];

    private readonly SeenMembers _seen = new();

    [Fact]
    public async Task Each_page_reads_what_the_services_answer_and_every_member_that_it_reads_is_there()
    {
        await using var mail = new SmtpListener();
        await using var shop = await WholeShop.CreateAsync();
        var databases = await StartAsync(shop, mail);
        await using (var console = Console(shop))
        {
            using var browser = await Browser.SignInAsync(console);
            var orders = await PlaceAsync(shop, mail);
            await FailAsync(shop, databases, browser);
            await ParkAsync(shop, browser, orders[^1]);
            await SweepAsync(shop, browser, orders);
        }

        await shop.RestartAsync<PlaceOrderRequest>(("Messaging:RelayEnabled", "false")); // at another address
        await using (var console = Console(shop))
        {
            using var browser = await Browser.SignInAsync(console);
            var waiting = (await shop.PlaceAsync("ada", ("TEA-1", 1))).MustBe(HttpStatusCode.Created).Id;
            await browser.GetAsync($"/journey?q={waiting}", "waits in ordering&#x27;s outbox");
            await browser.GetAsync("/outbox/ordering", "1 ready to publish");
            await Eventually.HoldsAsync("the overview has it, and it is why the invariants are not judged up to now", async () => // they are a second old at most
                (await browser.GetAsync("/", "Oldest there")).Length > 0 && (await browser.GetAsync("/invariants", "I7")).Length > 0
                && !_seen.Unseen.Intersect(["OutboxNow.oldest", "InvariantFacts.because"]).Any());
        }

        var unseen = _seen.Unseen.Except(s_neverHere).ToList();
        Assert.True(unseen.Count == 0, $"Never there with a value: {string.Join(", ", unseen)}");
    }

    private ServiceInstance Console(WholeShop shop) => ServiceInstance.Start<Links>(Settings(shop), services => services.AddScoped(
        provider => new StaffApis(provider.GetRequiredService<IHttpClientFactory>().CreateClient, _seen.Json)));

    private static async Task<(TestDatabase Ordering, TestDatabase Inventory)> StartAsync(WholeShop shop, SmtpListener mail)
    {
        var ordering = await shop.AddAsync<PlaceOrderRequest>(new() { ["Messaging:RetiredVersions:0"] = "ordering.order-placed.v1" });
        var inventory = await shop.AddAsync<OfferProductRequest>();
        await shop.AddAsync<PutContactRequest>(new()
        {
            ["Email:PickupDirectory"] = "",
            ["Email:Host"] = "127.0.0.1",
            ["Email:Port"] = $"{mail.Port}",
            ["Email:Tls"] = "None",
        });
        await shop.AddAsync<FunnelResponse>();
        shop.StartAll();
        using var notification = shop.Client<PutContactRequest>(TestTokens.Customer());
        (await notification.SendAsync(HttpMethod.Put, "/contacts/me", new { name = "Ada", email = "ada@example.com" })).MustBe(HttpStatusCode.Created, HttpStatusCode.OK);
        await shop.ListAsync(ordering, "TEA-1", units: 20);
        using var staff = shop.Client<OfferProductRequest>(TestTokens.Staff());
        (await staff.SendAsync(HttpMethod.Put, "/products/TEA-1/low-stock-threshold", new { threshold = 2 })).MustBe(HttpStatusCode.OK);
        return (ordering, inventory);
    }

    private static Dictionary<string, string?> Settings(WholeShop shop) => new()
    {
        ["environment"] = "Development",
        ["DevelopmentSignIn:SigningKey"] = TestTokens.SigningKey,
        ["Sessions:Key"] = Convert.ToBase64String(new byte[48]),
        ["Logging:LogLevel:Default"] = "Error",
        ["Services:ordering:http:0"] = shop.Client<PlaceOrderRequest>("").BaseAddress!.AbsoluteUri,
        ["Services:inventory:http:0"] = shop.Client<OfferProductRequest>("").BaseAddress!.AbsoluteUri,
        ["Services:notification:http:0"] = shop.Client<PutContactRequest>("").BaseAddress!.AbsoluteUri,
        ["Services:analytics:http:0"] = shop.Client<FunnelResponse>("").BaseAddress!.AbsoluteUri,
    };

    /// <summary>One that is shipped, one that is rejected, and one whose mail is refused.</summary>
    private static async Task<List<Guid>> PlaceAsync(WholeShop shop, SmtpListener mail)
    {
        var shipped = await OneAsync(1, "confirmed");
        (await shop.ShipAsync(shipped)).MustBe(HttpStatusCode.OK);
        var rejected = await OneAsync(99, "rejected");
        await Eventually.HoldsAsync("the mails are delivered", () => mail.Accepted.Count >= 3);
        mail.Mood = SmtpBehavior.Reject;
        var refused = await OneAsync(2, "confirmed");
        using var notification = shop.Client<PutContactRequest>(TestTokens.Staff());
        await Eventually.HoldsAsync("its mail is refused", async () =>
            (await notification.SendAsync(HttpMethod.Get, $"/notifications?orderId={refused}")).Body.GetProperty("items") is var items
            && items.GetArrayLength() > 0 && items[0].GetProperty("status").GetString() == "failed");
        return [shipped, rejected, refused];

        async Task<Guid> OneAsync(int quantity, string status)
        {
            var id = (await shop.PlaceAsync("ada", ("TEA-1", quantity))).MustBe(HttpStatusCode.Created).Id;
            await Eventually.HoldsAsync($"it is {status}", async () => (await shop.ReadAsync("ada", id)).OrderStatus == status);
            return id;
        }
    }

    /// <summary>Dead letters: read, sent again at a rate and cancelled, all sent again, once more as duplicates, and one discarded.</summary>
    private static async Task FailAsync(WholeShop shop, (TestDatabase Ordering, TestDatabase Inventory) databases, Browser browser)
    {
        await databases.Inventory.ExecuteAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        var order = Guid.Empty;
        for (var i = 0; i < 3; i++)
        {
            order = (await shop.PlaceAsync("ada", ("TEA-1", 1))).MustBe(HttpStatusCode.Created).Id;
        }

        await DeadAsync(shop, 3);
        var (id, group) = (await LettersAsync(shop))[0];
        await browser.GetAsync($"/journey?q={order}", $"{Queue} could not handle");
        await browser.GetAsync("/failed", "out of order");
        await browser.GetAsync($"/failed/{Queue}?group={group}", "Send all again");
        await browser.GetAsync($"/failed/{Queue}/{id}", "Discard it");
        var job = await browser.PostAsync($"/failed/{Queue}/jobs", ("kind", "retry"), ("group", group), ("perSecond", "1"));
        Assert.Equal($"{job}?already=true", await browser.PostAsync($"/failed/{Queue}/jobs", ("kind", "retry"), ("group", group), ("perSecond", "1"))); // a double click
        await browser.PostAsync($"{job}/cancel");
        await browser.GetAsync(job, "cancelled by sam");

        await DeadAsync(shop, 3); // what the job has moved is back
        var letters = await shop.Broker.PeekAsync(Queue + ".dead");
        await databases.Inventory.ExecuteAsync("DROP TRIGGER refuse ON reservations; DROP FUNCTION refuse;");
        await browser.PostAsync($"/failed/{Queue}/{id}/retry");
        await browser.PostAsync($"/failed/{Queue}/jobs", ("kind", "retry"), ("perSecond", "100"));
        await DeadAsync(shop, 0);
        await shop.RestsAsync();
        foreach (var letter in letters)
        {
            await shop.Broker.PublishAsync("", Queue, letter.Body, new
            {
                content_type = "application/vnd.masstransit+json",
                message_id = letter.Properties.GetProperty("message_id").GetString(),
            });
        }

        await browser.GetAsync($"/journey?q={order}", "again: a duplicate, which changed nothing");
        await shop.Broker.PublishAsync("", Queue, Encoding.UTF8.GetBytes("no JSON"), new { message_id = "junk" });
        await DeadAsync(shop, 1);
        await browser.PostAsync($"/failed/{Queue}/junk/discard", ("reason", "it is no message"));
        await browser.PostAsync($"/failed/{Queue}/jobs", ("kind", "discard"), ("perSecond", "100"), ("reason", "nothing is left"));
        await browser.GetAsync($"/failed/{Queue}/junk", "it is no message"); // it is kept
        await DiscardAsync(shop, databases, browser);
    }

    /// <summary>Two orders whose dead letters are discarded, one alone and one by a job: neither waits.</summary>
    private static async Task DiscardAsync(WholeShop shop, (TestDatabase Ordering, TestDatabase Inventory) databases, Browser browser)
    {
        await databases.Inventory.ExecuteAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        Guid[] orders = [(await shop.PlaceAsync("ada", ("TEA-1", 1))).MustBe(HttpStatusCode.Created).Id, (await shop.PlaceAsync("ada", ("TEA-1", 1))).MustBe(HttpStatusCode.Created).Id];
        await DeadAsync(shop, 2);
        await browser.PostAsync($"/failed/{Queue}/{(await LettersAsync(shop))[0].Id}/discard", ("reason", "asked to"));
        await browser.PostAsync($"/failed/{Queue}/jobs", ("kind", "discard"), ("perSecond", "100"), ("reason", "asked to"));
        await DeadAsync(shop, 0);
        foreach (var order in orders)
        {
            var page = await browser.GetAsync($"/journey?q={order}", $"was discarded by sam before {Queue} could handle it: asked to");
            Assert.DoesNotContain("still waits", page, StringComparison.Ordinal);
            Assert.Contains("which never comes", page, StringComparison.Ordinal);
        }

        await databases.Inventory.ExecuteAsync("DROP TRIGGER refuse ON reservations; DROP FUNCTION refuse;");
    }

    /// <summary>A parked event: read, sent again, refused again, discarded.</summary>
    private static async Task ParkAsync(WholeShop shop, Browser browser, Guid order)
    {
        await shop.Wire.DisposeAsync(); // its queue is bound to all
        foreach (var queue in await shop.Broker.QueuesAsync())
        {
            if ((await shop.Broker.BindingsOfAsync(queue.Name)).Contains(Cancelled))
            {
                await shop.Broker.UnbindAsync(Cancelled, queue.Name);
            }
        }

        (await shop.CancelAsync("ada", order)).MustBe(HttpStatusCode.OK);
        await Eventually.HoldsAsync("it is parked", async () =>
            await shop.Database<PlaceOrderRequest>().ScalarAsync<long>("SELECT count(*) FROM outbox_parked") == 1);
        await browser.GetAsync($"/journey?q={order}", $"{Cancelled} is parked");
        await browser.GetAsync("/", "1 parked event in ordering&#x27;s outbox");
        await browser.GetAsync("/outbox/ordering", "Send again now");
        await browser.PostAsync("/outbox/ordering/retry", ("stream", $"{order}"));
        await browser.GetAsync("/failed", "The event<span class=\"hidden\"> of ordering");
        var job = await browser.PostAsync("/outbox/ordering/jobs", ("kind", "retry"), ("perSecond", "100"));
        await browser.GetAsync(job, "finished, 1 sent again, 1 of them refused again");
        var seq = await shop.Database<PlaceOrderRequest>().ScalarAsync<long>("SELECT seq FROM outbox_parked");
        await browser.PostAsync($"/outbox/ordering/{seq}/discard", ("behind", "0"), ("reason", "nobody consumes it any more"));
        await browser.GetAsync("/failed", "nobody consumes it any more");
        await browser.GetAsync($"/journey?q={order}", $"{Cancelled} was discarded from ordering&#x27;s outbox by sam: nobody consumes it any more");
    }

    private static async Task SweepAsync(WholeShop shop, Browser browser, List<Guid> orders)
    {
        using var analytics = shop.Client<FunnelResponse>(TestTokens.Staff());
        var logged = (await analytics.SendAsync(HttpMethod.Get, $"/analytics/events?aggregateId={orders[0]}")).Body.GetProperty("items")[0];
        string[] pages =
        [
            "/", "/failed", "/journey", .. orders.Select(order => $"/journey?q={order}"), $"/journey?q={logged.GetProperty("eventId")}",
            $"/journey?q={logged.GetProperty("traceId").GetString()}", .. ShopServices.Names.Select(service => $"/outbox/{service}"),
            "/contracts", "/contracts/ordering.order-placed.v2", "/invariants", "/dashboard",
            .. ((string[])["sales", "funnel", "best-sellers", "stock", "rejections"]).Select(table => $"/dashboard/{table}.csv"),
        ];
        foreach (var page in pages)
        {
            await browser.GetAsync(page, "");
        }

        Assert.DoesNotContain("unknown", await browser.GetAsync("/invariants", "I7"), StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<(string Id, string Group)>> LettersAsync(WholeShop shop)
    {
        using var client = shop.Client<OfferProductRequest>(TestTokens.Staff());
        var letters = (await client.SendAsync(HttpMethod.Get, $"/dead-letters?queue={Queue}")).MustBe(HttpStatusCode.OK).Body;
        return [.. letters.EnumerateArray().Select(letter => (letter.GetProperty("id").GetString()!, letter.GetProperty("group").GetString()!))];
    }

    private static Task<int> DeadAsync(WholeShop shop, int count) =>
        Eventually.IsAsync($"{count} dead letters", () => shop.Broker.CountReadyAsync(Queue + ".dead"), dead => dead == count);

    /// <summary>A browser without scripts: cookies, pages, forms.</summary>
    private sealed partial class Browser : IDisposable
    {
        private readonly HttpClient _http;

        private Browser(Uri address) => _http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = address };

        public static async Task<Browser> SignInAsync(ServiceInstance console)
        {
            var browser = new Browser(console.Client().BaseAddress!);
            await browser.PostAsync("/sign-in", ("name", "sam"), ("redrive", "yes"), ("to", "/"));
            return browser;
        }

        /// <summary>A page, until it has a text; none has an answer that it could not read.</summary>
        public async Task<string> GetAsync(string path, string text)
        {
            var page = "";
            await Eventually.HoldsAsync($"{path} says '{text}'", async () =>
            {
                using var response = await _http.GetAsync(new Uri(path, UriKind.Relative));
                page = await response.Content.ReadAsStringAsync();
                Assert.True(response.StatusCode == HttpStatusCode.OK, $"{path}: {(int)response.StatusCode}\n{page}");
                Assert.DoesNotContain("something else than was expected", page, StringComparison.Ordinal);
                Assert.DoesNotContain("it does not answer", page, StringComparison.Ordinal); // nor one that hides it
                return page.Contains(text, StringComparison.Ordinal);
            });
            return page;
        }

        /// <summary>Sends a form of the application, and returns where it leads to.</summary>
        public async Task<string> PostAsync(string path, params (string Name, string Value)[] fields)
        {
            var token = Token().Match(await GetAsync("/sign-in", "")).Groups[1].Value;
            using var form = new FormUrlEncodedContent(fields.Append(("__RequestVerificationToken", token)).Select(field => KeyValuePair.Create(field.Item1, field.Item2)));
            using var response = await _http.PostAsync(new Uri(path, UriKind.Relative), form);
            Assert.True(response.StatusCode == HttpStatusCode.Redirect, $"{path}: {(int)response.StatusCode}\n{await response.Content.ReadAsStringAsync()}");
            return response.Headers.Location!.ToString();
        }

        public void Dispose() => _http.Dispose();

        [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
        private static partial Regex Token();
    }
}
