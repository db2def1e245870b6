using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Shop.Operations;

namespace Shop.Cli;

/// <summary>Shows events that are ready to publish, parked and published, and retries parked ones, by the services' staff APIs.</summary>
internal static class OutboxCommand
{
    private const string Legend = """
        ready to publish: committed with its change, as a row of outbox; with log tailing in the log.
        published: the broker confirmed it, and its row is deleted. The number and the list (./shop outbox <service>) are
            in the memory of the instance that answered and end with it; each other instance has its own.
        parked: the broker refused it, or an earlier one of its stream; retried automatically (./shop outbox retry).
        """;

    public static Command Create()
    {
        var service = ServiceArgument("service", ArgumentArity.ZeroOrOne);
        var json = new Option<bool>("--json") { Description = "for programs" };
        var command = new Command("outbox", About.Text("events that are ready to publish, published or parked", """
            Shows how many are ready to publish in each service and since when, how many were published, and the parked
            streams, with the error and the next attempt. With a service also its last hundred published events.
            Queries the running services, as staff.
            """))
        {
            service, json,
        };
        command.SetAction((parsed, ct) => ShowAsync(
            parsed.GetValue(service) is { } one ? [one] : ShopServices.Names, parsed.GetValue(json), ct));
        command.Add(CreateRetry());
        return command;
    }

    private static Command CreateRetry()
    {
        var service = ServiceArgument("service", ArgumentArity.ExactlyOne);
        var stream = new Argument<string?>("stream") { Arity = ArgumentArity.ZeroOrOne, Description = "only this stream, as outbox shows it" };
        var retry = new Command("retry", "retry parked events now, before their next attempt (5 minutes at the latest)") { service, stream };
        retry.SetAction((parsed, ct) => Staff.AskAsync(staff =>
            RetryAsync(staff.Of(parsed.GetRequiredValue(service)!), parsed.GetValue(stream), ct), ct));
        return retry;
    }

    private static Argument<string?> ServiceArgument(string name, ArgumentArity arity)
    {
        var argument = new Argument<string?>(name) { Arity = arity, Description = string.Join(", ", ShopServices.Names) };
        argument.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !ShopServices.Names.Contains(token.Value))
            {
                var similar = Similar.To(token.Value, [.. ShopServices.Names, "retry"]);
                result.AddError($"'{token.Value}' is not a service. "
                    + (similar is null ? $"There are {string.Join(", ", ShopServices.Names)}." : $"Did you mean '{similar}'?"));
            }
        });
        return argument;
    }

    private static Task<int> ShowAsync(IReadOnlyList<string> services, bool json, CancellationToken ct) => Staff.AskAsync(async staff =>
    {
        var all = new Dictionary<string, OutboxView>();
        foreach (var service in services)
        {
            all[service] = await staff.Of(service).OutboxAsync(ct);
        }

        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(all, Staff.Json));
        }
        else
        {
            Write(all, TimeProvider.System.GetUtcNow());
        }

        return 0;
    }, ct);

    private static async Task<int> RetryAsync(StaffApi service, string? stream, CancellationToken ct)
    {
        var count = await service.RetryOutboxAsync(stream, ct);
        Console.WriteLine($"{count} {(count == 1 ? "stream is" : "streams are")} retried now.");
        return 0;
    }

    private static void Write(Dictionary<string, OutboxView> all, DateTimeOffset now)
    {
        foreach (var (service, view) in all)
        {
            Console.WriteLine($"{service,-13} {view.Line(now)}");
            foreach (var parked in view.Streams)
            {
                Console.WriteLine($"    {Terminal.Safe(parked.Stream)}  {Terminal.Safe(parked.What)}");
                Console.WriteLine($"        {parked.When(now)}");
                Console.WriteLine($"        {Terminal.Safe(parked.Error)}");
            }

            if (view.Streams.Sum(parked => parked.Events) is var shown && shown < view.Parked)
            {
                Console.WriteLine($"    and {view.Parked - shown} more");
            }

            if (all.Count == 1 && view.Published is { Count: > 0 } listed)
            {
                WritePublished(listed, now);
            }
        }

        Console.WriteLine();
        Console.WriteLine(Legend);
    }

    private static void WritePublished(PublishedView published, DateTimeOffset now)
    {
        Console.WriteLine();
        Columns.Write([["published", "after", "type", "stream", "event"], .. published.Last.Select(last => (string[])[
            $"{Words.Age(now - last.PublishedAt)} ago",
            last.Milliseconds is { } after ? string.Create(CultureInfo.InvariantCulture, $"{after:N0} ms") : "",
            Terminal.Safe(last.Type), Terminal.Safe(last.Stream), last.EventId.ToString()])]);
    }
}
