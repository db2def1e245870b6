using Shop.Messaging.DomainEvents;

/// <summary>A customer's request for help.</summary>
internal sealed class Ticket : AggregateRoot
{
    private Ticket() { } // EF Core

    public Guid Id { get; private init; }
    public required string Customer { get; init; }
    public required string Subject { get; init; }

    public static Ticket Open(string customer, string subject, DateTimeOffset now)
    {
        var ticket = new Ticket { Id = Guid.CreateVersion7(now), Customer = customer, Subject = subject, Version = 1 };
        ticket.Raise(new Opened(ticket, now));
        return ticket;
    }
}

/// <summary>A domain event: it never leaves the service.</summary>
internal sealed record Opened(Ticket Ticket, DateTimeOffset At) : DomainEvent(At);

internal sealed class Customer
{
    public required string Name { get; init; }
    public int OpenTickets { get; set; }
}

/// <summary>Before the commit, in the same transaction: when it throws, there is no ticket and no event.</summary>
internal sealed class LimitOpenTickets(DeskDb db) : IDomainEventHandler<Opened>
{
    private const int Limit = 2;

    public async Task HandleAsync(Opened opened, CancellationToken ct)
    {
        var customer = await db.Customers.FindAsync([opened.Ticket.Customer], ct)
            ?? db.Customers.Add(new Customer { Name = opened.Ticket.Customer }).Entity;
        if (++customer.OpenTickets > Limit)
        {
            throw new DomainException("too-many-tickets", $"{customer.Name} has {Limit} open tickets already.", conflict: true);
        }
    }
}
