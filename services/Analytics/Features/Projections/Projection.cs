using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.Messaging;

namespace Shop.Analytics.Features.Projections;

/// <summary>
/// Figures derived from events: a table, and a pure function from an event to its rows. Rows with the same key
/// are combined by sums and minimums only. Both are commutative and associative, so the result depends neither
/// on the order of events nor on batching.
/// </summary>
/// <param name="Name">Its name, also in its route.</param>
/// <param name="Table">Its table in the schemas <c>public</c>, which is read, and <c>rebuild</c>, where it is rebuilt.</param>
/// <param name="Key">The key columns.</param>
/// <param name="Sums">The columns that are summed.</param>
/// <param name="Least">The columns whose minimum is kept; nulls are ignored.</param>
/// <param name="Day">The date, UTC, of a row's first event: a column or an expression.</param>
/// <param name="RowsOf">The pure function; irrelevant events have no rows. Property names are column names.</param>
internal sealed record Projection(
    string Name,
    string Table,
    IReadOnlyList<string> Key,
    IReadOnlyList<string> Sums,
    IReadOnlyList<string> Least,
    string Day,
    Func<IIntegrationEvent, IEnumerable<object>> RowsOf)
{
    /// <summary>The schema that is read.</summary>
    public const string Live = "public";

    /// <summary>The schema of rebuilds.</summary>
    public const string Shadow = "rebuild";

    private static readonly JsonSerializerOptions s_rows = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new TimeConverter(), new DayConverter() },
    };

    /// <summary>The day, UTC, that an event belongs to, however late it is.</summary>
    public static DateOnly DayOf(IIntegrationEvent @event) => DateOnly.FromDateTime(@event.OccurredAt.UtcDateTime);

    /// <summary>All columns, in the order in which statements name them.</summary>
    public string Columns { get; } = string.Join(", ", [.. Key, .. Sums, .. Least]);

    /// <summary>Empties the shadow table.</summary>
    public string EmptyShadowSql => $"SELECT empty_rebuild('{Table}')";

    /// <summary>Copies rows of days before the parameter into the shadow table.</summary>
    public string KeepSql =>
        $$"""INSERT INTO {{Shadow}}.{{Table}} ({{Columns}}) SELECT {{Columns}} FROM {{Live}}.{{Table}} WHERE {{Day}} < {0}""";

    /// <summary>Locks both tables exclusively.</summary>
    public string LockSql => $"LOCK TABLE {Live}.{Table}, {Shadow}.{Table} IN ACCESS EXCLUSIVE MODE";

    /// <summary>Swaps the two tables with their indexes and constraints, and empties the one that was live.</summary>
    public string SwitchSql => $"SELECT switch_projection('{Table}')";

    /// <summary>
    /// Merges rows into the table. The parameter is the result of <see cref="ToJson"/>; rows are ordered by key, so that
    /// transactions lock them in the same order.
    /// </summary>
    /// <param name="schema">The table's schema.</param>
    /// <param name="parameter">The parameter's position in the statement.</param>
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

    /// <summary>Rows as the parameter of <see cref="MergeSql"/>.</summary>
    public static string ToJson(IReadOnlyCollection<object> rows) => JsonSerializer.Serialize(rows, s_rows);

    public override string ToString() => Name;

    /// <summary>As Npgsql stores times: whole microseconds, and .NET's minimum and maximum as infinity.</summary>
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
