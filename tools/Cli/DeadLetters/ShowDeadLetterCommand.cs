using System.CommandLine;
using System.Net;
using System.Net.Http.Json;

namespace Shop.Cli.DeadLetters;

/// <summary>A dead letter with its headers and its body, as a service's staff API masks them.</summary>
internal sealed record DeadLetterContentView(
    DeadLetterView Letter, string? ContentType, IReadOnlyDictionary<string, string> Headers, string Body, long BodyBytes);

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
        show.SetAction((parsed, ct) => StaffApi.AskAsync(http => ShowAsync(http, parsed.GetRequiredValue(id)!, parsed.GetValue(queue), ct), ct));
        return show;
    }

    private static async Task<int> ShowAsync(HttpClient http, string id, string? queue, CancellationToken ct)
    {
        var shown = 0;
        foreach (var one in queue is null ? await QueuesWithAsync(http, id, ct) : [queue])
        {
            var uri = new Uri(StaffApi.AddressOf(DeadLettersCommand.ServiceOf(one)!), $"/dead-letters/{one}/{Uri.EscapeDataString(id)}");
            using var response = await http.GetAsync(uri, ct);
            if (response.StatusCode == HttpStatusCode.NotFound && queue is null)
            {
                continue; // retried or discarded in the meantime
            }

            if (!response.IsSuccessStatusCode)
            {
                return await StaffApi.FailAsync(response, ct);
            }

            Write((await response.Content.ReadFromJsonAsync<DeadLetterContentView>(ct))!);
            shown++;
        }

        return shown > 0 ? 0 : throw new FailureException($"there is no dead letter {id}. List them with: ./shop dead-letters");
    }

    /// <summary>The same event may be dead-lettered in several queues.</summary>
    private static async Task<List<string>> QueuesWithAsync(HttpClient http, string id, CancellationToken ct)
    {
        List<string> queues = [];
        foreach (var service in ShopServices.Names)
        {
            foreach (var path in (string[])["/dead-letters?limit=200", "/dead-letters/discarded"])
            {
                var letters = await http.GetFromJsonAsync<List<DeadLetterView>>(new Uri(StaffApi.AddressOf(service), path), ct);
                queues.AddRange(letters!.Where(letter => letter.Id == id).Select(letter => letter.Queue));
            }
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
