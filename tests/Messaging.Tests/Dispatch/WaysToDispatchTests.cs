using System.Threading.Channels;
using Mediator;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Tests.Dispatch;

/// <summary>The ways to dispatch a domain event that docs/adr/0017 weighs, each with its consequence. Ann is a member already.</summary>
public sealed class WaysToDispatchTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);
    private readonly Mailbox _mailbox = new();
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync("dispatch");
        await using var db = Open();
        await db.Database.EnsureCreatedAsync();
        db.Add(new Membership { Name = "Ann" });
        await db.SaveChangesAsync();
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Handled_at_once_a_mail_is_sent_for_a_change_that_is_rolled_back()
    {
        StaticEvents.Handle(joined => _mailbox.Sent.Add(joined.Name));
        await using var db = Open();

        db.Add(Membership.JoinAndHandle("Ann", s_now));
        await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync());

        Assert.Equal(["Ann"], _mailbox.Sent);
        Assert.Equal((1, 0), await StoredAsync());
    }

    [Fact]
    public void Handled_at_once_a_model_cannot_be_tested_without_its_handlers()
    {
        Assert.False(Membership.JoinAndHandle("Bob", s_now).HasEvents); // without a handler a test sees nothing
        StaticEvents.Handle(joined => _mailbox.Sent.Add(joined.Name));
        Membership.JoinAndHandle("Bob", s_now);
        Assert.Equal(["Bob"], _mailbox.Sent); // with one it runs the handler, and whatever that needs

        Assert.Equal("Cid", Assert.IsType<Joined>(Assert.Single(Membership.Join("Cid", s_now).TakeEvents())).Name);
        Assert.Equal(["Bob"], _mailbox.Sent);
    }

    [Fact]
    public async Task Recorded_and_dispatched_before_the_commit_the_change_and_its_handlers_are_stored_together_or_not_at_all()
    {
        await using var club = Club<OpenAccount>();

        await Assert.ThrowsAsync<DbUpdateException>(() => JoinAsync(club, "Ann"));
        Assert.Equal((1, 0), await StoredAsync());

        await JoinAsync(club, "Bob");
        Assert.Equal((2, 1), await StoredAsync());
    }

    [Fact]
    public async Task Dispatched_before_the_commit_a_mail_is_still_sent_for_a_change_that_is_rolled_back()
    {
        await using var club = Club<SendMail>();

        await Assert.ThrowsAsync<DbUpdateException>(() => JoinAsync(club, "Ann"));

        Assert.Equal(["Ann"], _mailbox.Sent); // only the handler's rows are rolled back
    }

    [Fact]
    public async Task Saved_first_and_dispatched_after_a_handler_that_fails_leaves_half_of_the_change()
    {
        await using var db = Open();
        db.Add(Membership.Join("Bob", s_now));

        await Assert.ThrowsAsync<TimeoutException>(() => SaveThenDispatchAsync(db, _ => throw new TimeoutException()));

        Assert.Equal((2, 0), await StoredAsync()); // a member without an account
        await using var restarted = Open();
        Assert.False((await restarted.Memberships.SingleAsync(one => one.Name == "Bob")).HasEvents); // and nothing that says so
    }

    [Fact]
    public async Task A_queue_in_memory_of_committed_events_does_not_survive_a_restart()
    {
        var queue = Channel.CreateUnbounded<DomainEvent>();
        await JoinAsync("Bob");
        Assert.Equal(1, await WorkOffAsync());

        await JoinAsync("Cid");
        queue = Channel.CreateUnbounded<DomainEvent>(); // the process is restarted before its worker has come to Cid
        Assert.Equal(0, await WorkOffAsync());

        Assert.Equal((3, 1), await StoredAsync());

        async Task JoinAsync(string name)
        {
            await using var db = Open();
            db.Add(Membership.Join(name, s_now));
            await SaveThenDispatchAsync(db, domainEvent => Assert.True(queue.Writer.TryWrite(domainEvent)));
        }

        async Task<int> WorkOffAsync()
        {
            await using var db = Open();
            while (queue.Reader.TryRead(out var domainEvent))
            {
                await new OpenAccount(db).HandleAsync((Joined)domainEvent, default);
            }

            return await db.SaveChangesAsync();
        }
    }

    [Fact]
    public async Task A_mediator_calls_handlers_and_leaves_rounds_and_transaction_to_the_caller()
    {
        await using var services = new ServiceCollection().AddSingleton(_mailbox).AddScoped(_ => Open())
            .AddMediator((MediatorOptions options) => options.ServiceLifetime = ServiceLifetime.Scoped).BuildServiceProvider();
        await using var scope = services.CreateAsyncScope();
        var (publisher, db) = (scope.ServiceProvider.GetRequiredService<IPublisher>(), scope.ServiceProvider.GetRequiredService<ClubDb>());

        await publisher.Publish((object)Membership.Join("Bob", s_now).TakeEvents()[0]);

        Assert.True(Assert.Single(db.Accounts.Local).HasEvents); // raised by the handler: nobody has published it
        Assert.Empty(_mailbox.Sent);
        Assert.Equal((1, 0), await StoredAsync()); // and nobody has saved
    }

    /// <summary>The events are taken before the save and dispatched after it, as an override of SaveChanges often does.</summary>
    private static async Task SaveThenDispatchAsync(ClubDb db, Action<DomainEvent> dispatch)
    {
        var events = db.ChangeTracker.Entries<AggregateRoot>().SelectMany(entry => entry.Entity.TakeEvents()).ToList();
        await db.SaveChangesAsync();
        events.ForEach(dispatch);
    }

    private static async Task JoinAsync(ServiceProvider club, string name)
    {
        await using var scope = club.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<ClubDb>();
        db.Add(Membership.Join(name, s_now));
        await db.SaveChangesAsync();
    }

    private ServiceProvider Club<THandler>()
        where THandler : class, IDomainEventHandler<Joined> => new ServiceCollection().AddLogging().AddSingleton(_mailbox)
        .AddDbContext<ClubDb>(options => options.UseNpgsql(_database.ConnectionString))
        .AddDomainEvents<ClubDb>()
        .AddScoped<IDomainEventHandler<Joined>, THandler>()
        .BuildServiceProvider();

    private ClubDb Open() => new(new DbContextOptionsBuilder<ClubDb>().UseNpgsql(_database.ConnectionString).Options);

    private async Task<(long Memberships, long Accounts)> StoredAsync() => (
        await _database.ScalarAsync<long>("SELECT count(*) FROM memberships"), await _database.ScalarAsync<long>("SELECT count(*) FROM accounts"));
}
