using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.Messaging;

namespace Shop.Analytics.Features.Projections;

/// <summary>
/// Figures derived from events: a table, and a pure function from an event to the rows that it tells of. Rows with the same key
/// are combined by sums and least values only. Both can be taken in any order and any grouping, so the result depends neither
/// on the order of events nor on whether they came one by one or in batches.
/// </summary>
/// <param name="Name">What people call it, and its route.</param>
/// <param name="Table">Its table in the schemas <c>public</c>, which is read, and <c>rebuild</c>, where it is built anew.</param>
/// <param name="Key">The columns that tell one row from another.</param>
/// <param name="Sums">The columns that are added up.</param>
/// <param name="Least">The columns of which the least value stays; null says nothing.</param>
/// <param name="Day">The date, UTC, of the first of the events that a row tells of: a column or an expression.</param>
/// <param name="RowsOf">The pure function; an event that is of no concern here has no rows. Property names are column names.</param>
internal sealed record Projection(
    string Name,
    string Table,
    IReadOnlyList<string> Key,
    IReadOnlyList<string> Sums,
    IReadOnlyList<string> Least,
    string Day,
    Func<IIntegrationEvent, IEnumerable<object>> RowsOf)
{
    /// <summary>Where the figures are that everybody reads.</summary>
    public const string Live = "public";

    /// <summary>Where they are built anew.</summary>
    public const string Shadow = "rebuild";

    private static readonly JsonSerializerOptions s_rows = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new TimeConverter(), new DayConverter() },
    };

    /// <summary>All columns, in the order in which statements name them.</summary>
    public string Columns { get; } = string.Join(", ", [.. Key, .. Sums, .. Least]);

    /// <summary>Makes the shadow empty.</summary>
    public string EmptyShadowSql => $"SELECT empty_rebuild('{Table}')";

    /// <summary>Copies into the shadow what is of days before the parameter.</summary>
    public string KeepSql =>
        $$"""INSERT INTO {{Shadow}}.{{Table}} ({{Columns}}) SELECT {{Columns}} FROM {{Live}}.{{Table}} WHERE {{Day}} < {0}""";

    /// <summary>Waits until nobody uses either table, and keeps everybody away.</summary>
    public string LockSql => $"LOCK TABLE {Live}.{Table}, {Shadow}.{Table} IN ACCESS EXCLUSIVE MODE";

    /// <summary>Lets the two tables change places, with all that is theirs, and empties the one that was live.</summary>
    public string SwitchSql => $"SELECT switch_projection('{Table}')";

    /// <summary>
    /// Combines rows with those of the table. The parameter is what <see cref="ToJson"/> gives; rows are taken by key, so that
    /// two transactions meet in the same order.
    /// </summary>
    /// <param name="schema">The table's schema.</param>
    /// <param name="parameter">The parameter's place in the statement.</param>
    public string MergeSql(string schema, int parameter)
    {
        var key = string.Join(", ", Key);
        var selected = string.Join(", ", [key, .. Sums.Select(column => $"sum({column})"), .. Least.Select(column => $"min({column})")]);
        var merged = string.Join(", ", [
            .. Sums.Select(column => $"{column} = kept.{column} + excluded.{column}"),
            .. Least.Select(column => $"{column} = least(kept.{column}, excluded.{column})")]);
        return $$"""
            INSERT INTO {{schema}}.{{Table}} AS kept ({{Columns}})
            SELECT {{selected}} FROM jsonb_populate_recordset(NULL::public.{{Table}}, {{{parameter}}}::jsonb) GROUP BY {{key}} ORDER BY {{key}}
            ON CONFLICT ({{key}}) DO UPDATE SET {{merged}};
            """;
    }

    /// <summary>Rows as <see cref="MergeSql"/> takes them.</summary>
    public static string ToJson(IReadOnlyCollection<object> rows) => JsonSerializer.Serialize(rows, s_rows);

    public override string ToString() => Name;

    /// <summary>As Npgsql stores times: whole microseconds, and the ends of .NET's calendar as infinity.</summary>
    private sealed class TimeConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(
            value == DateTimeOffset.MinValue ? "-infinity"
            : value == DateTimeOffset.MaxValue ? "infinity"
            : value.UtcDateTime.AddTicks(-(value.Ticks % TimeSpan.TicksPerMicrosecond)).ToString("O"));
    }

    private sealed class DayConverter : JsonConverter<DateOnly>
    {
        public override DateOnly Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, DateOnly value, JsonSerializerOptions options) => writer.WriteStringValue(
            value == DateOnly.MinValue ? "-infinity" : value == DateOnly.MaxValue ? "infinity" : value.ToString("O"));
    }
}
