using Microsoft.EntityFrameworkCore;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.Tests.Dispatch;

/// <summary>A membership, which opens an account for whoever joins. Names are unique, so that a save can fail.</summary>
internal sealed class Membership : AggregateRoot
{
    public Guid Id { get; private init; } = Guid.CreateVersion7();

    public required string Name { get; init; }

    /// <summary>Records the event: the unit of work handles it.</summary>
    public static Membership Join(string name, DateTimeOffset now)
    {
        var membership = new Membership { Name = name };
        membership.Raise(new Joined(name, now));
        return membership;
    }

    /// <summary>Handles the event at once, in whatever the static class knows.</summary>
    public static Membership JoinAndHandle(string name, DateTimeOffset now)
    {
        var membership = new Membership { Name = name };
        StaticEvents.Raise(new Joined(name, now));
        return membership;
    }
}

internal sealed record Joined(string Name, DateTimeOffset At) : DomainEvent(At), Mediator.INotification;

internal sealed class Account : AggregateRoot
{
    public Guid Id { get; private init; } = Guid.CreateVersion7();

    public required string Owner { get; init; }

    public static Account OpenFor(Joined joined)
    {
        var account = new Account { Owner = joined.Name };
        account.Raise(new AccountOpened(joined.Name, joined.At));
        return account;
    }
}

internal sealed record AccountOpened(string Owner, DateTimeOffset At) : DomainEvent(At), Mediator.INotification;

internal sealed class ClubDb(DbContextOptions<ClubDb> options) : DbContext(options)
{
    public DbSet<Membership> Memberships => Set<Membership>();

    public DbSet<Account> Accounts => Set<Account>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Membership>(membership =>
        {
            membership.ToTable("memberships").Property(one => one.Id).ValueGeneratedNever();
            membership.HasIndex(one => one.Name).IsUnique();
        });
        modelBuilder.Entity<Account>().ToTable("accounts").Property(account => account.Id).ValueGeneratedNever();
    }
}

/// <summary>What cannot be rolled back.</summary>
internal sealed class Mailbox
{
    public List<string> Sent { get; } = [];
}

/// <summary>The static class of the first articles about domain events. Each test has its own handlers.</summary>
internal static class StaticEvents
{
    private static readonly AsyncLocal<Action<Joined>?> s_handler = new();

    public static void Handle(Action<Joined> handler) => s_handler.Value = handler;

    public static void Raise(Joined joined) => s_handler.Value?.Invoke(joined);
}

internal sealed class OpenAccount(ClubDb db) : IDomainEventHandler<Joined>
{
    public Task HandleAsync(Joined domainEvent, CancellationToken ct)
    {
        db.Add(Account.OpenFor(domainEvent));
        return Task.CompletedTask;
    }
}

internal sealed class SendMail(Mailbox mailbox) : IDomainEventHandler<Joined>
{
    public Task HandleAsync(Joined domainEvent, CancellationToken ct)
    {
        mailbox.Sent.Add(domainEvent.Name);
        return Task.CompletedTask;
    }
}

internal sealed class OpenAccountByMediator(ClubDb db) : Mediator.INotificationHandler<Joined>
{
    public ValueTask Handle(Joined notification, CancellationToken cancellationToken)
    {
        db.Add(Account.OpenFor(notification));
        return ValueTask.CompletedTask;
    }
}

internal sealed class WelcomeByMediator(Mailbox mailbox) : Mediator.INotificationHandler<AccountOpened>
{
    public ValueTask Handle(AccountOpened notification, CancellationToken cancellationToken)
    {
        mailbox.Sent.Add(notification.Owner);
        return ValueTask.CompletedTask;
    }
}
