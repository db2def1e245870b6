using Shop.Operations;
using Shop.Operations.Journey;

namespace Shop.Console.Tests;

/// <summary>What is said of the services' answers, on the pages and by the commands.</summary>
public sealed class WordsTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void All_orders_flow_while_nothing_needs_a_person() =>
        Assert.Equal("All orders flow.", Troubles.Verdict(Troubles.Of([Answered(Service())], s_now)));

    [Fact]
    public void The_worst_is_said_first_and_the_others_are_counted()
    {
        var dead = Service() with { Queues = [Queue() with { DeadLetters = 2 }, Queue() with { Queue = "inventory.order-shipped", Consumers = 0, Ready = 3 }] };

        var troubles = Troubles.Of([Answered(dead), new Answer<ServiceOverview>("analytics", null, "it does not answer")], s_now);

        Assert.Equal(["analytics is unknown: it does not answer", "Nobody consumes inventory.order-shipped, where 3 messages wait", "2 dead letters of inventory.order-placed"],
            troubles.Select(trouble => trouble.What));
        Assert.Equal("analytics is unknown: it does not answer, and 2 other things need a person.", Troubles.Verdict(troubles));
        Assert.All(troubles, trouble => Assert.NotEmpty(trouble.ToDo));
    }

    [Theory]
    [InlineData(false, "Start it again, or read its log.")]
    [InlineData(true, "It runs, and refuses to answer you: sign in again, or ask who administers the accounts for the scope ops:read.")]
    public void A_service_that_refuses_this_person_is_not_to_be_started_again(bool refused, string toDo) =>
        Assert.Equal(toDo, Assert.Single(Troubles.Of([new Answer<ServiceOverview>("ordering", null, "no scope (403)", refused)], s_now)).ToDo);

    [Theory]
    [InlineData(59, 0)]
    [InlineData(61, 1)]
    public void An_event_that_waits_in_the_outbox_is_in_flight_for_a_minute(int seconds, int troubles) =>
        Assert.Equal(troubles, Troubles.Of([Answered(Service() with { Outbox = new OutboxNow(1, s_now.AddSeconds(-seconds), 0, null, null) })], s_now).Count);

    [Fact]
    public void Each_cause_of_a_missing_order_has_its_own_sentence()
    {
        var dead = new DeadLetterView("inventory.order-placed", "x", "ordering.order-placed.v2", null, "No connection.", s_now, 1, null);
        var parked = new ParkedEvent(1, Guid.Empty, "stream", "ordering.order-placed.v2", true, 0, s_now, 3, null, "It was returned.", null, null);

        Assert.StartsWith("Inventory has not answered for 60 s, and nothing has failed", CauseOf(Records()), StringComparison.Ordinal);
        Assert.StartsWith("inventory.order-placed could not handle ordering.order-placed.v2: No connection.", CauseOf(Records() with
        {
            Facts = [Facts("inventory") with { DeadLetters = [dead] }],
        }), StringComparison.Ordinal);
        Assert.StartsWith("ordering.order-placed.v2 is parked in ordering's outbox: It was returned.", CauseOf(Records() with
        {
            Facts = [Facts("ordering") with { Parked = [parked] }],
        }), StringComparison.Ordinal);
        Assert.Equal("Rejected for want of stock: 5 of TEA-1 were asked for and 2 were available.", CauseOf(Records("rejected") with
        {
            Order = Order("rejected") with { Reason = new OrderSummary.ReasonFor("out-of-stock", [new OrderSummary.ShortLine("TEA-1", 5, 2)]) },
        }));
        Assert.StartsWith("The email \"Your order is confirmed\" was not delivered after 4 attempts: smtp-550.", CauseOf(Records("confirmed") with
        {
            Messages = [new Message(Guid.Empty, "alice", "email", "Your order is confirmed", "failed", 4, "smtp-550", s_now, null)],
        }), StringComparison.Ordinal);
    }

    /// <summary>Otherwise it would be said to wait, for ever.</summary>
    [Fact]
    public void What_a_person_discarded_is_the_cause_and_never_comes()
    {
        var dead = Records() with { Facts = [Facts("inventory") with { Discarded = [Discarded("inventory.order-placed", "ordering.order-placed.v2")] }] };
        var parked = Records("cancelled") with
        {
            History = [new HistoryEntry(2, "confirmed", "cancelled", null, "customer", "alice", s_now)],
            Facts = [Facts("ordering") with { Discarded = [Discarded(null, "ordering.order-cancelled.v1")] }],
        };

        Assert.Equal("ordering.order-placed.v2 was discarded by ada before inventory.order-placed could handle it: a test. "
            + "It is not handled: the order waits for nothing, and is cancelled when Inventory's answer is overdue.", CauseOf(dead));
        var gap = Gaps.In(dead, s_now)[0];
        Assert.Equal(("Inventory's answer, for 60 s, which never comes: ordering.order-placed.v2 was discarded by ada before inventory.order-placed could handle it: a test", true),
            (gap.What, gap.IsFinal));
        Assert.Equal("ordering.order-cancelled.v1 was discarded from ordering's outbox by ada: a test. Nobody receives it.", CauseOf(parked));
        Assert.Contains("Ordering's event of version 2 (cancelled) at Analytics, which never comes: ordering.order-cancelled.v1 was discarded from ordering's outbox by ada: a test",
            Gaps.In(parked, s_now).Select(gap => gap.What));
        var step = Story.Of(parked)[^1];
        Assert.Equal((StepKind.Failure, "ordering", "ordering.order-cancelled.v1 was discarded from ordering's outbox by ada: a test"), (step.Kind, step.Service, step.What));
    }

    /// <summary>The discard of one event explains no other that is missing.</summary>
    [Fact]
    public void What_is_missing_for_another_reason_may_still_come()
    {
        var records = Records("confirmed") with
        {
            History = [new HistoryEntry(1, null, "placed", null, "customer", "alice", s_now), new HistoryEntry(2, "placed", "confirmed", null, "event", null, s_now)],
            Facts = [Facts("analytics") with { Discarded = [Discarded("analytics.event-log", "ordering.order-placed.v2")] }],
            Unknown = ["inventory", "notification"],
        };

        Assert.Equal([true, false], Gaps.In(records, s_now).Where(gap => gap.What.StartsWith("Ordering's", StringComparison.Ordinal)).Select(gap => gap.IsFinal));
    }

    /// <summary>What a change causes takes a moment, and nobody is sent to look for it meanwhile.</summary>
    [Theory]
    [InlineData(9, true, "Under way, 9 s after its last change. Still to come: Ordering's event of version 2 (confirmed) at Analytics.")]
    [InlineData(11, false, "Something is missing: Ordering's event of version 2 (confirmed) at Analytics.")]
    public void What_changed_a_moment_ago_is_under_way(int seconds, bool isGood, string text)
    {
        var records = Records("confirmed") with
        {
            History = [new HistoryEntry(2, "placed", "confirmed", null, "event", null, s_now.AddSeconds(-seconds))],
            Movements = [new Movement("TEA-1", "reserved", 1, null, s_now)],
        };

        var cause = Cause.Of(records, Gaps.In(records, s_now), s_now);

        Assert.Equal((text, isGood), (cause.What, cause.IsGood));
        Assert.False(Cause.Of(records with { Unknown = ["notification"] }, Gaps.In(records with { Unknown = ["notification"] }, s_now), s_now).IsGood);
    }

    /// <summary>Analytics may be set to keep whole months only.</summary>
    [Theory]
    [InlineData(27, "Something is missing: Ordering's event of version 2 (shipped) at Analytics.", false)]
    [InlineData(29, "Shipped.", true)]
    public void What_is_older_than_a_log_may_be_kept_is_not_what_an_order_lacks(int days, string cause, bool final)
    {
        var records = Records("shipped") with
        {
            History = [new HistoryEntry(2, "confirmed", "shipped", null, "staff", "sam", s_now.AddDays(-days))],
            Unknown = ["inventory", "notification"],
        };
        var gaps = Gaps.In(records, s_now);

        Assert.Equal(final, gaps.Single(gap => gap.What.StartsWith("Ordering's", StringComparison.Ordinal)).IsFinal);
        Assert.Equal(cause, Cause.Of(records with { Unknown = [] }, [.. gaps.Where(gap => !gap.What.StartsWith("what", StringComparison.Ordinal))], s_now).What);
    }

    [Theory]
    [InlineData(0L, "and nothing has failed: it still waits")]
    [InlineData(2L, "It has 2 messages that failed and will be tried again, and this order's may be one of them")]
    public void Nothing_has_failed_only_while_nothing_is_to_be_retried(long retrying, string text) =>
        Assert.Contains(text, CauseOf(Records() with { Facts = [Facts("inventory") with { Retrying = retrying }] }), StringComparison.Ordinal);

    [Theory]
    [InlineData(1, 0, "committed with its effects")]
    [InlineData(3, 0, "committed with its effects, after 3 attempts")]
    [InlineData(1, 1, "committed with its effects, at the first delayed retry")]
    [InlineData(2, 4, "committed with its effects, at the delayed retry 4")]
    public void Retries_are_said_where_they_happened(int attempts, int retries, string text) => Assert.EndsWith(text, Story.Of(Records() with
    {
        Facts = [Facts("inventory") with { Handled = [new HandledFact(Guid.Empty, "inventory.order-placed", null, null, s_now, attempts, retries)] }],
    })[0].What, StringComparison.Ordinal);

    [Fact]
    public void What_a_service_that_is_down_would_say_is_missing_and_not_wrong()
    {
        var gaps = Gaps.In(Records("confirmed") with { Unknown = ["inventory", "analytics", "notification"] }, s_now);

        Assert.Equal(["what inventory knows of it: it does not answer", "what analytics knows of it: it does not answer", "what notification knows of it: it does not answer"],
            gaps.Select(gap => gap.What));
    }

    [Fact]
    public void Figures_that_differ_are_named_and_a_service_without_an_answer_is_unknown()
    {
        Answer<InvariantFacts>[] facts = [Answered(Figures("ordering", 3)), Answered(Figures("analytics", 2))];

        var broken = InvariantReport.Figures(facts, s_now);
        var unknown = InvariantReport.Figures([facts[0], new Answer<InvariantFacts>("analytics", null, "it does not answer")], null);

        Assert.Equal((Holding.Broken, "placed: 2 at Analytics, 3 at Ordering"), (broken.Holding, Assert.Single(broken.Details)));
        Assert.Equal(Holding.Unknown, unknown.Holding);
        Assert.Equal(Holding.Holds, InvariantReport.Figures([facts[0], Answered(Figures("analytics", 3))], s_now).Holding);
    }

    [Fact]
    public void An_outbox_that_is_not_empty_is_in_flight_and_a_dead_letter_is_not_at_rest()
    {
        var busy = Service() with { Outbox = new OutboxNow(4, s_now, 0, null, null) };

        Assert.Equal(Holding.InFlight, InvariantReport.AtRest([Answered(busy)]).Holding);
        Assert.Equal(Holding.Broken, InvariantReport.AtRest([Answered(busy with { Queues = [Queue() with { DeadLetters = 1 }] })]).Holding);
        Assert.Equal(Holding.Unknown, InvariantReport.AtRest([Answered(Service() with { Outbox = null })]).Holding);
        Assert.Equal(Holding.Holds, InvariantReport.AtRest([Answered(Service())]).Holding);
    }

    [Fact]
    public void A_queue_that_has_consumed_less_than_was_published_is_named()
    {
        Answer<ContractsInUse>[] contracts = [Answered(new ContractsInUse("inventory", s_now, [], [new ConsumedContract("ordering.order-placed.v2", "inventory.order-placed", 3, s_now)], []), "inventory")];
        Answer<InvariantFacts>[] Of(long handled) =>
        [
            Answered(new InvariantFacts("inventory", s_now, [], s_now, null, null, new Dictionary<string, long> { ["inventory.order-placed"] = handled }, null), "inventory"),
            Answered(new InvariantFacts("analytics", s_now, [], s_now, null, null, new Dictionary<string, long>(),
                new Dictionary<string, long> { ["ordering.order-placed.v2"] = 3 }), "analytics"),
        ];

        Assert.Equal("inventory.order-placed: 2 consumed of 3 published", Assert.Single(InvariantReport.Consumed(Of(2), contracts, s_now).Details));
        Assert.Equal(Holding.Holds, InvariantReport.Consumed(Of(3), contracts, s_now).Holding);
    }

    /// <summary>The confirm comes back after a consumer has the event, and clocks differ.</summary>
    [Theory]
    [InlineData(2, 5, "published ordering.order-placed.v2, confirmed 9 ms after it was stored")]
    [InlineData(9, 5, "published ordering.order-placed.v2, confirmed 9 ms after it was stored; by its own clock 4 ms after it was received: the clocks differ")]
    [InlineData(null, 5, "published ordering.order-placed.v2, confirmed 9 ms after it was stored")]
    public void An_event_is_published_before_it_is_received_and_no_line_goes_back_in_time(int? published, int received, string text)
    {
        var id = Guid.CreateVersion7(s_now);
        DateTimeOffset At(int milliseconds) => s_now.AddMilliseconds(milliseconds);
        var facts = Facts("inventory") with
        {
            Handled = [new HandledFact(id, "inventory.order-placed", published is { } sent ? At(sent) : null, At(received), At(received + 1), 1)],
        };
        var steps = Story.Of(Records() with
        {
            Facts = [facts, Facts("ordering") with { Published = [new PublishedFact(id, "ordering.order-placed.v2", "stream", s_now, At(9))] }],
        });

        Assert.Equal([StepKind.Publish, StepKind.Receive, StepKind.Inbox], steps.Select(step => step.Kind));
        Assert.Equal(text, steps[0].What);
        var lane = new Shop.Console.Features.Journey.Swimlane(steps);
        Assert.All(lane.Flights, flight => Assert.True(flight.FromX < flight.ToX, $"{flight}"));
        Assert.Single(lane.Flights);
        Assert.InRange(lane.Width, 1_150, 1_200); // fills the page
    }

    [Fact]
    public void What_waits_to_be_published_is_the_cause_and_where_the_log_is_read_it_is_said_that_it_cannot_be_seen()
    {
        var waiting = new WaitingFact(Guid.Empty, "ordering.order-placed.v2", "stream", s_now.AddSeconds(-30));

        Assert.Equal("ordering.order-placed.v2 waits in ordering's outbox for 30 s: it is not published yet.",
            CauseOf(Records() with { Facts = [Facts("ordering") with { Waiting = [waiting] }] }));
        Assert.Contains("An event that waits there cannot be looked up", CauseOf(Records() with { Facts = [Facts("ordering") with { LogBytes = 4_096 }] }),
            StringComparison.Ordinal);
        Assert.StartsWith("Inventory has not answered", CauseOf(Records() with { Facts = [Facts("ordering") with { LogBytes = 0 }] }), StringComparison.Ordinal);
    }

    private static string CauseOf(OrderRecords records) => Cause.Of(records, [], s_now).What;

    private static OrderSummary Order(string status) => new(Guid.Empty, status, [], 0, "EUR", s_now.AddMinutes(-1), 1);

    private static OrderRecords Records(string status = "placed") => new(Order(status), [], [], [], [], [], [], []);

    private static JourneyFacts Facts(string service) => new(service, [], [], [], [], [], [], 0);

    private static DiscardedFact Discarded(string? queue, string type) => new(Guid.Empty.ToString(), type, queue, s_now, "ada", "a test");

    private static InvariantFacts Figures(string service, decimal placed) =>
        new(service, s_now, [], s_now, null, new Dictionary<string, decimal> { ["placed"] = placed }, null, null);

    private static ServiceOverview Service() => new("inventory", "one", s_now, s_now, new OutboxNow(0, null, 0, null, null),
        new RelayNow("polling", 1, 0, null), [Queue()], 0, 0, 0, null, null, null);

    private static QueueNow Queue() => new("inventory.order-placed", 0, 1, 0, 0, 1, 0, 0, 0, s_now, s_now, null);

    private static Answer<ServiceOverview> Answered(ServiceOverview service) => new(service.Service, service, null);

    private static Answer<InvariantFacts> Answered(InvariantFacts facts, string? service = null) => new(service ?? facts.Service, facts, null);

    private static Answer<ContractsInUse> Answered(ContractsInUse contracts, string service) => new(service, contracts, null);
}
