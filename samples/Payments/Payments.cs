using Microsoft.EntityFrameworkCore;
using Payments;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.UnitOfWork;

await using var payments = await Service.CreateAsync(args);
await payments.RunAsync();

namespace Payments
{
    /// <summary>One service with domain events only: no broker, no outbox, no contract.</summary>
    public static class Service
    {
        public static async Task<WebApplication> CreateAsync(params string[] args)
        {
            var builder = WebApplication.CreateBuilder(args);
            builder.Services.AddDbContextPool<PaymentsDb>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Database")));
            builder.Services.AddDomainEvents<PaymentsDb>();
            builder.Services.AddScoped<IDomainEventHandler<FeeCharged>, CountOpenFees>();
            builder.Services.AddScoped<IDomainEventHandler<FeePaidOff>, CountOpenFees>();
            builder.Services.AddSingleton(TimeProvider.System).AddSingleton(new BalanceCalculator(monthlyRate: 0.05m));

            var app = builder.Build();
            app.MapPost("/customers", async (NewCustomer request, PaymentsDb db, CancellationToken ct) =>
            {
                var customer = db.Customers.Add(new Customer { Id = Guid.CreateVersion7(), Name = request.Name }).Entity;
                await db.SaveChangesAsync(ct);
                return customer.Id;
            });
            app.MapGet("/customers/{id:guid}", async (Guid id, PaymentsDb db, CancellationToken ct) =>
                await db.Customers.FindAsync([id], ct) is { } customer ? Results.Ok(new { customer.Name, customer.IsBlocked }) : Results.NotFound());
            app.MapPost("/customers/{id:guid}/fees", (Guid id, NewFee request, PaymentsDb db, TimeProvider clock, CancellationToken ct) =>
                TryAsync(async () =>
                {
                    var fee = db.Fees.Add(Fee.Charge(id, request.Amount, request.DueOn, clock.GetUtcNow())).Entity;
                    await db.SaveChangesAsync(ct);
                    return fee.Id;
                }));
            app.MapPost("/fees/{id:guid}/payments", (Guid id, NewPayment request, PaymentsDb db, BalanceCalculator balances, TimeProvider clock, CancellationToken ct) =>
                TryAsync(async () =>
                {
                    var fee = await db.Fees.SingleAsync(fee => fee.Id == id, ct);
                    fee.RecordPayment(request.Reference, request.Amount, balances, clock.GetUtcNow());
                    await db.SaveChangesAsync(ct); // the payment, the fee and the customer: all of it or nothing
                    return fee.IsPaidOff;
                }));

            await using var scope = app.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<PaymentsDb>().Database.EnsureCreatedAsync();
            return app;
        }

        private static async Task<IResult> TryAsync<T>(Func<Task<T>> change)
        {
            try
            {
                return Results.Ok(await change());
            }
            catch (DomainException refused)
            {
                return Results.Conflict(refused.Message);
            }
            catch (DbUpdateException)
            {
                return Results.Conflict("The payment is recorded already, or something else changed meanwhile. Nothing was saved.");
            }
        }

        private sealed record NewCustomer(string Name);

        private sealed record NewFee(decimal Amount, DateOnly DueOn);

        private sealed record NewPayment(string Reference, decimal Amount);
    }
}
