using System.Net;
using System.Text.RegularExpressions;
using Shop.Operations;
using Shop.Operations.Dashboard;

namespace Shop.Console.Tests;

/// <summary>What holds for every page, whatever the services say.</summary>
public sealed partial class PagesTests
{
    private const string Hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>\" autofocus onfocus=alert(3)";

    public static TheoryData<string> Paths =>
        ["/", "/failed", "/failed/inventory.order-placed", "/journey", "/outbox/ordering", "/contracts", "/contracts/ordering.order-placed.v2", "/invariants", "/dashboard"];

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Nobody_sees_a_page_without_signing_in(string path)
    {
        await using var console = await ConsoleApp.StartAsync();

        using var response = await console.Http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.Equal($"/sign-in?to={Uri.EscapeDataString(path)}", response.Headers.Location!.PathAndQuery);
        Assert.All(console.Services.Values, service => Assert.Empty(service.Requests));
    }

    [Fact]
    public async Task Every_page_is_there_for_staff_while_no_service_has_anything_and_has_no_script_or_style_of_its_own()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        console.Services["inventory"].Answer("/dead-letters", Array.Empty<DeadLetterView>());
        foreach (var path in Paths.Select(row => row.Data))
        {
            using var response = await console.Http.GetAsync(new Uri(path, UriKind.Relative));
            var page = await response.Content.ReadAsStringAsync();
            var policy = response.Headers.GetValues("Content-Security-Policy").Single();

            Assert.True(response.IsSuccessStatusCode, $"{path}: {page}");
            Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.DoesNotMatch(Inline(), page);
            Assert.Single(Heading().Matches(page));
        }
    }

    [Fact]
    public async Task A_service_that_is_down_is_unknown_and_hides_nothing_else()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        await console.Services["notification"].DisposeAsync();

        var page = await console.PageAsync("/");

        Assert.Contains("notification is unknown: it does not answer", page, StringComparison.Ordinal);
        Assert.Contains("Queues of inventory", page, StringComparison.Ordinal);
        var failed = await console.PageAsync("/failed");
        Assert.Contains("notification is unknown", failed, StringComparison.Ordinal);
        Assert.Contains("none at the services that answered", failed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_hangs_is_unknown_and_hides_nothing_else()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        console.Services["analytics"].Hold = new TaskCompletionSource();

        var page = await console.PageAsync("/").WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Contains("analytics is unknown: it does not answer", page, StringComparison.Ordinal);
        Assert.Contains("Queues of inventory", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_message_contains_is_shown_as_text()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        const string Path = "/dead-letters/inventory.order-placed/one";
        console.Services["inventory"].Overview("inventory", error: Hostile);
        console.Services["inventory"].Answer(Path, new DeadLetterContentView(
            new DeadLetterView("inventory.order-placed", "one", Hostile, Hostile, Hostile, null, 1, null), Hostile,
            new Dictionary<string, string> { [Hostile] = Hostile, ["MT-Fault-StackTrace"] = Hostile }, Hostile, 3));
        foreach (var page in new[] { await console.PageAsync("/"), await console.PageAsync("/failed/inventory.order-placed/one") })
        {
            Assert.Contains("&lt;script&gt;alert(1)", page, StringComparison.Ordinal);
            Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
            Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
            Assert.DoesNotContain("\" autofocus", page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_a_service_refuses_has_its_status_and_an_answer_that_is_none_is_said_to_be_the_services()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        console.Services["inventory"].Answers["/dead-letters/inventory.order-placed/html"] = "<!DOCTYPE html>";

        await SaysAsync(HttpStatusCode.NotFound, "inventory refused it", () => console.Http.GetAsync(new Uri("/failed/inventory.unknown", UriKind.Relative)));
        await SaysAsync(HttpStatusCode.NotFound, "inventory refused it", // it has no jobs
            () => console.PostAsync("/failed/inventory.order-placed/jobs", "/", ("kind", "retry"), ("perSecond", "")));
        await SaysAsync(HttpStatusCode.BadGateway, "A service answered with something else",
            () => console.Http.GetAsync(new Uri("/failed/inventory.order-placed/html", UriKind.Relative)));
        using var cancelled = await console.PostAsync($"/jobs/unknown/{Guid.CreateVersion7()}/cancel", "/");
        Assert.Equal(HttpStatusCode.Redirect, cancelled.StatusCode); // to the page that says that there is none

        static async Task SaysAsync(HttpStatusCode status, string text, Func<Task<HttpResponseMessage>> askAsync)
        {
            using var response = await askAsync();
            Assert.Equal(status, response.StatusCode);
            Assert.Contains(text, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1001")]
    [InlineData("1000000000000")]
    [InlineData("1.5")]
    [InlineData("many")]
    public async Task A_rate_that_is_none_starts_nothing_and_is_said(string rate)
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        foreach (var path in (string[])["/failed/inventory.order-placed/jobs", "/outbox/ordering/jobs"])
        {
            using var response = await console.PostAsync(path, "/invariants", ("kind", "retry"), ("perSecond", rate));
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Contains($"&#x27;{rate}&#x27; is not a number from 1 to 1000", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.All(console.Services.Values, service => Assert.DoesNotContain(service.Requests, request => request.Method == "POST"));
    }

    [Theory]
    [InlineData("/failed/inventory.order-placed/one/discard", " ")]
    [InlineData("/failed/inventory.order-placed/jobs", "")]
    [InlineData("/outbox/ordering/7/discard", "\t")]
    [InlineData("/outbox/ordering/jobs", "")]
    public async Task Nothing_is_discarded_without_a_reason(string path, string reason)
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();

        using var response = await console.PostAsync(path, "/invariants", ("kind", "discard"), ("reason", reason));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("A reason is missing", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.All(console.Services.Values, service => Assert.DoesNotContain(service.Requests, request => request.Method == "POST"));
    }

    [Fact]
    public async Task A_number_in_a_csv_is_a_number_and_a_formula_is_text()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        console.Services["inventory"].Answer("/products", new
        {
            items = new[] { new Product("TEA-1", "=HYPERLINK(\"http://evil\"), green", 4.5m, "EUR", 2, 0, 7, 5) },
            nextCursor = (string?)null,
        });

        var csv = await console.PageAsync("/dashboard/stock.csv");

        Assert.Equal("sku,name,on hand,reserved,shipped,low at,state\r\nTEA-1,\"'=HYPERLINK(\"\"http://evil\"\"), green\",2,0,7,5,low\r\n", csv);
    }

    [Fact]
    public async Task The_overview_is_live_and_says_that_a_consumer_is_gone_and_what_to_do()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var stream = await console.Http.GetStreamAsync(new Uri("/live/overview", UriKind.Relative), timeout.Token);
        using var reader = new StreamReader(stream);
        Assert.Contains("All orders flow.", await UntilAsync(reader, "id=\"analytics\"", timeout.Token), StringComparison.Ordinal);

        console.Services["inventory"].Overview("inventory", consumers: 0);

        Assert.Contains("Start inventory again", await UntilAsync(reader, "Nobody consumes inventory.things", timeout.Token), StringComparison.Ordinal);
    }

    private static async Task<string> UntilAsync(StreamReader reader, string text, CancellationToken ct)
    {
        var read = "";
        while (!read.Contains(text, StringComparison.Ordinal) || !read.EndsWith("\n\n", StringComparison.Ordinal))
        {
            read += await reader.ReadLineAsync(ct) + "\n";
        }

        return read;
    }

    [GeneratedRegex("""<style|<script(?! src="/site.js" defer)|\sstyle=|\son[a-z]+=|javascript:""", RegexOptions.IgnoreCase)]
    private static partial Regex Inline();

    [GeneratedRegex("<h1")]
    private static partial Regex Heading();
}
