using System.Net;
using System.Net.Http.Json;

namespace Samples.Tests;

/// <summary>Both services, a real PostgreSQL and a real RabbitMQ: what happens at the desk arrives in the mail once, or not at all.</summary>
public sealed class TicketTests(TwoServices services) : IClassFixture<TwoServices>
{
    [Fact]
    public async Task A_ticket_is_answered_by_one_letter()
    {
        Assert.Equal(HttpStatusCode.Created, await OpenAsync("Ann", "printer"));

        Assert.Equal(["Ann: We have your ticket \"printer\"."], await LettersToAsync("Ann", count: 1));
    }

    [Fact]
    public async Task A_duplicate_changes_nothing()
    {
        await OpenAsync("Bob", "screen");
        var letters = await LettersToAsync("Bob", count: 1);
        var before = services.Deduplicated;

        await services.RepeatAsync("screen");

        await Servers.UntilAsync(() => Task.FromResult(services.Deduplicated > before), "the duplicate is acknowledged");
        Assert.Equal(letters, await LettersToAsync("Bob", count: 1));
    }

    [Fact]
    public async Task A_rollback_publishes_nothing()
    {
        await OpenAsync("Cid", "mouse");
        await OpenAsync("Cid", "keyboard");
        Assert.Equal(HttpStatusCode.Conflict, await OpenAsync("Cid", "desk"));
        await OpenAsync("Dan", "chair");

        await LettersToAsync("Cid", count: 2);
        await LettersToAsync("Dan", count: 1);
        await Servers.UntilAsync(services.OutboxIsEmptyAsync, "all that is stored is sent");
        Assert.DoesNotContain(await services.PublishedAsync(), body => body.Contains("\"desk\"", StringComparison.Ordinal));
        Assert.Equal(2, (await LettersToAsync("Cid", count: 2)).Count);
    }

    private async Task<HttpStatusCode> OpenAsync(string customer, string subject) =>
        (await services.Desk.PostAsJsonAsync("/tickets", new { customer, subject })).StatusCode;

    private async Task<IReadOnlyList<string>> LettersToAsync(string customer, int count)
    {
        List<string> letters = [];
        await Servers.UntilAsync(async () =>
        {
            var all = await services.Mail.GetFromJsonAsync<List<string>>("/letters");
            letters = [.. all!.Where(letter => letter.StartsWith(customer + ":", StringComparison.Ordinal))];
            return letters.Count >= count;
        }, $"{customer} gets {count} letters");
        return letters;
    }
}
