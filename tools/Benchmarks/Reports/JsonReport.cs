using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;

namespace Shop.Benchmarks.Reports;

/// <summary>Everything that was measured, and on what.</summary>
internal sealed record Measurements(Machine Machine, IReadOnlyList<DatedResult> Scenarios);

/// <summary>A scenario's result and when it was found.</summary>
internal sealed record DatedResult(DateTimeOffset At, ScenarioResult Result);

/// <summary>What was measured on.</summary>
/// <param name="CompiledAhead">Whether the measured programs were; null in results of before this was noted.</param>
internal sealed record Machine(
    int Cores, string Processor, double MemoryGiB, string System, string Runtime, string Postgres, string Broker, bool? CompiledAhead = null)
{
    public static async Task<Machine> ReadAsync()
    {
        var addresses = await TestServers.AddressesAsync();
        await using var connection = new NpgsqlConnection(addresses.Postgres);
        await connection.OpenAsync();
        await using var fsync = new NpgsqlCommand("SHOW fsync", connection);
        await using var broker = await new RabbitMQ.Client.ConnectionFactory { Uri = addresses.RabbitMq }.CreateConnectionAsync();
        var version = broker.ServerProperties?["version"] is byte[] bytes ? Encoding.UTF8.GetString(bytes) : "";
        return new Machine(
            Environment.ProcessorCount,
            Line("/proc/cpuinfo", "model name"),
            Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Math.Pow(2, 30), 1),
            RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription,
            $"{connection.PostgreSqlVersion}, fsync {await fsync.ExecuteScalarAsync()}",
            version);
    }

    private static string Line(string file, string name) => File.Exists(file)
        ? File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? ""
        : "";
}

/// <summary>The results as a file, which scenarios measured one after the other share.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new Rounded() },
    };

    public static Measurements? Read(string file) =>
        File.Exists(file) ? JsonSerializer.Deserialize<Measurements>(File.ReadAllText(file), s_json) : null;

    /// <summary>Results of an earlier run stay, unless the scenario was measured again.</summary>
    /// <param name="earlier">What the file has.</param>
    /// <param name="now">What was measured now.</param>
    /// <param name="order">The names of all scenarios.</param>
    public static Measurements Merge(Measurements? earlier, Measurements now, IReadOnlyList<string> order) => now with
    {
        Scenarios =
        [
            .. (earlier?.Scenarios ?? []).Where(old => now.Scenarios.All(found => found.Result.Name != old.Result.Name))
                .Concat(now.Scenarios).OrderBy(found => order.ToList().IndexOf(found.Result.Name)),
        ],
    };

    public static void Write(string file, Measurements measurements) =>
        File.WriteAllText(file, JsonSerializer.Serialize(measurements, s_json) + "\n");

    /// <summary>Rounds to four significant digits.</summary>
    private sealed class Rounded : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
    }
}
