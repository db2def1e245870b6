using System.Net.Http.Json;
using System.Text.Json;

namespace Shop.Cli.DeadLetters;

/// <summary>A dead letter as a service's staff API tells of it.</summary>
internal sealed record DeadLetterView(
    string Queue, string Id, string? EventType, string? AggregateId, string Why, DateTimeOffset? FirstDeath, int Deaths, DiscardView? Discarded);

internal sealed record DiscardView(string Reason, string By, DateTimeOffset At);

/// <summary>Messages that consumers could not handle: shows them, sends them again, discards them. Asks the services, as staff.</summary>
internal static class DeadLettersCommand
{
    public static Command Command { get; } = new(
        "dead-letters",
        """
        dead-letters [queue] [--discarded] [--json]
               dead-letters retry <queue> [message id | --all]
               dead-letters discard <queue> <message id> --reason "..."
        """,
        "Shows the messages that consumers could not handle, sends them again, or discards them.",
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, CancellationToken ct) => StaffApi.AskAsync(http => arguments.Optional() switch
    {
        "retry" => RetryAsync(http, arguments, ct),
        "discard" => DiscardAsync(http, arguments, ct),
        var queue => ListAsync(http, queue, arguments, ct),
    });

    private static async Task<int> ListAsync(HttpClient http, string? queue, Arguments arguments, CancellationToken ct)
    {
        var (discarded, json) = (arguments.Flag("--discarded"), arguments.Flag("--json"));
        arguments.End();
        List<DeadLetterView> all = [];
        foreach (var service in StaffApi.Services.Where(service => queue is null || service == ServiceOf(queue)))
        {
            var path = discarded ? "/dead-letters/discarded" : $"/dead-letters?limit=200{(queue is null ? "" : $"&queue={queue}")}";
            using var response = await http.GetAsync(new Uri(StaffApi.AddressOf(service), path), ct);
            if (!response.IsSuccessStatusCode)
            {
                return await StaffApi.FailAsync(response, ct);
            }

            all.AddRange((await response.Content.ReadFromJsonAsync<List<DeadLetterView>>(ct))!.Where(letter => queue is null || letter.Queue == queue));
        }

        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(all, StaffApi.Json));
        }
        else if (all.Count == 0)
        {
            Console.WriteLine(discarded ? "Nothing was discarded." : "There are no dead letters.");
        }
        else
        {
            Write(all);
        }

        return 0;
    }

    private static async Task<int> RetryAsync(HttpClient http, Arguments arguments, CancellationToken ct)
    {
        var all = arguments.Flag("--all");
        var queue = arguments.Required("The queue");
        var id = all ? null : arguments.Required("The message id, or --all,");
        arguments.End();
        var path = id is null ? $"/dead-letters/{queue}/retry" : $"/dead-letters/{queue}/{Uri.EscapeDataString(id)}/retry";
        using var response = await http.PostAsync(new Uri(StaffApi.AddressOf(ServiceOf(queue)), path), content: null, ct);
        return await TellAsync(response, "sent again", ct);
    }

    private static async Task<int> DiscardAsync(HttpClient http, Arguments arguments, CancellationToken ct)
    {
        var reason = arguments.Option("--reason") ?? throw new UsageException("--reason is missing: whoever finds it later wants to know.");
        var queue = arguments.Required("The queue");
        var id = arguments.Required("The message id");
        arguments.End();
        using var response = await http.PostAsJsonAsync(
            new Uri(StaffApi.AddressOf(ServiceOf(queue)), $"/dead-letters/{queue}/{Uri.EscapeDataString(id)}/discard"), new { reason }, ct);
        return await TellAsync(response, "discarded", ct);
    }

    private static async Task<int> TellAsync(HttpResponseMessage response, string what, CancellationToken ct)
    {
        if (!response.IsSuccessStatusCode)
        {
            return await StaffApi.FailAsync(response, ct);
        }

        var count = (await response.Content.ReadFromJsonAsync<JsonElement>(ct)).GetProperty("count").GetInt32();
        Console.WriteLine($"{count} {what}.");
        return 0;
    }

    private static void Write(List<DeadLetterView> letters)
    {
        foreach (var letter in letters)
        {
            Console.WriteLine($"{letter.Queue}  {letter.Id}");
            Console.WriteLine($"    {letter.EventType ?? "no known event"} of {letter.AggregateId ?? "nothing known"}, "
                + $"dead since {letter.FirstDeath?.ToString("u") ?? "?"}{(letter.Deaths > 1 ? $", {letter.Deaths} times" : "")}");
            Console.WriteLine($"    {letter.Why}");
            if (letter.Discarded is { } discard)
            {
                Console.WriteLine($"    discarded {discard.At:u} by {discard.By}: {discard.Reason}");
            }
        }
    }

    private static string ServiceOf(string queue) => StaffApi.Services.FirstOrDefault(service => queue.StartsWith(service + ".", StringComparison.Ordinal))
        ?? throw new UsageException($"{queue} is no queue: they are named like inventory.order-placed.");
}
