using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using OpenTelemetry;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// Names the spans of SQL commands by operation and tables, such as <c>SELECT orders</c> or <c>INSERT orders, outbox</c>: Npgsql names all of
/// them after the database.
/// </summary>
internal sealed partial class SqlSpanNames : BaseProcessor<Activity>
{
    private const int MaxCachedNames = 1_000;
    private const int MaxLength = 100;

    private readonly ConcurrentDictionary<string, string> _known = new(StringComparer.Ordinal);

    public override void OnEnd(Activity data)
    {
        if (data.Source.Name == "Npgsql" && data.GetTagItem("db.query.text") is string sql)
        {
            if (_known.Count >= MaxCachedNames)
            {
                _known.Clear();
            }

            data.DisplayName = _known.GetOrAdd(sql, SummaryOf);
        }
    }

    /// <summary>The first word and the first table of each statement; statements of one kind share the word.</summary>
    internal static string SummaryOf(string sql)
    {
        var summary = string.Join("; ", Statement().Matches(Comment().Replace(sql, ""))
            .Select(match => (Verb: match.Groups["verb"].Value.ToUpperInvariant(), Table: match.Groups["table"].Value))
            .GroupBy(statement => statement.Verb, statement => statement.Table)
            .Select(kind => $"{kind.Key} {string.Join(", ", kind.Where(table => table.Length > 0).Distinct())}".TrimEnd()));
        return summary.Length == 0 ? "SQL" : summary.Length <= MaxLength ? summary : summary[..MaxLength];
    }

    [GeneratedRegex(@"--[^\n]*", RegexOptions.NonBacktracking)]
    private static partial Regex Comment();

    [GeneratedRegex("""
        (?:^|;)\s*(?: (?<verb>UPDATE)\s+"?(?<table>\w+)
        | (?<verb>SELECT)\s+(?<table>pg_\w+)\(
        | (?<verb>[A-Z]+)(?: [^;]*?\b(?:FROM|INTO)\s+"?(?<table>\w+) )? )
        """, RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Statement();
}
