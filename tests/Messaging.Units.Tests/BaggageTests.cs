using System.Diagnostics;
using System.Globalization;
using System.Text;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>Baggage has W3C's limits, from any source: 64 members, 8,192 bytes; larger baggage is dropped as a whole.</summary>
public sealed class BaggageTests
{
    [Fact]
    public void Baggage_within_the_limits_is_kept_unchanged_and_in_order()
    {
        var header = string.Join(',', Enumerable.Range(0, 64).Select(i => $"key-{i}=v%20{i}"));

        Assert.Equal(header, Through(header));
        Assert.Equal(8_192, Through($"a={new string('x', 8_190)}").Length);
    }

    [Fact]
    public void The_65th_member_is_dropped() => Assert.Equal(
        string.Join(',', Enumerable.Range(0, 64).Select(i => $"key-{i}=1")), Through(string.Join(',', Enumerable.Range(0, 100).Select(i => $"key-{i}=1"))));

    [Theory]
    [InlineData(8_191, 0)]
    [InlineData(200_000, 0)]
    [InlineData(4_091, 2)]
    [InlineData(290, 27)]
    public void Members_beyond_the_byte_limit_are_dropped_whole(int valueLength, int left)
    {
        var header = string.Join(',', Enumerable.Range(10, 40).Select(i => $"{i.ToString(CultureInfo.InvariantCulture)[1]}{(char)('a' + (i % 26))}={new string('x', valueLength - 1)}"));

        var kept = Through(header);

        Assert.InRange(Encoding.UTF8.GetByteCount(kept), 0, W3CBaggage.MaxBytes);
        Assert.Equal(left, kept.Length == 0 ? 0 : kept.Split(',').Length);
        Assert.StartsWith(kept, header, StringComparison.Ordinal);
    }

    [Fact]
    public void Encoded_size_counts_against_the_limit()
    {
        using var activity = new Activity("a").AddBaggage("small", "1").AddBaggage("big", new string('ü', 2_000)).AddBaggage("last", "2");

        Assert.Equal("last=2,small=1", W3CBaggage.Of(activity));
    }

    [Fact]
    public void The_byte_limit_is_exactly_that_of_the_specification()
    {
        using var fits = new Activity("a").AddBaggage("last", new string('y', 4_086)).AddBaggage("a", new string('x', 4_098));
        using var doesNot = new Activity("a").AddBaggage("last", new string('y', 4_087)).AddBaggage("a", new string('x', 4_098));

        Assert.Equal(8_192, W3CBaggage.Of(fits).Length);
        Assert.Equal($"a={new string('x', 4_098)}", W3CBaggage.Of(doesNot));
    }

    [Fact]
    public void No_more_than_64_members_are_written()
    {
        using var activity = new Activity("a");
        Enumerable.Range(0, 70).ToList().ForEach(i => activity.AddBaggage($"key-{i}", "1"));

        Assert.Equal(64, W3CBaggage.Of(activity).Split(',').Length);
    }

    [Fact]
    public void Of_a_duplicate_key_the_last_value_is_written()
    {
        using var activity = new Activity("a").AddBaggage("a", "first").AddBaggage("b", null).AddBaggage("", "x").AddBaggage("a", "last");

        Assert.Equal("a=last,b=", W3CBaggage.Of(activity));
    }

    [Theory]
    [InlineData(8_189, 1)]
    [InlineData(8_190, 1)]
    [InlineData(8_191, 0)]
    public void A_member_cut_by_the_limit_is_dropped(int length, int kept)
    {
        using var activity = new Activity("received");

        W3CBaggage.Restore(activity, $"a={new string('x', length)},b=1");

        Assert.Equal(kept, activity.Baggage.Count());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Without_a_header_there_is_no_baggage(string? header)
    {
        using var activity = new Activity("received");

        W3CBaggage.Restore(activity, header);

        Assert.Empty(activity.Baggage);
    }

    [Fact]
    public void A_key_may_have_every_token_character()
    {
        const string Key = "azAZ09!#$%&'*+-.^_`|~";

        Assert.Equal($"{Key}=1", Through($"{Key}=1"));
    }

    [Theory]
    [InlineData("a=;x,b=1;", "a=,b=1")]
    [InlineData("a=b=c", "a=b%3Dc")]
    [InlineData("(=1,a/=2,[=3,d=4", "d=4")]
    [InlineData("a=1;property=2, b = 3 ", "a=1,b=3")]
    [InlineData("=1,a,b=,c=%00", "b=,c=%00")]
    [InlineData("a b=1,kü=2,c=ü,d=4", "d=4")]
    [InlineData("a=1,a=2", "a=1")]
    [InlineData("a=%,b=%zz", "a=%25,b=%25zz")]
    [InlineData(",,,", "")]
    public void Invalid_members_are_dropped_and_valid_ones_kept(string header, string kept) => Assert.Equal(kept, Through(header));

    private static string Through(string header)
    {
        using var activity = new Activity("received");
        W3CBaggage.Restore(activity, header);
        return W3CBaggage.Of(activity);
    }
}
