using System.CommandLine;

namespace Shop.Cli.Setup;

/// <summary>Runs the tests: tests/run does the work.</summary>
internal static class TestCommand
{
    public static Command Create()
    {
        var filter = new Argument<string?>("filter")
        {
            Arity = ArgumentArity.ZeroOrOne,
            Description = "only tests whose full name contains it; or a filter as for dotnet test --filter",
        };
        var project = new Option<string[]>("--project") { HelpName = "name", Description = "only this test project, such as Messaging.Tests" };
        var all = new Option<bool>("--all") { Description = "also the console in a real browser: Chromium, installed with apt where it is missing" };
        var noBuild = new Option<bool>("--no-build") { Description = "with what was built last (Release)" };
        var command = new Command("test", About.Text("run all tests, or those that a filter matches", """
            Builds the solution and runs its tests against a PostgreSQL and a RabbitMQ that are started for the run and removed after it:
            containers where a container runtime answers and has the images or can pull them, else the installed programs. Ends with one line:
            N passed, N failed. Environment variables:
            """,
            "SHOP_SERVERS                  containers or native: where PostgreSQL and RabbitMQ come from",
            "SHOP_POSTGRES_IMAGE, SHOP_RABBITMQ_IMAGE",
            "                              other images than postgres:17 and rabbitmq:4.0-management",
            "SHOP_TEST_JOBS                how many test projects run at the same time (as many as there are cores, up to 3)",
            "SHOP_TEST_POSTGRES            a superuser's connection string,",
            "SHOP_TEST_RABBITMQ            an administrator's amqp URI,",
            "SHOP_TEST_RABBITMQ_MANAGEMENT the management's address: uses these servers and starts none"))
        {
            filter, project, all, noBuild,
        };
        command.SetAction((parsed, _) =>
        {
            List<string> words = parsed.GetValue(noBuild) ? ["--no-build"] : [];
            words.AddRange(parsed.GetValue(all) ? ["--all"] : []);
            words.AddRange((parsed.GetValue(project) ?? []).SelectMany(name => (string[])["--project", name]));
            words.AddRange(parsed.GetValue(filter) is { } word ? [word] : []);
            return Child.ShowAsync(Path.Combine(ShopHome.Repository, "tests", "run"), words);
        });
        return command;
    }
}
