using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Domain;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features.PlaceOrder;

/// <summary>A new order.</summary>
/// <param name="Lines">1 to 100 lines, each sku once.</param>
/// <param name="Channel">Optional: the sales channel, as a code such as <c>web</c>, <c>app</c> or <c>phone</c>.</param>
public sealed record PlaceOrderRequest(
    [property: Required, MinLength(1), MaxLength(Order.MaxLines)] IReadOnlyList<PlaceOrderRequest.Line> Lines,
    [property: StringLength(32, MinimumLength = 1), RegularExpression(PatternAttribute.Code)] string? Channel = null)
{
    /// <summary>One product.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Quantity">Units, 1 to 1,000.</param>
    public sealed record Line(
        [property: Required, StringLength(64, MinimumLength = 1)] string Sku,
        [property: Range(1, Order.MaxQuantity)] int Quantity);
}

internal static class PlaceOrderEndpoint
{
    // A hot path: compiled to skip query building and the cache lookup.
    private static readonly Func<OrderingDbContext, string[], string, IAsyncEnumerable<Offer>> s_offers =
        EF.CompileAsyncQuery((OrderingDbContext db, string[] skus, string customerId) =>
            from product in db.Products.AsNoTracking()
            where skus.Contains(product.Sku) && product.PriceVersion > 0
            from customer in db.Customers.AsNoTracking().Where(customer => customer.Id == customerId).DefaultIfEmpty()
            select new Offer(product, customer));

    public static void MapPlaceOrder(this IEndpointRouteBuilder routes) => routes.MapPost("/orders", PlaceOrder)
        .WithSummary("Places an order at current prices.")
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesValidationProblem();

    private static async Task<Created<OrderResponse>> PlaceOrder(
        PlaceOrderRequest request, ClaimsPrincipal user, OrderingDbContext db, TimeProvider clock, CancellationToken ct)
    {
        var customerId = user.CustomerId();
        var (lines, discountPercent) = await PriceAsync(request, customerId, db, ct);
        var order = Order.Place(customerId, lines, discountPercent, clock.GetUtcNow(), request.Channel);
        db.Orders.Add(order);
        await db.SaveChangesAsync(ct);
        return TypedResults.Created($"/orders/{order.Id}", OrderResponse.Of(order));
    }

    /// <summary>The current prices and the customer's discount, in one round trip.</summary>
    private static async Task<(List<OrderLine> Lines, decimal DiscountPercent)> PriceAsync(
        PlaceOrderRequest request, string customerId, OrderingDbContext db, CancellationToken ct)
    {
        string[] skus = [.. request.Lines.Select(line => line.Sku).Distinct()];
        var discountPercent = 0m;
        Dictionary<string, Product> products = new(skus.Length);
        await foreach (var (product, customer) in FindOffers(db, skus, customerId).WithCancellation(ct))
        {
            products.Add(product.Sku, product);
            discountPercent = customer?.DiscountPercent ?? 0;
        }

        var unknown = skus.Where(sku => !products.ContainsKey(sku)).ToList();
        if (unknown.Count > 0)
        {
            throw new DomainException("unknown-sku", $"Unknown sku: {string.Join(", ", unknown)}.");
        }

        return ([.. request.Lines.Select(line => PricedLine(products[line.Sku], line.Quantity))], discountPercent);
    }

    internal static IAsyncEnumerable<Offer> FindOffers(OrderingDbContext db, string[] skus, string customerId) => s_offers(db, skus, customerId);

    internal sealed record Offer(Product Product, Customer? Customer);

    private static OrderLine PricedLine(Product product, int quantity) =>
        new(product.Sku, product.Name, quantity, product.UnitPrice, product.Currency);
}
