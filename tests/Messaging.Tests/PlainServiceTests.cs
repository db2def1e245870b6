using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Tests;

/// <summary>Domain events in a service with a database and nothing else: no broker, no messaging table, no other registration.</summary>
public sealed class PlainServiceTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await TestServers.CreateDatabaseAsync("plain");

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_entity_records_through_its_root_and_the_handler_before_the_commit_is_in_the_same_transaction(bool pooled)
    {
        await using var service = await CreateAsync(pooled);

        for (var time = 1; time <= 3; time++) // a pooled context is used again, by another scope
        {
            await service.AddCartAsync();
            Assert.Equal(time, await CountAsync("Changes"));
        }

        Assert.Equal(3, service.Seen.Count);
        Assert.Equal(1, await _database.ScalarAsync<long>("""SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM "Carts" WHERE "Number" = 3 UNION ALL SELECT xmin FROM "Changes" WHERE "Number" = 3) AS rows"""));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_before_commit_handler_that_throws_rolls_everything_back(bool pooled)
    {
        await using var service = await CreateAsync(pooled);
        service.Fail = true;

        await Assert.ThrowsAsync<DomainException>(service.AddCartAsync);
        Assert.Equal(0, await CountAsync("Carts") + await CountAsync("Changes"));
        Assert.Empty(service.Seen);

        service.Fail = false;
        await service.AddCartAsync(); // the same context, where it is pooled: nothing is left of the failure
        Assert.Equal((1, 1), (await CountAsync("Carts"), await CountAsync("Changes")));
        Assert.Single(service.Seen);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_after_commit_handler_sees_committed_rows_and_does_not_run_after_a_rollback(bool pooled)
    {
        await using var service = await CreateAsync(pooled);

        await service.WorkAsync(async db =>
        {
            await using var transaction = await db.Database.BeginTransactionAsync();
            db.Add(Cart.Fill(1, s_now));
            await db.SaveChangesAsync();
            Assert.Empty(service.Seen);
            await transaction.RollbackAsync();
        });
        Assert.Empty(service.Seen);

        await service.WorkAsync(async db =>
        {
            await using var transaction = await db.Database.BeginTransactionAsync();
            db.Add(Cart.Fill(2, s_now));
            await db.SaveChangesAsync();
            Assert.Empty(service.Seen);
            await transaction.CommitAsync();
        });
        Assert.Equal([1L], service.Seen); // carts that another session sees
    }

    [Fact]
    public void Without_AddDbContext_the_error_names_it()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new ServiceCollection().AddDomainEvents<CartDb>());

        Assert.Contains(nameof(CartDb), error.Message, StringComparison.Ordinal);
        Assert.Contains("AddDbContext", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_applications_in_one_process_share_nothing()
    {
        await using var other = await TestServers.CreateDatabaseAsync("plain");
        await using var one = await CreateAsync(pooled: true);
        await using var two = await CreateAsync(pooled: true, other);
        two.Fail = true;

        await one.AddCartAsync();
        await Assert.ThrowsAsync<DomainException>(two.AddCartAsync);

        Assert.Equal((1, 0), (one.Seen.Count, two.Seen.Count));
        Assert.Equal((1, 0), (await CountAsync("Changes"), await other.ScalarAsync<long>("""SELECT count(*) FROM "Changes" """)));
    }

    [Fact]
    public async Task Two_contexts_of_an_application_do_not_see_each_other_s_events_and_one_without_domain_events_has_none()
    {
        await using var service = await CreateAsync(pooled: false, services: services => services
            .AddDbContext<OtherDb>(options => options.UseNpgsql(_database.ConnectionString)));

        await service.WorkAsync(async db =>
        {
            await using var scope = service.Services.CreateAsyncScope();
            var without = scope.ServiceProvider.GetRequiredService<OtherDb>();
            without.Add(Cart.Fill(7, s_now));
            await without.SaveChangesAsync();
            Assert.Equal((1, 0), (await CountAsync("Carts"), await CountAsync("Changes")));

            db.Add(Cart.Fill(8, s_now));
            await db.SaveChangesAsync();
        });

        Assert.Equal((2, 1), (await CountAsync("Carts"), await CountAsync("Changes")));
    }

    private Task<long> CountAsync(string table) => _database.ScalarAsync<long>($"""SELECT count(*) FROM "{table}" """);

    private async Task<Service> CreateAsync(bool pooled, TestDatabase? database = null, Action<IServiceCollection>? services = null)
    {
        var service = new Service(database ?? _database, pooled, services);
        await service.WorkAsync(db => db.Database.EnsureCreatedAsync());
        return service;
    }

    private sealed class Service : IAsyncDisposable
    {
        private int _number;

        public Service(TestDatabase database, bool pooled, Action<IServiceCollection>? more)
        {
            var services = new ServiceCollection().AddLogging().AddSingleton(this).AddSingleton(database);
            void Configure(DbContextOptionsBuilder options) => options.UseNpgsql(database.ConnectionString);
            _ = pooled ? services.AddDbContextPool<CartDb>(Configure, poolSize: 1) : services.AddDbContext<CartDb>(Configure);
            services.AddDomainEvents<CartDb>();
            services.AddScoped<IDomainEventHandler<Filled>, RecordChange>().AddScoped<ICommittedEventHandler<Filled>, Look>();
            more?.Invoke(services);
            Services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true, ValidateOnBuild = true });
        }

        public ServiceProvider Services { get; }

        public bool Fail { get; set; }

        public List<long> Seen { get; } = [];

        public Task AddCartAsync() => WorkAsync(async db =>
        {
            db.Add(Cart.Fill(++_number, s_now));
            await db.SaveChangesAsync();
        });

        public async Task WorkAsync(Func<CartDb, Task> work)
        {
            await using var scope = Services.CreateAsyncScope();
            await work(scope.ServiceProvider.GetRequiredService<CartDb>());
        }

        public ValueTask DisposeAsync() => Services.DisposeAsync();
    }

    private sealed class Cart : AggregateRoot
    {
        public Guid Id { get; private init; } = Guid.CreateVersion7();

        public int Number { get; private init; }

        public static Cart Fill(int number, DateTimeOffset now)
        {
            var cart = new Cart { Number = number };
            new Line(cart).Fill(now);
            return cart;
        }
    }

    private sealed class Line(Cart cart) : AggregatePart
    {
        protected override AggregateRoot Root => cart;

        public void Fill(DateTimeOffset now) => Raise(new Filled(cart.Number, now));
    }

    private sealed record Filled(int Number, DateTimeOffset At) : DomainEvent(At);

    private sealed class Change
    {
        public long Id { get; private init; }

        public int Number { get; init; }
    }

    private sealed class RecordChange(CartDb db, Service service) : IDomainEventHandler<Filled>
    {
        public Task HandleAsync(Filled domainEvent, CancellationToken ct)
        {
            db.Add(new Change { Number = domainEvent.Number });
            return service.Fail ? throw new DomainException("no", "no") : Task.CompletedTask;
        }
    }

    private sealed class Look(Service service, TestDatabase database) : ICommittedEventHandler<Filled>
    {
        public async Task HandleAsync(Filled domainEvent, CancellationToken ct) =>
            service.Seen.Add(await database.ScalarAsync<long>("""SELECT count(*) FROM "Carts" """));
    }

    private sealed class CartDb(DbContextOptions<CartDb> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<Cart>().ToTable("Carts").Property(cart => cart.Id).ValueGeneratedNever();
            modelBuilder.Entity<Change>().ToTable("Changes");
        }
    }

    private sealed class OtherDb(DbContextOptions<OtherDb> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder) =>
            modelBuilder.Entity<Cart>().ToTable("Carts").Property(cart => cart.Id).ValueGeneratedNever();
    }
}
