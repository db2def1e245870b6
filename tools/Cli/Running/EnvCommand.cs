using System.CommandLine;
using Shop.Operations;

namespace Shop.Cli.Running;

/// <summary>Prints what a shell needs to talk to the shop.</summary>
internal static class EnvCommand
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(12);

    public static Command Create()
    {
        var command = new Command("env", About.Text("addresses and tokens as shell variables: eval \"$(./shop env)\"", """
            Sets ORDERING, INVENTORY, NOTIFICATION and ANALYTICS to the services' addresses, STAFF and ALICE to tokens that are good for 12
            hours, and MAIL to the directory of the mail that was written.
            """));
        command.SetAction((_, ct) => RunAsync(ct));
        return command;
    }

    private static async Task<int> RunAsync(CancellationToken ct)
    {
        await RunningShop.RequireAsync(ct);
        foreach (var service in ShopServices.Names)
        {
            Export(service.ToUpperInvariant(), Staff.AddressOf(service).GetLeftPart(UriPartial.Authority));
        }

        var now = TimeProvider.System.GetUtcNow();
        Export("STAFF", TokenCommand.Create("sam", staff: true, s_lifetime, now));
        Export("ALICE", TokenCommand.Create("alice", staff: false, s_lifetime, now));
        Export("MAIL", ShopHome.Path("mail"));
        return 0;
    }

    /// <summary>As POSIX shells read it, whatever is in the value.</summary>
    private static void Export(string name, string value) =>
        Console.WriteLine($"export {name}='{value.Replace("'", "'\\''", StringComparison.Ordinal)}'");
}
