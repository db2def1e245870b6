using System.Text;
using System.Text.Json;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;

namespace Shop.Telemetry.Tests;

/// <summary>One order is one trace, from its request to the mail, with both kinds of event in it.</summary>
public sealed class OrderTraceTests : IAsyncLifetime
{
    private const string Customer = "ada-lovelace";
    private const string Sku = "TEA-1";
    private const string NpgsqlScope = "Npgsql";

    private OtlpReceiver? _collector;
    private ObservedShop? _shop;

    private OtlpReceiver Collector => _collector!;

    private ObservedShop Shop => _shop!;

    public async ValueTask InitializeAsync()
    {
        _collector = await OtlpReceiver.StartAsync();
        _shop = await ObservedShop.CreateAsync(_collector.Address);
        await _shop.StartAsync();
        await _shop.OfferAsync(Sku);
        await _shop.PutContactAsync(Customer);
    }

    public async ValueTask DisposeAsync()
    {
        await Shop.DisposeAsync();
        await Collector.DisposeAsync();
    }

    [Fact]
    public async Task One_order_is_one_trace_from_the_request_to_the_mail()
    {
        await Shop.DeliveredAsync(await Shop.PlaceAsync(Customer, Sku));
        var (listed, confirmed) = (Shop.Wire.ReceivedOf<ProductListed>()[0], Shop.Wire.ReceivedOf<OrderConfirmed>()[0]);
        await Shop.Wire.PublishAsync(listed, confirmed); // duplicates, to a consumer of single messages and to those of batches
        await Eventually.HoldsAsync("the duplicates were absorbed", () => Collector.Spans.Count(IsDuplicate) >= 4);
        await Shop.StopAsync();

        var root = Assert.Single(Collector.Spans, span => span is { Name: "POST /orders", ParentId: "" });
        var trace = Collector.Spans.Where(span => span.TraceId == root.TraceId).ToList();
        var tree = TreeOf(root, trace);
        Assert.True(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "order.txt")) == tree, $"The trace is not that of order.txt, but:\n{tree}");
        AssertRootIsTheRequest(root);
        AssertDelayIsBetweenCommitAndPublish(trace);
        MessagesAreDescribedByTheConventions(trace);
        AssertDomainEventAttributes(trace);
        SqlIsNamedByWhatItDoes();
        DuplicatesAreMarked(confirmed.EventId, listed.EventId);
        NothingPersonalIsSent();
        EveryServiceSendsMetricsWithBucketsThatFit();
        Assert.Contains(Collector.Logs, log => log.TraceId == root.TraceId && log.Text.Contains(" delivered at attempt ", StringComparison.Ordinal));
    }

    private static bool IsDuplicate(SentSpan span) => span.Attributes.GetValueOrDefault("shop.inbox.duplicate") == "true";

    private static void AssertRootIsTheRequest(SentSpan root)
    {
        Assert.Equal(("ordering", 2, "/orders", "201", "POST"), (root.Service, root.Kind, root.Attributes["http.route"],
            root.Attributes["http.response.status_code"], root.Attributes["http.request.method"]));
    }

    private static void AssertDelayIsBetweenCommitAndPublish(IReadOnlyList<SentSpan> trace)
    {
        foreach (var publish in trace.Where(span => span.Kind == 4))
        {
            var type = publish.Name["publish ".Length..];
            var waited = Assert.Single(trace, span => span.Name == $"outbox {type}" && span.ParentId == publish.ParentId);
            var commit = Assert.Single(trace, span => span.Name == "commit" && span.ParentId == publish.ParentId);
            Assert.InRange(waited.End, waited.Start, publish.End);
            Assert.True(waited.Start <= commit.Start + 1_000_000 && waited.End >= commit.Start, $"{type} waited from before its commit on");
        }
    }

    private static void MessagesAreDescribedByTheConventions(IReadOnlyList<SentSpan> trace)
    {
        var messages = trace.Where(span => span.Kind is 4 or 5).ToList();
        Assert.All(messages, span =>
        {
            Assert.Equal("rabbitmq", span.Attributes["messaging.system"]);
            Assert.Equal(span.Kind == 4 ? ("publish", "send") : ("process", "process"),
                (span.Attributes["messaging.operation.name"], span.Attributes["messaging.operation.type"]));
            Assert.Equal(span.Name, $"{span.Attributes["messaging.operation.name"]} {span.Attributes["messaging.destination.name"]}");
            Assert.True(Guid.TryParse(span.Attributes["messaging.message.id"], out _));
            Assert.Equal("127.0.0.1", span.Attributes["server.address"]);
        });

        // All of one order's messages are one conversation, and a consumer's message is the one that its parent published.
        Assert.Single(messages.Select(span => span.Attributes["messaging.message.conversation_id"]).Distinct());
        Assert.All(messages.Where(span => span.Kind == 5), span => Assert.Equal(
            trace.Single(parent => parent.Id == span.ParentId).Attributes["messaging.message.id"], span.Attributes["messaging.message.id"]));
    }

    private static void AssertDomainEventAttributes(IReadOnlyList<SentSpan> trace)
    {
        var counted = Assert.Single(trace, span => span.Name == "OrderConfirmed -> CountConfirmedOrder");
        Assert.Equal(("OrderConfirmed", "CountConfirmedOrder", "before commit"), (counted.Attributes["shop.domain_event.name"],
            counted.Attributes["shop.domain_event.handler"], counted.Attributes["shop.domain_event.phase"]));

        // Its integration event has the same id.
        Assert.Contains(trace, span => span.Kind == 4 && span.Attributes["messaging.message.id"] == counted.Attributes["shop.domain_event.id"]);
        Assert.Contains(trace, span => span.Name == "OrderStatusChanged -> NotifyOrderStreams" && span.Attributes["shop.domain_event.phase"] == "after commit");
    }

    private void SqlIsNamedByWhatItDoes()
    {
        var sql = Collector.Spans.Where(span => span.Scope == NpgsqlScope).ToList();
        Assert.NotEmpty(sql);
        Assert.All(sql, span => Assert.NotEmpty(span.ParentId));
        Assert.All(sql, span => Assert.Matches("^(CONNECT|SELECT|INSERT|UPDATE|DELETE|WITH|LOCK|SAVEPOINT|RELEASE)( |$)", span.Name));
        Assert.Contains(sql, span => span.Name.StartsWith("INSERT ", StringComparison.Ordinal) && span.Name.Contains("outbox", StringComparison.Ordinal));
    }

    private void DuplicatesAreMarked(Guid confirmed, Guid listed)
    {
        var duplicates = Collector.Spans.Where(IsDuplicate)
            .Select(span => (span.Attributes["messaging.message.id"], span.Attributes["messaging.destination.name"])).Distinct().ToList();
        Assert.Equal(
        [
            ($"{confirmed}", "ordering.order-confirmed.v1:analytics.event-log"),
            ($"{confirmed}", "ordering.order-confirmed.v1:notification.customer-notifications"),
            ($"{listed}", "inventory.product-listed.v1:analytics.event-log"),
            ($"{listed}", "inventory.product-listed.v1:ordering.product-prices"),
        ], duplicates.OrderBy(one => one.Item2, StringComparer.Ordinal).OrderBy(one => one.Item1 == $"{listed}"));
    }

    private void NothingPersonalIsSent()
    {
        Assert.DoesNotContain(Collector.Spans, span => span.ToString().Contains("@example.com", StringComparison.Ordinal));
        Assert.DoesNotContain(Collector.Logs, log => log.Text.Contains("@example.com", StringComparison.Ordinal));
    }

    private void EveryServiceSendsMetricsWithBucketsThatFit()
    {
        foreach (var service in Shop.Databases.Keys)
        {
            var metrics = Collector.Metrics.Where(metric => metric.Service == service).ToLookup(metric => metric.Metric.Name, metric => metric.Metric);
            foreach (var name in (string[])["dotnet.process.memory.working_set", "db.client.operation.duration", "shop.outbox.length", "messaging.process.duration"])
            {
                Assert.True(metrics.Contains(name), $"{service} sends no {name}, but {string.Join(", ", metrics.Select(metric => metric.Key))}");
            }
        }

        // A histogram of seconds begins with milliseconds and ends with seconds: the first bucket does not hold everything.
        var seconds = Collector.Metrics.Where(metric => metric.Metric is { Unit: "s", Histogram: not null }).Select(metric => metric.Metric).ToList();
        Assert.All((string[])["http.server.request.duration", "messaging.process.duration", "shop.outbox.delay"], name =>
            Assert.Contains(seconds, metric => metric.Name == name));
        Assert.All(seconds, metric => Assert.All(metric.Histogram.DataPoints, point =>
            Assert.True(point.ExplicitBounds[0] <= 0.01 && point.ExplicitBounds[^1] is >= 1 and <= 3_600, $"{metric.Name}: {point.ExplicitBounds}")));
        Assert.DoesNotContain(Collector.Metrics, metric => metric.Metric.Name == "http.server.request.duration" && metric.ToString()!.Contains("/health", StringComparison.Ordinal));
    }

    /// <summary>The spans under one another, those of one parent by name; without SQL, of which there may be more or less.</summary>
    private static string TreeOf(SentSpan root, IReadOnlyList<SentSpan> trace)
    {
        var text = new StringBuilder();
        Write(root, 0);
        return text.ToString();

        void Write(SentSpan span, int depth)
        {
            text.Append(' ', depth * 2).Append(span.Service).Append(": ").Append(span.Name).Append('\n');
            foreach (var child in trace.Where(child => child.ParentId == span.Id && child.Scope != NpgsqlScope)
                .OrderBy(child => child.Name, StringComparer.Ordinal).ThenBy(child => child.Service, StringComparer.Ordinal))
            {
                Write(child, depth + 1);
            }
        }
    }
}
