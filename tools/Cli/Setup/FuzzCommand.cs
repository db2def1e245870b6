using System.CommandLine;
using System.Globalization;

namespace Shop.Cli.Setup;

/// <summary>Runs FuzzTests with a number of messages.</summary>
internal static class FuzzCommand
{
    public static Command Create()
    {
        var messages = new Option<int>("--messages") { Description = "how many", DefaultValueFactory = _ => 1_000_000 };
        var seed = new Option<int?>("--seed") { Description = "the same messages again; without it, others each time" };
        var noBuild = new Option<bool>("--no-build") { Description = "with what was built last (Release)" };
        messages.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--messages must be at least 1.");
            }
        });
        var command = new Command("fuzz", About.Text("send malformed messages to the consumers, by seed", """
            Sends messages with randomly mutated bytes, JSON, headers and properties, with valid ones between them, to a
            consumer of each kind, on its own servers. Each must be settled exactly once, handled or dead-lettered; the valid ones must be
            handled; memory must not grow. A million take some 20 minutes on two cores. Exits with 1 if something was lost.
            """))
        {
            messages, seed, noBuild,
        };
        command.SetAction(async (parsed, ct) =>
        {
            var report = ShopHome.Path("logs", "fuzz.log");
            var chosen = parsed.GetValue(seed) ?? Random.Shared.Next();
            Child.BeginLog(report);
            Console.WriteLine($"{parsed.GetValue(messages)} messages of seed {chosen}; how far it is: {report}");
            var exit = await Child.ShowAsync(
                Path.Combine(ShopHome.Repository, "tests", "run"),
                [.. parsed.GetValue(noBuild) ? (string[])["--no-build"] : [], "--project", "Messaging.Tests", "FuzzTests"],
                new Dictionary<string, string>
                {
                    ["SHOP_FUZZ_MESSAGES"] = parsed.GetValue(messages).ToString(CultureInfo.InvariantCulture),
                    ["SHOP_FUZZ_SEED"] = chosen.ToString(CultureInfo.InvariantCulture),
                    ["SHOP_FUZZ_REPORT"] = report,
                    ["SHOP_TEST_TIMEOUT"] = "14400", // seconds
                });
            if (File.Exists(report) && (await File.ReadAllLinesAsync(report, ct)).LastOrDefault() is { } last)
            {
                Console.WriteLine(last);
            }

            return exit;
        });
        return command;
    }
}
