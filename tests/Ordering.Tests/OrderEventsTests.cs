using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Features.OrderEvents;

namespace Shop.Ordering.Tests;

/// <summary>Clients receive their orders' changes as server-sent events.</summary>
public sealed class OrderEventsTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task A_stream_shows_the_current_state_then_each_change_and_ends_with_a_final_status()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();

        using var stream = await EventStream.OpenAsync(ordering.As("ada"), id);
        Assert.Equal("1 placed", await stream.NextAsync());
        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        Assert.Equal("2 confirmed", await stream.NextAsync());
        await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{id}/cancel");

        Assert.Equal("3 cancelled customer-request", await stream.NextAsync());
        Assert.Equal("end", await stream.NextAsync());
    }

    [Fact]
    public async Task Each_event_has_its_time_and_order()
    {
        var order = await ordering.PlaceAsync("ada", await ordering.ListedAsync());

        using var stream = await EventStream.OpenAsync(ordering.AsStaff(), order.GetProperty("id").GetGuid());
        await stream.NextAsync();

        Assert.Equal("text/event-stream", stream.ContentType);
        Assert.Equal(["orderId", "version", "status", "at"], stream.Last.EnumerateObject().Select(member => member.Name));
        Assert.Equal(order.GetProperty("id").GetGuid(), stream.Last.GetProperty("orderId").GetGuid());
        Assert.Equal(order.GetProperty("placedAt").GetDateTimeOffset(), stream.Last.GetProperty("at").GetDateTimeOffset());
    }

    [Fact]
    public async Task A_client_that_reconnects_misses_nothing()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        using (var first = await EventStream.OpenAsync(ordering.As("ada"), id))
        {
            Assert.Equal("1 placed", await first.NextAsync());
        }

        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        await ordering.StatusIsAsync(id, "confirmed");
        await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/ship");

        using var second = await EventStream.OpenAsync(ordering.As("ada"), id, lastEventId: "1");
        Assert.Equal(["2 confirmed", "3 shipped", "end"], [await second.NextAsync(), await second.NextAsync(), await second.NextAsync()]);
        using var third = await EventStream.OpenAsync(ordering.As("ada"), id, lastEventId: "3");
        Assert.Equal(HttpStatusCode.NoContent, third.Status); // there is nothing more to come: a browser stops asking
        using var fresh = await EventStream.OpenAsync(ordering.As("ada"), id);
        Assert.Equal(["3 shipped", "end"], [await fresh.NextAsync(), await fresh.NextAsync()]);
        using var ahead = await EventStream.OpenAsync(ordering.As("ada"), id, lastEventId: "99");
        Assert.Equal("3 shipped", await ahead.NextAsync());
    }

    [Fact]
    public async Task A_change_by_another_instance_is_streamed()
    {
        await using var second = await SecondOrdering.BesideAsync(ordering);
        var id = await ordering.ConfirmedAsync("ada", await ordering.ListedAsync());
        using var stream = await EventStream.OpenAsync(second.Client(TestTokens.Customer("ada")), id);
        Assert.Equal("2 confirmed", await stream.NextAsync());

        Assert.Equal(HttpStatusCode.OK, (await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/ship")).Status);

        Assert.Equal(["3 shipped", "end"], [await stream.NextAsync(), await stream.NextAsync()]);
    }

    [Fact]
    public async Task An_idle_stream_sends_keep_alives()
    {
        var id = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();

        using var stream = await EventStream.OpenAsync(ordering.As("ada"), id);
        await stream.NextAsync();

        await Eventually.HoldsAsync("the stream was kept alive twice", () => stream.KeepAlives >= 2);
        Assert.Equal("1", stream.LastEventId); // a keep-alive has no id to resume from
    }

    [Fact]
    public async Task Clients_that_disconnect_or_stall_block_no_other()
    {
        var streams = ordering.Services.GetRequiredService<OrderStreams>();
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var deaf = new List<HttpResponseMessage>();
        for (var i = 0; i < 20; i++)
        {
            deaf.Add(await ordering.As("ada").GetAsync(new Uri($"/orders/{id}/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead));
        }

        using var stream = await EventStream.OpenAsync(ordering.As("ada"), id);
        Assert.Equal("1 placed", await stream.NextAsync());
        Assert.True(streams.Count >= 21, $"{streams.Count} streams are open");
        var before = streams.Count;
        deaf.ForEach(response => response.Dispose());
        await Eventually.HoldsAsync("those that went are forgotten", () => streams.Count <= before - 20);
        await ordering.Wire.PublishAsync(OrderingService.Failed(id, sku, 1, 0));

        Assert.Equal(["2 rejected out-of-stock", "end"], [await stream.NextAsync(), await stream.NextAsync()]);
    }

    [Fact]
    public async Task Open_streams_end_immediately_when_the_service_stops()
    {
        var id = await ordering.ConfirmedAsync("ada", await ordering.ListedAsync());
        var second = await SecondOrdering.BesideAsync(ordering);
        using var stream = await EventStream.OpenAsync(second.Client(TestTokens.Customer("ada")), id);
        Assert.Equal("2 confirmed", await stream.NextAsync());

        var stopping = second.DisposeAsync();

        Assert.Equal("end", await stream.NextAsync()); // this one's host would wait for it longer than the test does
        await stopping;
    }

    [Theory]
    [InlineData("bob", null, 404)]
    [InlineData("ada", "yesterday", 400)]
    [InlineData("ada", "99999999999", 400)]
    public async Task Unauthorized_and_invalid_requests_get_a_problem(string caller, string? lastEventId, int status)
    {
        var id = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();

        using var stream = await EventStream.OpenAsync(ordering.As(caller), id, lastEventId);

        Assert.Equal((status, "application/problem+json"), ((int)stream.Status, stream.ContentType));
    }

    [Fact]
    public async Task There_are_no_events_of_an_order_that_does_not_exist()
    {
        using var stream = await EventStream.OpenAsync(ordering.AsStaff(), Guid.CreateVersion7());

        Assert.Equal(HttpStatusCode.NotFound, stream.Status);
    }

    /// <summary>Reads a stream as a browser would.</summary>
    private sealed class EventStream : IDisposable
    {
        private readonly HttpResponseMessage _response;
        private readonly Channel<string> _events = Channel.CreateUnbounded<string>();
        private readonly CancellationTokenSource _end = new();

        private EventStream(HttpResponseMessage response) => _response = response;

        public HttpStatusCode Status => _response.StatusCode;

        public string? ContentType => _response.Content.Headers.ContentType?.MediaType;

        public JsonElement Last { get; private set; }

        public string? LastEventId { get; private set; }

        public int KeepAlives { get; private set; }

        public static async Task<EventStream> OpenAsync(HttpClient client, Guid order, string? lastEventId = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/orders/{order}/events");
            if (lastEventId is not null)
            {
                request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
            }

            var stream = new EventStream(await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead));
            if (stream.ContentType == "text/event-stream")
            {
                _ = stream.ReadAsync();
            }

            return stream;
        }

        /// <summary>The next status event as a line; "end" at the end of the stream.</summary>
        public Task<string> NextAsync() => _events.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(5));

        public void Dispose()
        {
            _end.Cancel();
            _response.Dispose();
            _end.Dispose();
        }

        private async Task ReadAsync()
        {
            try
            {
                await foreach (var item in SseParser.Create(await _response.Content.ReadAsStreamAsync(_end.Token)).EnumerateAsync(_end.Token))
                {
                    if (item.EventType == "keep-alive")
                    {
                        KeepAlives++;
                        continue;
                    }

                    Last = JsonDocument.Parse(item.Data).RootElement;
                    LastEventId = item.EventId;
                    Assert.Equal(item.EventId, Last.GetProperty("version").ToString());
                    var reason = Last.TryGetProperty("reason", out var why) ? $" {why}" : "";
                    _events.Writer.TryWrite($"{item.EventId} {Last.GetProperty("status").GetString()}{reason}");
                }

                _events.Writer.TryWrite("end");
            }
            catch (Exception broken)
            {
                _events.Writer.TryWrite($"broken: {broken.Message}");
            }
        }
    }
}
