using System.Globalization;
using Shop.Operations;
using Shop.Operations.Journey;

namespace Shop.Console.Features.Journey;

/// <summary>A step as it is drawn: its number is the one of its row in the table.</summary>
internal sealed record DrawnStep(int Number, Step Step, int X, int Y);

/// <summary>An event on its way, from its publishing to a consumer.</summary>
internal sealed record DrawnFlight(int FromX, int FromY, int ToX, int ToY)
{
    /// <summary>A curve that leaves and arrives level.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture,
        $"M{FromX},{FromY} C{(FromX + ToX) / 2},{FromY} {(FromX + ToX) / 2},{ToY} {ToX},{ToY}");
}

/// <summary>A pause that is drawn shorter than it was.</summary>
internal sealed record DrawnPause(int X, string Text);

/// <summary>
/// Where the steps of a story are drawn: a lane for each service, time to the right. Steps are spread by the logarithm of the time between
/// them, since an order's way takes milliseconds and its shipping days.
/// </summary>
internal sealed class Swimlane
{
    public const int LaneHeight = 72;
    public const int Top = 34;
    private const int Left = 118;
    private const int Least = 30;
    private const int PerDecade = 16;

    /// <summary>As wide as the page where it is widest: a short story is spread over it.</summary>
    private const int Full = 1180;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    public Swimlane(IReadOnlyList<Step> steps)
    {
        Lanes = [.. ShopServices.Names.Where(service => steps.Any(step => step.Service == service))];
        List<DrawnStep> drawn = [];
        List<DrawnPause> pauses = [];
        List<TimeSpan> gaps = [.. steps.Zip(steps.Skip(1), (one, next) => next.At - one.At)];
        var natural = gaps.Sum(WidthOf);
        var stretch = natural == 0 ? 1 : Math.Max(1, (Full - Left - Least) / natural);
        var at = (double)Left;
        for (var i = 0; i < steps.Count; i++)
        {
            if (i > 0)
            {
                var wide = WidthOf(gaps[i - 1]) * stretch;
                if (gaps[i - 1] > s_pause)
                {
                    pauses.Add(new DrawnPause((int)(at + (wide / 2)), Words.Age(gaps[i - 1])));
                }

                at += wide;
            }

            drawn.Add(new DrawnStep(i + 1, steps[i], (int)at, YOf(steps[i].Service)));
        }

        var x = (int)at;

        (Steps, Pauses, Width) = (drawn, pauses, x + Least);
        Flights = [.. from published in drawn
                      where published.Step is { Kind: StepKind.Publish, EventId: not null }
                      from received in drawn
                      where received.Step.Kind == StepKind.Receive && received.Step.EventId == published.Step.EventId
                      select new DrawnFlight(published.X, published.Y, received.X, received.Y)];
    }

    public IReadOnlyList<string> Lanes { get; }

    public IReadOnlyList<DrawnStep> Steps { get; }

    public IReadOnlyList<DrawnFlight> Flights { get; }

    public IReadOnlyList<DrawnPause> Pauses { get; }

    public int Width { get; }

    public int Height => Top + (Lanes.Count * LaneHeight);

    public int YOf(string service) => Top + (Lanes.ToList().IndexOf(service) * LaneHeight) + (LaneHeight / 2);

    private static double WidthOf(TimeSpan gap) =>
        Least + (PerDecade * Math.Log10(1 + Math.Max(0, gap.TotalMilliseconds))) + (gap > s_pause ? Least : 0);

    /// <summary>Since the first step.</summary>
    public static string After(TimeSpan time) => Math.Abs(time.TotalSeconds) < 100
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:+0.000;-0.000} s")
        : $"+{Words.Age(time)}";
}
