using System.CommandLine;
using Shop.Operations;

namespace Shop.Cli;

/// <summary>Prints a token that the shop on this machine accepts. For development: anyone with the signing key can impersonate everyone.</summary>
internal static class TokenCommand
{
    private const int DefaultHours = 12;
    private const int YearOfHours = 24 * 365;

    public static Command Create()
    {
        var customer = new Argument<string>("customer") { Description = "the customer's id" };
        var staff = new Option<bool>("--staff") { Description = "may do what only the shop's staff may" };
        var hours = new Option<int>("--hours") { Description = "its lifetime", DefaultValueFactory = _ => DefaultHours };
        hours.Validators.Add(Numbers.Between(hours, 1, YearOfHours));
        var command = new Command("token", "a bearer token for a customer, or for staff") { customer, staff, hours };
        command.SetAction(parsed => Console.WriteLine(Create(
            parsed.GetRequiredValue(customer), parsed.GetValue(staff), TimeSpan.FromHours(parsed.GetValue(hours)), TimeProvider.System.GetUtcNow())));
        return command;
    }

    /// <summary>Signed with this shop's key.</summary>
    public static string Create(string customer, bool staff, TimeSpan lifetime, DateTimeOffset now) =>
        DevelopmentToken.Create(DevelopmentSecrets.SigningKey(), customer, staff, lifetime, now);
}
