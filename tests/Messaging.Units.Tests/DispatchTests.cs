using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.Units.Tests;

/// <summary>Dispatch of domain events: handlers, their order, and failures. The context opens no connection.</summary>
public sealed class DispatchTests : IDisposable
{
    private readonly List<string> _calls = [];
    private readonly Errors _errors = new();
    private readonly ServiceCollection _services = new();
    private readonly Db _db = new();

    public DispatchTests() => _services.AddLogging(logging => logging.AddProvider(_errors));

    public void Dispose() => _db.Dispose();

    [Fact]
    public async Task Handlers_are_called_in_the_order_of_events_and_of_registration()
    {
        Before<Opened>(e => _calls.Add($"first {e.Name}"));
        Before<Opened>(e => _calls.Add($"second {e.Name}"));
        Before<Closed>(e => _calls.Add($"closed {e.Name}"));
        Add("a").Open().Close();
        Add("b").Open();

        var handled = await Dispatcher().HandleRecordedAsync(_db, default);

        Assert.Equal(["first a", "second a", "closed a", "first b", "second b"], _calls);
        Assert.Equal(["Opened a", "Closed a", "Opened b"], handled.Select(e => e.ToString()));
        Assert.DoesNotContain(_db.Set<Door>().Local, door => door.HasEvents);
    }

    [Fact]
    public async Task Events_raised_by_handlers_are_handled_too()
    {
        Before<Opened>(_ => { });
        Before<Opened>(e => Known(e.Name).Close());
        Before<Closed>(e => _calls.Add($"closed {e.Name}"));
        Add("a").Open();
        Add("b").Open();

        var handled = await Dispatcher().HandleRecordedAsync(_db, default);

        Assert.Equal(["closed a", "closed b"], _calls);
        Assert.Equal(["Opened a", "Opened b", "Closed a", "Closed b"], handled.Select(e => e.ToString()));
    }

    [Fact]
    public async Task An_event_without_a_handler_is_returned()
    {
        Add("a").Open();

        Assert.Equal("Opened a", Assert.Single(await Dispatcher().HandleRecordedAsync(_db, default)).ToString());
        Assert.Empty(await Dispatcher().HandleRecordedAsync(_db, default));
    }

