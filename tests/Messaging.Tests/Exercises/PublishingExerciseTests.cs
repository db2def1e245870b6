using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Tests.Dispatch;
using Shop.Messaging.Tests.Harness;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Tests.Exercises;

/// <summary>
/// What ./shop break runs with a protection and without it: each test writes what it counted. tests/exercises.txt has the changes that take
/// the protections away.
/// </summary>
public sealed class PublishingExerciseTests(ITestOutputHelper output) : MessagingTest
{
    private const int Orders = 50;

    private static readonly DateTimeOffset s_now = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task No_event_reports_an_order_that_was_refused()
    {
        var (saved, arrived) = await PlaceAllAsync(numberOf: order => IsFifth(order) ? 0 : order, ends: _ => false);

        output.WriteLine($"{Orders} orders were placed. {saved} were saved, {Orders - saved} were refused because their number was taken. "
            + $"{arrived} events arrived: {arrived - saved} report an order that does not exist.");
        Assert.Equal((40, 40), (saved, arrived));
    }

    [Fact]
    public async Task Every_saved_order_has_its_event_although_the_process_ends_after_a_save()
    {
        var (saved, arrived) = await PlaceAllAsync(numberOf: order => order, ends: IsSixteenth);

        output.WriteLine($"{saved} orders were saved, and after 3 of the saves the process ended. "
            + $"{arrived} of their events arrived after the restart, {saved - arrived} never will.");
        Assert.Equal((Orders, Orders), (saved, arrived));
    }

    [Fact]
    public async Task An_order_is_saved_with_its_history_or_not_at_all()
    {
        var calls = 0;
        var service = await ServiceAsync(relay: false, services: services => services.AddScoped<IDomainEventHandler<TicketOpened>>(scope =>
            new Handler<TicketOpened>(() => IsFifth(calls++) ? throw new DomainException("full", "The history is full.") : AddHistory(scope))));

        for (var order = 0; order < Orders; order++)
        {
            _ = await Record.ExceptionAsync(service.OpenAsync);
        }

        var (saved, history) = (await CountAsync("tickets"), await CountAsync("effects"));
        output.WriteLine($"{Orders} orders were placed, and the handler that writes their history threw for 10. "
            + $"{saved} were saved, {history} with their history: {saved - history} have none.");
        Assert.Equal((40, 40), (saved, history));
    }

    [Fact]
    public async Task A_crash_after_the_commit_takes_nothing_that_a_handler_wrote_before_it()
    {
        var (order, ended) = (0, new TaskCompletionSource());
        var service = await ServiceAsync(relay: false, services: services => services
            .AddScoped<ICommittedEventHandler<TicketOpened>>(_ => new Handler<TicketOpened>(() => EndAsync(order, ended)))
            .AddScoped<IDomainEventHandler<TicketOpened>>(scope => new Handler<TicketOpened>(() => AddHistory(scope))));

        for (; order < Orders; order++)
        {
            ended = new TaskCompletionSource();
            await Task.WhenAny(service.OpenAsync(), ended.Task);
        }

        var (saved, history) = (await CountAsync("tickets"), await CountAsync("effects"));
        output.WriteLine($"{saved} orders were committed, and after 3 of the commits the process was killed. "
            + $"The history has {history} of them, and nothing will ever write the other {saved - history}.");
        Assert.Equal((Orders, Orders), (saved, history));
    }

    [Fact]
    public async Task Nobody_is_welcomed_who_did_not_become_a_member()
    {
        var mails = 0;
        StaticEvents.Handle(_ => mails++);
        await using var club = new ServiceCollection().AddLogging()
            .AddDbContext<ClubDb>(options => options.UseNpgsql(Database.ConnectionString)).AddDomainEvents<ClubDb>()
            .AddScoped<ICommittedEventHandler<Joined>>(_ => new Handler<Joined>(() => Task.FromResult(mails++)))
            .BuildServiceProvider();
        await InClubAsync(club, db => db.Database.EnsureCreatedAsync());

        for (var person = 0; person < Orders; person++)
        {
            var name = $"{(IsFifth(person) ? 0 : person)}";
            _ = await Record.ExceptionAsync(() => InClubAsync(club, db =>
            {
                db.Add(Membership.Join(name, s_now));
                return db.SaveChangesAsync();
            }));
        }

        var members = await CountAsync("memberships");
        output.WriteLine($"{Orders} people joined. {members} became members, {Orders - members} were refused because their name was taken. "
            + $"{mails} were welcomed by mail: {mails - members} are not members.");
        Assert.Equal((40, 40), (members, mails));
    }

    /// <summary>Places the orders, restarts the service after each end of its process, and waits for all events that are under way.</summary>
    private async Task<(long Saved, int Arrived)> PlaceAllAsync(Func<int, int> numberOf, Func<int, bool> ends)
    {
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        foreach (var number in Enumerable.Range(0, Orders))
        {
            _ = await Record.ExceptionAsync(() => service.WorkAsync(async db =>
            {
                var order = Ticket.Open(s_now);
                db.AddRange(order, new UniqueThing { Name = $"{numberOf(number)}" });
                await db.SaveChangesAsync();
                await EndIfAsync(ends(number));
            }));
        }

        await ServiceAsync(migrate: false);
        await OutboxIsEmptyAsync();
        var last = new OrderShipped(Guid.CreateVersion7(), s_now, Guid.CreateVersion7(), 1, "nobody");
        await PublishAsync(last); // the queue keeps the order: no other is under way when this one arrives
        await Eventually.HoldsAsync("the last event arrives", () => probe.Received.Any(received => received.MessageId == last.EventId));
        return (await CountAsync("tickets"), probe.Received.Count - 1);
    }

    private static Task EndIfAsync(bool processEnds) => processEnds ? throw new OperationCanceledException("The process ends.") : Task.CompletedTask;

    private static async Task EndAsync(int order, TaskCompletionSource ended)
    {
        if (IsSixteenth(order))
        {
            ended.SetResult();
            await Task.Delay(Timeout.Infinite); // nothing that follows runs
        }
    }

    private static Task AddHistory(IServiceProvider scope)
    {
        scope.GetRequiredService<TicketDbContext>().Effects.Add(new Effect { What = "history" });
        return Task.CompletedTask;
    }

    private static async Task InClubAsync(ServiceProvider club, Func<ClubDb, Task> work)
    {
        await using var scope = club.CreateAsyncScope();
        await work(scope.ServiceProvider.GetRequiredService<ClubDb>());
    }

    private Task<long> CountAsync(string table) => Database.ScalarAsync<long>($"SELECT count(*) FROM {table}");

    private static bool IsFifth(int order) => order % 5 == 4;

    private static bool IsSixteenth(int order) => order % 16 == 15;

    /// <summary>Before the commit or after it, as it is registered.</summary>
    private sealed class Handler<TEvent>(Func<Task> act) : IDomainEventHandler<TEvent>, ICommittedEventHandler<TEvent>
        where TEvent : DomainEvent
    {
        public Task HandleAsync(TEvent domainEvent, CancellationToken ct) => act();
    }
}
