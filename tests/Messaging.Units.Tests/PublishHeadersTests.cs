using System.Diagnostics;
using System.Text;
using Shop.Contracts;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Units.Tests;

/// <summary>The headers of a published message: what was stored, CloudEvents' attributes, the trace.</summary>
public sealed class PublishHeadersTests
{
    private const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private readonly PublishHeaders _headers = new("urn:shop:ordering", ShopEvents.Catalog);

    [Fact]
    public void Events_stored_by_the_previous_version_without_a_time_are_published()
    {
        Read("""{"aggregate-id":"a","aggregate-version":"1","correlation-id":"c"}""");
        _headers.CloudEvent("ordering.order-placed.v1", "id");
        _headers.Trace(null);

        Assert.DoesNotContain("cloudEvents_time", _headers.Values.Keys);
        Assert.Equal("a"u8.ToArray(), _headers.Values["cloudEvents_subject"]);
    }

    [Fact]
    public void A_CloudEvent_has_its_type_and_its_schema_if_there_is_one()
    {
        Read("""{"aggregate-id":"a"}""");
        _headers.CloudEvent("ordering.order-placed.v2", "id");
        Assert.Equal(
            [("aggregate-id", "a"), ("cloudEvents_dataschema", "urn:shop:schema:ordering.order-placed.v2"), ("cloudEvents_id", "id"), ("cloudEvents_source", "urn:shop:ordering"),
                ("cloudEvents_specversion", "1.0"), ("cloudEvents_subject", "a"), ("cloudEvents_type", "ordering.order-placed.v2")], Values());

        Read("{}");
        _headers.CloudEvent("unknown", "id");
        Assert.Equal([("cloudEvents_id", "id"), ("cloudEvents_source", "urn:shop:ordering"), ("cloudEvents_specversion", "1.0"), ("cloudEvents_type", "unknown")], Values());
    }

    [Theory]
    [InlineData("""{"aggregate-id":"grün \u00fc \"x\"","unknown":"y"}""", "aggregate-id=grün ü \"x\" unknown=y")]
    [InlineData("""{}""", "")]
    [InlineData(""" {"unkn\u006fwn":"1","unknown":"2"} """, "unknown=2")]
    public void Stored_headers_are_read_as_they_were_written(string json, string read)
    {
        Read(json);

        Assert.Equal(read, string.Join(' ', Values().Select(value => $"{value.Name}={value.Value}")));
    }

    [Fact]
    public void Headers_of_any_length_are_read()
    {
        foreach (var length in (int[])[330, 340, 1_020, 5_000, 100])
        {
            var text = new string('ü', length);
            Read($$"""{"baggage":"{{text}}"}""");
            Assert.Equal([("baggage", text)], Values());
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"a":1}""")]
    [InlineData("""{"a":null}""")]
    [InlineData("""{"a":{}}""")]
    [InlineData("""{"a":"b"} x""")]
    [InlineData("""{"a":"b"}{}""")]
    [InlineData("""{"a":"b",}""")]
    public void Anything_but_an_object_of_strings_is_rejected(string json) => Assert.False(_headers.TryRead(json));

    [Fact]
    public void The_trace_is_in_the_headers_of_W3C_MassTransit_and_CloudEvents()
    {
        Read($$"""{"traceparent":"{{Trace}}","tracestate":"a=b","correlation-id":"c"}""");
        Assert.Equal(("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "a=b", true),
            (_headers.Parent().TraceId.ToString(), _headers.Parent().SpanId.ToString(), _headers.Parent().TraceState, _headers.Parent().IsRemote));
        Assert.Equal("c", _headers.CorrelationId);

        _headers.Trace(null);
        Assert.Equal((Trace, Trace, Trace), (Value("traceparent"), Value("MT-Activity-Id"), Value("cloudEvents_traceparent")));

        using var activity = new Activity("publish").SetIdFormat(ActivityIdFormat.W3C).Start();
        _headers.Trace(activity);
        Assert.Equal(activity.Id, _headers.Values["traceparent"]);
        Assert.Equal((activity.Id, activity.Id), (_headers.Values["MT-Activity-Id"], _headers.Values["cloudEvents_traceparent"]));

        Read("{}");
        _headers.Trace(null);
        Assert.Empty(_headers.Values);
        Assert.Equal(default, _headers.Parent());
        Assert.Null(_headers.CorrelationId);
    }

    [Fact]
    public void The_time_of_the_append_is_removed_before_publishing()
    {
        Read("""{"shop-appended-at":"2026-11-28T10:00:00Z","aggregate-id":"a"}""");
        Assert.Equal(TestEvents.Now, _headers.TakeAppendedAt());
        Assert.Equal(["aggregate-id"], _headers.Values.Keys);
        Assert.Null(_headers.TakeAppendedAt());

        Read("""{"aggregate-version":"1"}"""); // nothing of the previous message is left
        Assert.Equal(["aggregate-version"], _headers.Values.Keys);

        Read("""{"shop-appended-at":"yesterday"}""");
        Assert.Null(_headers.TakeAppendedAt());
        Assert.Empty(_headers.Values);
    }

    private void Read(string json) => Assert.True(_headers.TryRead(json));

    private string Value(string name) => Encoding.UTF8.GetString((byte[])_headers.Values[name]!);

    private IEnumerable<(string Name, string Value)> Values() => [.. _headers.Values.Keys.Order(StringComparer.Ordinal).Select(name => (name,
        _headers.Values[name] is byte[] utf8 ? Encoding.UTF8.GetString(utf8) : (string)_headers.Values[name]!))];
}