    [Theory]
    [InlineData(32, true)]
    [InlineData(33, false)]
    public async Task Handlers_may_raise_events_for_each_other_for_32_rounds(int rounds, bool ends)
    {
        var round = 1;
        Before<Opened>(e => _ = round++ < rounds ? Known(e.Name).Open() : null);
        Add("a").Open();

        var handling = Dispatcher().HandleRecordedAsync(_db, default);

        if (ends)
        {
            Assert.Equal(rounds, (await handling).Count);
            return;
        }

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => handling);
        Assert.Equal("Domain events were still being raised after 32 rounds, last Opened: some handlers keep raising events for each other.", error.Message);
    }

    [Fact]
    public async Task After_a_failed_handler_saving_is_refused_until_the_context_is_cleared()
    {
        var fail = true;
        Before<Opened>(e => _ = fail ? throw new DomainException("no", "no") : 0);
        var dispatcher = Dispatcher();
        Add("a").Open();
        await Assert.ThrowsAsync<DomainException>(() => dispatcher.HandleRecordedAsync(_db, default));

        fail = false;
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => dispatcher.HandleRecordedAsync(_db, default));
        Assert.Equal("An earlier save failed while its domain events were handled, so saving now would store changes without their events. "
            + "Clear the context and start again from fresh data.", error.Message);

        _db.ChangeTracker.Clear();
        Add("b").Open();
        Assert.Single(await dispatcher.HandleRecordedAsync(_db, default));
        Known("b").Open();
        Assert.Single(await dispatcher.HandleRecordedAsync(_db, default)); // what is handled is no failure
    }

    [Fact]
    public async Task After_the_commit_each_handler_is_called_and_not_cancelled()
    {
        var tokens = new List<CancellationToken>();
        After<Opened>((e, ct) =>
        {
            _calls.Add($"first {e.Name}");
            tokens.Add(ct);
        });
        After<Opened>((e, _) => _calls.Add($"second {e.Name}"));
        After<Closed>((_, _) => _calls.Add("closed"));
        Before<Opened>(_ => _calls.Add("before"));

        await Dispatcher().AfterCommitAsync(new Opened("a"));

        Assert.Equal(["first a", "second a"], _calls);
        Assert.Equal([CancellationToken.None], tokens);
    }

    [Fact]
    public async Task An_exception_of_a_handler_after_the_commit_is_logged_and_not_thrown()
    {
        After<Opened>((_, _) => throw new InvalidOperationException("too late"));

        await Dispatcher().AfterCommitAsync(new Opened("a"));

        Assert.Equal((LogLevel.Error, "A handler of committed event Opened failed; the change stays committed.", "too late"), Assert.Single(_errors.Logged));
    }

    [Fact]
    public async Task Handlers_before_the_commit_receive_the_cancellation_token()
    {
        using var source = new CancellationTokenSource();
        var seen = CancellationToken.None;
        _services.AddSingleton<IDomainEventHandler<Opened>>(new BeforeCommit<Opened>((_, ct) => seen = ct));
        Add("a").Open();

        await Dispatcher().HandleRecordedAsync(_db, source.Token);

        Assert.Equal(source.Token, seen);
    }

    [Fact]
    public async Task A_span_names_the_event_the_handler_and_the_phase()
    {
        var spans = new List<Activity>();
        using var listener = Listen(spans);
        Before<Opened>(_ => { });
        After<Opened>((_, _) => { });
        var opened = Add("a").Open().TakeEvents()[0];
        var dispatcher = Dispatcher();
        Known("a").Record(opened);
        Known("a").Close();

        await dispatcher.HandleRecordedAsync(_db, default);
        await dispatcher.AfterCommitAsync(opened);

        Assert.Equal(
            [("Opened -> BeforeCommit`1", "BeforeCommit`1", "before commit"), ("Closed", null, "before commit"), ("Opened -> AfterCommit`1", "AfterCommit`1", "after commit")],
            spans.Select(span => (span.OperationName, (string?)span.GetTagItem("shop.domain_event.handler"), (string?)span.GetTagItem("shop.domain_event.phase"))));
        Assert.Equal(["Opened", "Closed", "Opened"], spans.Select(span => (string?)span.GetTagItem("shop.domain_event.name")));
        Assert.Equal(opened.EventId.ToString(), spans[0].GetTagItem("shop.domain_event.id"));
        Assert.All(spans, span => Assert.Equal(ActivityStatusCode.Unset, span.Status));
    }

    [Fact]
    public async Task The_span_of_a_failed_handler_has_the_error()
    {
        var spans = new List<Activity>();
        using var listener = Listen(spans);
        Before<Opened>(_ => throw new DomainException("no", "not now"));
        Add("a").Open();

        await Assert.ThrowsAsync<DomainException>(() => Dispatcher().HandleRecordedAsync(_db, default));

        var span = Assert.Single(spans);
        Assert.Equal((ActivityStatusCode.Error, "not now", typeof(DomainException).FullName), (span.Status, span.StatusDescription, span.GetTagItem("error.type")));
    }

    [Fact]
    public void The_span_of_a_commit_begins_when_its_events_were_handled()
    {
        Assert.Null(DomainEventSpans.Committed(TestEvents.Now, 1)); // nobody listens

        var spans = new List<Activity>();
        using var listener = Listen(spans);
        DomainEventSpans.Committed(TestEvents.Now, 3)!.Dispose();

        var span = Assert.Single(spans);
        Assert.Equal(("commit", TestEvents.Now.UtcDateTime, 3), (span.OperationName, span.StartTimeUtc, span.GetTagItem("shop.domain_events")));
    }

    private DomainEventDispatcher Dispatcher() => ActivatorUtilities.CreateInstance<DomainEventDispatcher>(_services.BuildServiceProvider());

    private Door Add(string name) => _db.Add(new Door(name)).Entity;

    private Door Known(string name) => _db.Set<Door>().Local.Single(door => door.Name == name);

    private void Before<T>(Action<T> act)
        where T : DomainEvent => _services.AddSingleton<IDomainEventHandler<T>>(new BeforeCommit<T>((e, _) => act(e)));

    private void After<T>(Action<T, CancellationToken> act)
        where T : DomainEvent => _services.AddSingleton<ICommittedEventHandler<T>>(new AfterCommit<T>(act));

    private static ActivityListener Listen(List<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Shop.DomainEvents",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    private sealed class BeforeCommit<T>(Action<T, CancellationToken> act) : IDomainEventHandler<T>
        where T : DomainEvent
    {
        public Task HandleAsync(T domainEvent, CancellationToken ct)
        {
            act(domainEvent, ct);
            return Task.CompletedTask;
        }
    }

    private sealed class AfterCommit<T>(Action<T, CancellationToken> act) : ICommittedEventHandler<T>
        where T : DomainEvent
    {
        public Task HandleAsync(T domainEvent, CancellationToken ct)
        {
            act(domainEvent, ct);
            return Task.CompletedTask;
        }
    }

    private sealed class Db : DbContext
    {
        protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => optionsBuilder.UseNpgsql("Host=nowhere");

        protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<Door>().HasKey(door => door.Name);
    }

    private sealed class Errors : ILoggerProvider, ILogger
    {
        public List<(LogLevel Level, string Text, string? Exception)> Logged { get; } = [];

        public ILogger CreateLogger(string categoryName) =>
            categoryName.EndsWith(nameof(DomainEventDispatcher), StringComparison.Ordinal) ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Logged.Add((logLevel, formatter(state, exception), exception?.Message));

        public void Dispose()
        {
        }
    }
}
