using System.Text.RegularExpressions;
using System.Xml.Linq;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Features.WriteNotifications;

namespace Shop.Notification.Tests;

public sealed partial class LettersTests
{
    private static readonly Guid s_order = Guid.CreateVersion7();

    private static readonly Dictionary<string, Letter> s_letters = new()
    {
        ["confirmed"] = Letters.For(Sample.Confirmed("ada", s_order)),
        ["rejected"] = Letters.For(Sample.Rejected("ada", s_order)),
        ["cancelled"] = Letters.For(Sample.Cancelled("ada", s_order)),
        ["cancelled-not-answered"] = Letters.For(Sample.Cancelled("ada", s_order, "not-answered")),
        ["cancelled-reservation-expired"] = Letters.For(Sample.Cancelled("ada", s_order, "reservation-expired")),
        ["cancelled-unknown"] = Letters.For(Sample.Cancelled("ada", s_order, "a-reason-from-the-future")),
        ["shipped"] = Letters.For(Sample.Shipped("ada", s_order)),
        ["preferred"] = Letters.For(Sample.Preferred("ada")),
        ["stock-low"] = Letters.For(Sample.StockLow()),
        ["stock-out"] = Letters.For(Sample.StockLow(available: 0)),
    };

    [Fact]
    public void A_confirmation_lists_what_was_bought_with_discount_and_total()
    {
        var letter = Letters.For(Sample.Confirmed("ada", s_order));

        Assert.Equal("Your order is confirmed", letter.Subject);
        Assert.Contains($"  Order: {s_order}\n  Confirmed: ", letter.MailText(), StringComparison.Ordinal);
        Assert.Contains("  2 x TEA-1 at EUR 4.50\n  1 x POT-1 at EUR 1,200.00\n  Your discount: -EUR 58.95\n"
            + "  Total: EUR 1,150.05\n", letter.MailText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_confirmation_without_discount_does_not_mention_one() => Assert.DoesNotContain(
        "discount", Letters.For(Sample.Confirmed("ada") with { Total = 1_209m }).MailText(), StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void A_rejection_names_each_short_line()
    {
        var letter = Letters.For(Sample.Rejected("ada", s_order));

        Assert.Contains("  TEA-1: you asked for 5, we have 2\n  POT-1: you asked for 1, we have none\n", letter.MailText(), StringComparison.Ordinal);
        Assert.Contains($"  Order: {s_order}\n", letter.MailText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_rejection_for_another_reason_has_its_own_text() => Assert.StartsWith(
        "We are sorry: we cannot fulfil your order.\n\n  Order: ",
        Letters.For(Sample.Rejected("ada") with { Reason = "other", ShortLines = [] }).MailText(),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("customer-request", "Your order is cancelled, as you asked.")]
    [InlineData("not-answered", "We are sorry: we could not find out in time whether we have what you ordered")]
    [InlineData("reservation-expired", "We are sorry: what you ordered could not be reserved for you any longer")]
    [InlineData("a-reason-from-the-future", "We are sorry: your order had to be cancelled.")]
    public void A_cancellation_has_a_reason(string reason, string first) =>
        Assert.StartsWith(first, Letters.For(Sample.Cancelled("ada", s_order, reason)).PlainText(), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_text_has_short_lines_and_is_signed(string kind)
    {
        var letter = s_letters[kind];
        Assert.All(letter.MailText().Split('\n'), line => Assert.InRange(line.Length, 0, 72));
        Assert.DoesNotContain('\r', letter.MailText());
        Assert.EndsWith("\n\nYour Shop\n", letter.MailText(), StringComparison.Ordinal);
        Assert.InRange(letter.Subject.Length, 10, 78);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_mail_is_valid_self_contained_HTML(string kind)
    {
        var letter = s_letters[kind];
        var html = Mail(letter, "Ada");
        WriteForReview(kind, html);

        var document = XDocument.Parse(VoidElement().Replace(html, "<$1$2/>").Replace("<!doctype html>", "", StringComparison.Ordinal));
        Assert.Equal("en", document.Root!.Attribute("lang")?.Value);
        Assert.Equal(letter.Subject, document.Root.Element("head")!.Element("title")!.Value);
        Assert.Contains("prefers-color-scheme: dark", html, StringComparison.Ordinal);
        Assert.DoesNotContain("{{", html, StringComparison.Ordinal);
        Assert.DoesNotContain(document.Descendants(), element => element.Name.LocalName is "img" or "link" or "script" or "iframe" or "a");
        foreach (var remote in (string[])["http:", "https:", "url(", "@import", "src=", "href="])
        {
            Assert.DoesNotContain(remote, html, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_HTML_has_the_content_of_the_text(string kind)
    {
        var letter = s_letters[kind];
        var content = XDocument.Parse($"<x>{letter.MailHtml()}</x>");
        var text = string.Join(' ', content.DescendantNodes().OfType<XText>().Select(text => text.Value.Trim()));
        var words = letter.PlainText().Split([' ', '\n', ':', ','], StringSplitOptions.RemoveEmptyEntries).Except(["x", "at", "you", "asked", "for", "we", "have"]);

        Assert.All(words, word => Assert.Contains(word, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Names_and_skus_are_encoded_as_text()
    {
        const string Evil = "<script>alert('&{{content}}')</script>";
        var shipped = Mail(Letters.For(Sample.Shipped("ada")), Evil);
        var rejected = Mail(Letters.For(Sample.Rejected("ada") with { ShortLines = [new(Evil, 1, 0)] }), "Ada");

        foreach (var html in (string[])[shipped, rejected])
        {
            Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("&lt;script&gt;alert(&#39;&amp;{{content}}&#39;)&lt;/script&gt;", html, StringComparison.Ordinal);
            Assert.Equal(1, html.Split("<footer>").Length - 1);
        }
    }

    [Fact]
    public void Money_and_times_read_the_same_everywhere()
    {
        Assert.Equal("EUR 1,150.05", Letters.Money(1150.05m, "EUR"));
        Assert.Equal("-USD 0.50", Letters.Money(-0.5m, "USD"));
        Assert.Equal("2 January 2026, 15:04 UTC", Letters.When(new DateTimeOffset(2026, 1, 2, 17, 4, 5, TimeSpan.FromHours(2))));
    }

    [Fact]
    public void A_mail_of_a_version_without_HTML_stays_plain() => Assert.Null(MailBody.Html(Row(Letters.For(Sample.Shipped("ada")), null), Ada("Ada")));

    public static TheoryData<string> Kinds => [.. s_letters.Keys];

    private static string Mail(Letter letter, string name) => MailBody.Html(Row(letter, letter.MailHtml()), Ada(name))!;

    private static Contact Ada(string name) => new() { CustomerId = "ada", Name = name, Email = "ada@example.com", UpdatedAt = default };

    private static Notification Row(Letter letter, string? html) => new()
    {
        Id = s_order,
        EventId = s_order,
        Audience = Audiences.Customer,
        Recipient = "ada",
        Channel = Channels.Email,
        Subject = letter.Subject,
        Text = letter.MailText(),
        Html = html,
        Status = NotificationStatus.Pending,
        CreatedAt = default,
    };

    /// <summary>If SHOP_TEST_MAILS names a folder, every mail is written there for visual review.</summary>
    private static void WriteForReview(string name, string html)
    {
        if (Environment.GetEnvironmentVariable("SHOP_TEST_MAILS") is { Length: > 0 } folder)
        {
            File.WriteAllText(Path.Combine(folder, $"{name}.html"), html);
        }
    }

    [GeneratedRegex("<(meta|br)([^>]*)>")]
    private static partial Regex VoidElement();
}
