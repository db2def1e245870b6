using Ledger;
using Npgsql;

await using var ledger = await Service.CreateAsync(args);
await ledger.RunAsync();

namespace Ledger
{
    /// <summary>Keeps accounts as streams of events. Has no outbox: the store is one.</summary>
    public static class Service
    {
        public static async Task<WebApplication> CreateAsync(params string[] args)
        {
            var builder = WebApplication.CreateBuilder(args);
            string database = Connection(builder, "Database"), broker = Connection(builder, "rabbitmq");
            builder.Services.AddSingleton(NpgsqlDataSource.Create(database)).AddSingleton<EventStore>().AddSingleton(TimeProvider.System);
            builder.Services.AddHostedService(services =>
                new Publisher($"{database};Pooling=false", new Uri(broker), services.GetRequiredService<ILogger<Publisher>>()));

            var app = builder.Build();
            app.MapPost("/accounts", (NewAccount request, EventStore store, TimeProvider clock, CancellationToken ct) => TryAsync(async () =>
            {
                var id = Guid.CreateVersion7();
                await store.AppendAsync(id, 0, Account.Open(request.Owner, request.Deposit, clock.GetUtcNow()), ct);
                return Results.Created($"/accounts/{id}", id);
            }));
            app.MapPost("/accounts/{id:guid}/withdrawals", (Guid id, Withdrawal request, EventStore store, TimeProvider clock, CancellationToken ct) => TryAsync(async () =>
            {
                var account = await store.LoadAsync(id, ct);
                await store.AppendAsync(id, account.Version, [account.Withdraw(request.Amount, clock.GetUtcNow())], ct);
                return Results.NoContent();
            }));
            app.MapGet("/accounts/{id:guid}", (Guid id, EventStore store, CancellationToken ct) => store.LoadAsync(id, ct));

            await app.Services.GetRequiredService<EventStore>().CreateAsync();
            return app;
        }

        private static async Task<IResult> TryAsync(Func<Task<IResult>> change)
        {
            try
            {
                return await change();
            }
            catch (Exception refused) when (refused is InvalidOperationException or ConcurrencyConflictException)
            {
                return Results.Conflict(refused.Message);
            }
        }

        private static string Connection(WebApplicationBuilder builder, string name) => builder.Configuration.GetConnectionString(name)
            ?? throw new InvalidOperationException($"The connection string '{name}' is missing. Set ConnectionStrings__{name}.");

        private sealed record NewAccount(string Owner, decimal Deposit);

        private sealed record Withdrawal(decimal Amount);
    }
}
