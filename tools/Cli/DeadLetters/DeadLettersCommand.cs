using System.CommandLine;
using System.Text.Json;
using Shop.Operations;

namespace Shop.Cli.DeadLetters;

/// <summary>Shows, retries and discards dead letters, by the services' staff APIs.</summary>
internal static class DeadLettersCommand
{
    public static Command Create()
    {
        var queue = QueueArgument(ArgumentArity.ZeroOrOne);
        var discarded = new Option<bool>("--discarded") { Description = "those that were discarded, with who did it and why" };
        var json = new Option<bool>("--json") { Description = "for programs" };
        var command = new Command("dead-letters", About.Text("messages that could not be handled: see, retry, discard", """
            Shows the messages that consumers could not handle, at most 200 of each queue, with the reason, the time and the count. Queries the
            running services, as staff.
            """))
        {
            queue, discarded, json,
        };
        command.SetAction((parsed, ct) => Staff.AskAsync(staff =>
            ListAsync(staff, parsed.GetValue(queue), parsed.GetValue(discarded), parsed.GetValue(json), ct), ct));
        command.Add(ShowDeadLetterCommand.Create());
        command.Add(CreateRetry());
        command.Add(CreateDiscard());
        return command;
    }

    private static Command CreateRetry()
    {
        var (queue, id) = (QueueArgument(ArgumentArity.ExactlyOne, orService: true), IdArgument(ArgumentArity.ZeroOrOne));
        var all = new Option<bool>("--all") { Description = "all that are there now, of the queue or of all queues of the service" };
        var retry = new Command("retry", "retry one message, or all of a queue") { queue, id, all };
        retry.SetAction((parsed, ct) =>
        {
            if ((parsed.GetValue(id) is null) != parsed.GetValue(all))
            {
                throw new UsageException("Give a message id, or --all.");
            }

            if (ShopServices.Names.Contains(parsed.GetRequiredValue(queue)))
            {
                return parsed.GetValue(all)
                    ? Staff.AskAsync(staff => RetryAllAsync(staff, parsed.GetRequiredValue(queue)!, ct), ct)
                    : throw new UsageException("Give the message's queue too.");
            }

            return Staff.AskAsync(staff => RetryAsync(staff, parsed.GetRequiredValue(queue)!, parsed.GetValue(id), ct), ct);
        });
        return retry;
    }

    private static Command CreateDiscard()
    {
        var (queue, id) = (QueueArgument(ArgumentArity.ExactlyOne), IdArgument(ArgumentArity.ExactlyOne));
        var reason = new Option<string>("--reason") { Required = true, Description = "why, for whoever finds it later" };
        var discard = new Command("discard", "discard a message that shall not be handled; it is kept with the reason") { queue, id, reason };
        discard.SetAction((parsed, ct) => Staff.AskAsync(staff =>
            DiscardAsync(staff, parsed.GetRequiredValue(queue)!, parsed.GetRequiredValue(id)!, parsed.GetRequiredValue(reason), ct), ct));
        return discard;
    }

    public static Argument<string?> QueueArgument(ArgumentArity arity, bool orService = false)
    {
        var queue = new Argument<string?>("queue")
        {
            Arity = arity,
            Description = $"a queue, such as inventory.order-placed{(orService ? ", or a service" : "")}",
        };
        queue.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && ShopServices.OfQueue(token.Value) is null && !(orService && ShopServices.Names.Contains(token.Value)))
            {
                var similar = Similar.To(token.Value, ["show", "retry", "discard"]);
                result.AddError($"'{token.Value}' is not a queue. "
                    + (similar is null ? "Queues have names like inventory.order-placed." : $"Did you mean '{similar}'?"));
            }
        });
        return queue;
    }

    public static Argument<string?> IdArgument(ArgumentArity arity) => new("id") { Arity = arity, Description = "the message's id" };

    private static async Task<int> ListAsync(StaffApis staff, string? queue, bool discarded, bool json, CancellationToken ct)
    {
        List<DeadLetterView> all = [];
        foreach (var service in ShopServices.Names.Where(service => queue is null || service == ShopServices.OfQueue(queue)))
        {
            var letters = discarded ? await staff.Of(service).DiscardedAsync(ct) : await staff.Of(service).DeadLettersAsync(queue, ct);
            all.AddRange(letters.Where(letter => queue is null || letter.Queue == queue));
        }

        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(all, Staff.Json));
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

    private static async Task<int> RetryAsync(StaffApis staff, string queue, string? id, CancellationToken ct) =>
        Report(await staff.Of(ShopServices.OfQueue(queue)!).RetryDeadLettersAsync(queue, id, ct), id, "sent again");

    private static async Task<int> RetryAllAsync(StaffApis staff, string service, CancellationToken ct)
    {
        var queues = (await staff.Of(service).DeadLettersAsync(queue: null, ct)).Select(letter => letter.Queue).Distinct().ToList();
        foreach (var queue in queues)
        {
            Console.Write($"{queue}: ");
            await RetryAsync(staff, queue, id: null, ct);
        }

        if (queues.Count == 0)
        {
            Console.WriteLine($"{service} has no dead letters.");
        }

        return 0;
    }

    private static async Task<int> DiscardAsync(StaffApis staff, string queue, string id, string reason, CancellationToken ct) =>
        Report(await staff.Of(ShopServices.OfQueue(queue)!).DiscardAsync(queue, id, reason, ct), id, "discarded");

    private static int Report(MovedView moved, string? id, string what)
    {
        if (id is not null && moved.Count + moved.Left == 0)
        {
            throw new FailureException($"there is no dead letter {id}. List them with: ./shop dead-letters");
        }

        Console.WriteLine(moved.Left == 0
            ? $"{moved.Count} {what}."
            : $"{moved.Count} {what}, {moved.Left} left: repeat the command; the service's log names those that the broker rejects.");
        return 0;
    }

    private static void Write(List<DeadLetterView> letters)
    {
        foreach (var letter in letters)
        {
            Summary(letter).ForEach(Console.WriteLine);
        }

        Console.WriteLine("""

            Show its content:   ./shop dead-letters show <id>
            Retry it:           ./shop dead-letters retry <queue> <id>
            """);
    }

    /// <summary>The lines of one dead letter in the list.</summary>
    public static List<string> Summary(DeadLetterView letter)
    {
        List<string> lines =
        [
            $"{letter.Queue}  {letter.Id}",
            $"    {letter.What}, dead since {letter.FirstDeath?.ToString("u") ?? "an unknown time"}{(letter.Deaths > 1 ? $", {letter.Deaths} times" : "")}",
            $"    {letter.Why}",
        ];
        lines.AddRange(letter.Discarded is { } discard ? [$"    discarded {discard.At:u} by {discard.By}: {discard.Reason}"] : []);
        return lines.ConvertAll(Terminal.Safe);
    }
}
