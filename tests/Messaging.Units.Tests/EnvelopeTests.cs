using System.Text;
using System.Text.Json;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>The body that is stored and published, and text that PostgreSQL cannot store.</summary>
public sealed class EnvelopeTests
{
    private const string Name = "inventory.stock-replenished.v1";

    [Fact]
    public void An_envelope_has_the_wire_name_as_its_only_message_type()
    {
        var @event = TestEvents.Replenished();

        Assert.Equal($$"""
            {"messageId":"{{@event.EventId}}","conversationId":"{{@event.EventId}}","correlationId":"{{@event.EventId}}",
            "messageType":["urn:message:inventory.stock-replenished.v1"],"sentTime":"2026-11-28T10:00:00Z",
            "message":{{JsonSerializer.Serialize(@event, EventJson.Options)}}}
            """.ReplaceLineEndings(""), Written(@event, new MessageOrigin()));
        Assert.Equal(@event, new MessageReader(ShopEvents.Catalog).Read(Envelope.Write(@event, Name, new MessageOrigin())).Event);
    }

    [Fact]
    public void An_envelope_has_correlation_and_causation_ids()
    {
        var (@event, story, cause) = (TestEvents.Replenished(), Guid.CreateVersion7(), Guid.CreateVersion7());

        var written = JsonDocument.Parse(Written(@event, new MessageOrigin { CorrelationId = story, CausationId = cause })).RootElement;

        Assert.Equal((@event.EventId, story, story, cause), (written.GetProperty("messageId").GetGuid(), written.GetProperty("conversationId").GetGuid(),
            written.GetProperty("correlationId").GetGuid(), written.GetProperty("initiatorId").GetGuid()));
    }

    [Fact]
    public void A_reused_writer_has_no_remains_of_an_earlier_event()
    {
        var small = TestEvents.Replenished("small");
        var first = Written(small, new MessageOrigin());

        Assert.Equal(first, Written(small, new MessageOrigin()));
        Assert.InRange(Written(TestEvents.Replenished(new string('x', 100_000)), new MessageOrigin()).Length, 100_000, 101_000);
        Assert.Equal(first, Written(small, new MessageOrigin()));
        Assert.Throws<InvalidOperationException>(() => JsonScratch.Write(0, (writer, _) =>
        {
            writer.WriteStartObject();
            throw new InvalidOperationException();
        }, utf8 => utf8.Length));
        Assert.Equal(first, Written(small, new MessageOrigin()));
    }

    [Fact]
    public void A_buffer_of_up_to_64_KiB_is_reused()
    {
        Assert.InRange(AllocatedBySecondWriteOf(60_000), 0, 1_000);
        Assert.InRange(AllocatedBySecondWriteOf(70_000), 70_000, long.MaxValue);

        static long AllocatedBySecondWriteOf(int bytes)
        {
            var (text, allocated) = (new byte[bytes], 0L);
            var thread = new Thread(() => // each thread has its own writer
            {
                Write();
                var before = GC.GetAllocatedBytesForCurrentThread();
                Write();
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            });
            thread.Start();
            thread.Join();
            return allocated;

            void Write() => JsonScratch.Write(text, static (writer, text) => writer.WriteRawValue(text, skipInputValidation: true), static utf8 => utf8.Length);
        }
    }

    [Theory]
    [InlineData("""{"a":"\u0000"}""", "U+0000")]
    [InlineData("""{"\u0000":1}""", "U+0000")]
    [InlineData("""{"a":[1,{"b":["\u0000"]}]}""", "U+0000")]
    [InlineData("""["\ud800"]""", "surrogate")]
    [InlineData("""{"\udc00":1}""", "surrogate")]
    [InlineData("""{"a":["x","\ud83e\uded6",1,null,true,{"b":{}}]}""", null)]
    public void Text_that_PostgreSQL_cannot_store_is_found_everywhere(string json, string? reason)
    {
        using var document = JsonDocument.Parse(json);

        var failure = Record.Exception(() => Unstorable.CheckText(document.RootElement));

        Assert.Equal(reason is null, failure is null);
        Assert.Contains(reason ?? "", (failure as MalformedMessageException)?.Message ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1024 * 1024, null)]
    [InlineData((1024 * 1024) + 1, "The body has 1048577 bytes; at most 1048576 are allowed.")]
    public void A_body_has_at_most_a_MiB(int length, string? reason) =>
        Assert.Equal(reason, Record.Exception(() => Unstorable.CheckBytes(new byte[length]))?.Message);

    private static string Written(StockReplenished @event, MessageOrigin origin) => Encoding.UTF8.GetString(Envelope.Write(@event, Name, origin));
}
