using System.CommandLine;
using Shop.Operations;

namespace Shop.Cli.DeadLetters;

/// <summary>Shows what is in a dead letter.</summary>
internal static class ShowDeadLetterCommand
{
    public static Command Create()
    {
        var id = DeadLettersCommand.IdArgument(ArgumentArity.ExactlyOne);
        var queue = DeadLettersCommand.QueueArgument(ArgumentArity.ZeroOrOne);
        var show = new Command("show", About.Text("a message's headers and body, with personal data masked", """
            Names of people, customers' ids, addresses and secrets are masked by the service; control characters are escaped.
            """))
        {
            id, queue,
        };
        show.SetAction((parsed, ct) => Staff.AskAsync(staff => ShowAsync(staff, parsed.GetRequiredValue(id)!, parsed.GetValue(queue), ct), ct));
        return show;
    }

    private static async Task<int> ShowAsync(StaffApis staff, string id, string? queue, CancellationToken ct)
    {
        var shown = 0;
        foreach (var one in queue is null ? await QueuesWithAsync(staff, id, ct) : [queue])
        {
            if (await staff.Of(ShopServices.OfQueue(one)!).FindDeadLetterAsync(one, id, ct) is { } content)
            {
                Write(content);
                shown++;
            }
        }

        return shown > 0 ? 0 : throw new FailureException($"there is no dead letter {id}. List them with: ./shop dead-letters");
    }

    /// <summary>The same event may be dead-lettered in several queues.</summary>
    private static async Task<List<string>> QueuesWithAsync(StaffApis staff, string id, CancellationToken ct)
    {
        List<string> queues = [];
        foreach (var service in ShopServices.Names.Select(staff.Of))
        {
            queues.AddRange((await service.DeadLettersAsync(queue: null, ct)).Concat(await service.DiscardedAsync(ct))
                .Where(letter => letter.Id == id).Select(letter => letter.Queue));
        }

        return [.. queues.Distinct()];
    }

    private static void Write(DeadLetterContentView content)
    {
        DeadLettersCommand.Summary(content.Letter).ForEach(Console.WriteLine);
        var width = content.Headers.Keys.Append("content type").Max(name => name.Length);
        Console.WriteLine();
        Console.WriteLine($"  {"content type".PadRight(width)}  {Terminal.Safe(content.ContentType ?? "(none)")}");
        foreach (var (name, value) in content.Headers)
        {
            Console.WriteLine($"  {Terminal.Safe(name).PadRight(width)}  {Terminal.Safe(value)}");
        }

        Console.WriteLine($"\n  Body, {content.BodyBytes} bytes:\n");
        foreach (var line in content.Body.Split('\n'))
        {
            Console.WriteLine("    " + Terminal.Safe(line));
        }
    }
}
