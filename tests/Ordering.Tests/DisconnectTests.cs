using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Tests;

/// <summary>A client that disconnects after the commit and before the response is written.</summary>
public sealed class DisconnectTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task A_response_to_a_disconnected_caller_is_not_stored_for_its_key()
    {
        var sku = await ordering.ListedAsync();
        await using var hangingUp = new DisconnectingService(ordering);
        await hangingUp.InitializeAsync();
        using var client = hangingUp.Client(TestTokens.Customer("ada"));

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => PostAsync(client, sku));
        var again = await Eventually.IsAsync("the key is free again", () => PostAsync(client, sku), answer => answer.Status != HttpStatusCode.Conflict);

        Assert.Equal(HttpStatusCode.Created, again.Status);
        Assert.Contains(sku, again.Body, StringComparison.Ordinal);
        Assert.Equal(1, await ordering.Database.ScalarAsync<long>("SELECT count(*) FROM orders WHERE customer_id = 'ada'"));
    }

    private static async Task<(HttpStatusCode Status, string Body)> PostAsync(HttpClient client, string sku)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders")
        {
            Content = new StringContent($$"""{"lines":[{"sku":"{{sku}}","quantity":1}]}""", System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Idempotency-Key", "hang-up");
        using var response = await client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Another instance, whose first client disconnects right after its save.</summary>
    private sealed class DisconnectingService(OrderingService first) : ServiceFixture<Program>
    {
        protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = first.Database.RuntimeConnectionString,
            ["ConnectionStrings:rabbitmq"] = first.Broker.UriOf("ordering").AbsoluteUri,
        };

        protected override void ConfigureServices(IServiceCollection services) => services.AddHttpContextAccessor()
            .ConfigureDbContext<OrderingDbContext>((running, options) => options.AddInterceptors(
                new AfterSave(running.GetRequiredService<IHttpContextAccessor>())));
    }

    private sealed class AfterSave(IHttpContextAccessor current) : SaveChangesInterceptor
    {
        private int _calls;

        public override async ValueTask<int> SavedChangesAsync(
            SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
        {
            if (current.HttpContext is { } request && Interlocked.Increment(ref _calls) == 1)
            {
                request.Abort();
                await Task.Delay(Timeout.InfiniteTimeSpan, request.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            return result;
        }
    }
}
