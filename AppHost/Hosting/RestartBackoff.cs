namespace Shop.AppHost.Hosting;

/// <summary>
/// How long to wait before starting again what died: not at all the first time, then 1, 2, 4 ... 30 s for as long as it keeps
/// dying. A run that lasted a minute makes it start over.
/// </summary>
internal sealed class RestartBackoff
{
    private static readonly TimeSpan s_good = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(30);

    /// <summary>How often it died in a row.</summary>
    public int Deaths { get; private set; }

    /// <summary>The wait after a run that lasted <paramref name="lasted"/>.</summary>
    public TimeSpan Next(TimeSpan lasted)
    {
        Deaths = lasted >= s_good ? 1 : Deaths + 1;
        return Deaths == 1
            ? TimeSpan.Zero
            : TimeSpan.FromSeconds(Math.Min(s_longest.TotalSeconds, Math.Pow(2, Math.Min(Deaths - 2, 10))));
    }

    /// <summary>For a message: "again now", or when and after how many deaths.</summary>
    public string Describe(TimeSpan wait) =>
        wait == TimeSpan.Zero ? "starting it again" : $"starting it again in {wait.TotalSeconds:0} s: it died {Deaths} times in a row";
}
