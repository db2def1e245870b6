using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features;

/// <summary>The requested days, UTC, both ends included. Bounded, so that no query reads everything.</summary>
internal readonly record struct DayRange(DateOnly From, DateOnly To)
{
    private const int DefaultDays = 30;
    private const int MaxDays = 366;

    /// <summary>The first moment of the range.</summary>
    public DateTimeOffset Begin => new(From, TimeOnly.MinValue, TimeSpan.Zero);

    /// <summary>The first moment after the range, at most DateTimeOffset.MaxValue.</summary>
    public DateTimeOffset End => To == DateOnly.MaxValue ? DateTimeOffset.MaxValue : new(To.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero);

    /// <summary>Reads <c>from</c> and <c>to</c>; by default the last 30 days.</summary>
    /// <returns>The problem, or null.</returns>
    public static ProblemHttpResult? Read(string? from, string? to, TimeProvider clock, out DayRange range)
    {
        range = default;
        var last = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        if (to is not null && !TryReadDay(to, out last))
        {
            return NoDay("to", to);
        }

        var first = last.DayNumber < DefaultDays ? DateOnly.MinValue : last.AddDays(1 - DefaultDays);
        if (from is not null && !TryReadDay(from, out first))
        {
            return NoDay("from", from);
        }

        if (first > last)
        {
            return Bad($"The range ends before it begins: {first:yyyy-MM-dd} is after {last:yyyy-MM-dd}.");
        }

        if (last.DayNumber - first.DayNumber >= MaxDays)
        {
            return Bad($"A range may have at most {MaxDays} days; {first:yyyy-MM-dd} to {last:yyyy-MM-dd} has more.");
        }

        range = new DayRange(first, last);
        return null;
    }

    public static bool TryReadDay(string text, out DateOnly day) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out day);

    public static ProblemHttpResult NoDay(string name, string text) => Bad($"'{name}' must be a date as YYYY-MM-DD; it is '{text}'.");

    public static ProblemHttpResult Bad(string detail) => Problem.Of(StatusCodes.Status400BadRequest, "bad-date-range", detail);
}
