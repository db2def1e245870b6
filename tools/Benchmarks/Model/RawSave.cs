using Npgsql;

namespace Shop.Benchmarks.Model;

/// <summary>
/// The statements of a save by Npgsql alone, prepared, in one round trip: what no unit of work can be cheaper than, as long as an event is a
/// row of its own.
/// </summary>
internal sealed class RawSave : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly string _headers;
    private readonly byte[] _body;

    private RawSave(NpgsqlDataSource source, string headers, byte[] body) => (_source, _headers, _body) = (source, headers, body);

    public static async Task<RawSave> CreateAsync(Stage stage, ServiceUnderTest<BenchDbContext> service)
    {
        var sample = await stage.SampleAsync(service);
        return new RawSave(
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(stage.Database.ConnectionString) { MaxAutoPrepare = 20, AutoPrepareMinUsages = 2 }),
            sample.Headers, sample.Body);
    }

    public async Task SaveAsync(int number, bool silent, CancellationToken ct)
    {
        var order = BenchOrder.Place($"customer-{number % 100}", silent: true, TimeProvider.System.GetUtcNow());
        await using var connection = await _source.OpenConnectionAsync(ct);
        await using var batch = connection.CreateBatch();
        Add(batch, "INSERT INTO orders (id, customer_id, placed_at, status, total, version) VALUES ($1, $2, $3, $4, $5, $6)",
            order.Id, order.CustomerId, order.PlacedAt, order.Status, order.Total, order.Version);
        Add(batch, "INSERT INTO order_lines (order_id, sku, quantity, unit_price) VALUES ($1, $2, $3, $4), ($5, $6, $7, $8), ($9, $10, $11, $12)",
            [.. order.Lines.SelectMany(line => new object[] { order.Id, line.Sku, line.Quantity, line.UnitPrice })]);
        if (!silent)
        {
            Add(batch, "INSERT INTO outbox (position, event_id, stream, partition, type, headers, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                0, Guid.CreateVersion7(order.PlacedAt), order.Id.ToString(), (short)(number % 16), Stage.Exchange, _headers, _body);
        }

        await batch.ExecuteNonQueryAsync(ct);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static void Add(NpgsqlBatch batch, string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        batch.BatchCommands.Add(command);
    }
}
