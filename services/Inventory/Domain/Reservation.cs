using Shop.Messaging.DomainEvents;


namespace Shop.Inventory.Domain;

internal enum ReservationStatus
{
    Reserved,
    Failed,
    Released,
    Shipped,
    Expired,
}

/// <summary>Where the units of a shipped order are in the ledger.</summary>
internal enum ShippedFrom
{
    /// <summary>Nowhere: it was shipped before.</summary>
    Nowhere,

    /// <summary>Reserved for it.</summary>
    Reserved,

    /// <summary>On hand again, because its reservation expired.</summary>
    Shelf,
}

/// <summary>
/// Inventory's decision about one order, kept permanently under the order's id, so that a second OrderPlaced of the same order,
/// whatever its event id, finds the decision. Reserved becomes Released, Shipped or Expired, and Expired can become Shipped;
/// Failed is final.
/// </summary>
internal sealed class Reservation : AggregateRoot
{
    private readonly List<ReservationLine> _lines = [];

    private Reservation() { } // EF Core

    public Guid OrderId { get; private init; }

    public ReservationStatus Status { get; private set; }

    /// <summary>The requested units, each sku once, ordered by sku; none for an order cancelled before its OrderPlaced arrived.</summary>
    public IReadOnlyList<ReservationLine> Lines => _lines;

    public DateTimeOffset DecidedAt { get; private init; }

    /// <summary>When the reservation expires if the order is not shipped; null where nothing was reserved.</summary>
    public DateTimeOffset? ExpiresAt { get; private init; }

    /// <summary>Reserves the stock for a lifetime; some products may have become low by it.</summary>
    public static Reservation Reserve(Guid orderId, IReadOnlyList<ReservationLine> lines, TimeSpan lifetime,
        IEnumerable<StockLevelLow> becameLow, DateTimeOffset now)
    {
        var reservation = New(orderId, ReservationStatus.Reserved, lines, now, now + lifetime);
        reservation.Raise(new StockReserved(orderId, reservation.Version, lines, now + lifetime, now));
        foreach (var low in becameLow)
        {
            reservation.Raise(low);
        }

        return reservation;
    }

    /// <summary>At least one line is short, so nothing is reserved.</summary>
    public static Reservation Fail(
        Guid orderId, IReadOnlyList<ReservationLine> lines, IReadOnlyList<ShortLine> shortLines, DateTimeOffset now)
    {
        var reservation = New(orderId, ReservationStatus.Failed, lines, now);
        reservation.Raise(new StockReservationFailed(orderId, reservation.Version, shortLines, now));
        return reservation;
    }

    /// <summary>The order was cancelled before its OrderPlaced arrived: recorded, so that nothing is reserved when it does.</summary>
    public static Reservation ReleaseBeforePlacement(Guid orderId, DateTimeOffset now) => New(orderId, ReservationStatus.Released, [], now);

    /// <summary>An order's lines in locking order: the same everywhere, so that two orders cannot deadlock.</summary>
    /// <exception cref="DomainException">There is no line, a quantity below 1, or a sku twice.</exception>
    public static IReadOnlyList<ReservationLine> Sorted(IEnumerable<ReservationLine> lines)
    {
        ReservationLine[] sorted = [.. lines.OrderBy(line => line.Sku, StringComparer.Ordinal)];
        if (sorted.Length == 0 || sorted.Any(line => line.Quantity < 1) || sorted.DistinctBy(line => line.Sku).Count() != sorted.Length)
        {
            throw new DomainException("malformed-order", "An order must have at least one line, each of at least one unit and with a different sku.");
        }

        return sorted;
    }

    /// <summary>The order is cancelled. Returns whether stock has to be released.</summary>
    public bool Release(DateTimeOffset now)
    {
        if (Status != ReservationStatus.Reserved)
        {
            return false;
        }

        Become(ReservationStatus.Released);
        Raise(new StockReleased(OrderId, Version, Lines, now));
        return true;
    }

    /// <summary>Expires the reservation if it is due. Returns whether stock has to be released.</summary>
    public bool Expire(DateTimeOffset now)
    {
        if (Status != ReservationStatus.Reserved || ExpiresAt is not { } end || now < end)
        {
            return false;
        }

        Become(ReservationStatus.Expired);
        Raise(new StockReservationExpired(OrderId, Version, Lines, now));
        return true;
    }

    /// <summary>The order was shipped. Returns where its stock has to be booked from: nowhere for a duplicate.</summary>
    /// <exception cref="DomainException">Nothing was reserved for it, or it was released.</exception>
    public ShippedFrom Ship(DateTimeOffset now)
    {
        var from = Status switch
        {
            ReservationStatus.Shipped => ShippedFrom.Nowhere,
            ReservationStatus.Reserved => ShippedFrom.Reserved,
            ReservationStatus.Expired => ShippedFrom.Shelf,
            _ => throw new DomainException("nothing-reserved",
                $"Order {OrderId} was shipped, but its reservation is {Status}. Check the stock of its products.",
                conflict: true),
        };
        if (from != ShippedFrom.Nowhere)
        {
            Become(ReservationStatus.Shipped);
            Raise(new StockShipped(OrderId, Version, Lines, from, now));
        }

        return from;
    }

    private static Reservation New(Guid orderId, ReservationStatus status, IReadOnlyList<ReservationLine> lines, DateTimeOffset now,
        DateTimeOffset? expiresAt = null)
    {
        var reservation = new Reservation
        {
            OrderId = orderId,
            Status = status,
            DecidedAt = now,
            ExpiresAt = expiresAt,
            Version = 1,
        };
        reservation._lines.AddRange(lines);
        return reservation;
    }

    private void Become(ReservationStatus status)
    {
        Status = status;
        Version++;
    }
}

/// <summary>Units of one product for one order.</summary>
internal sealed record ReservationLine(string Sku, int Quantity);

/// <summary>A line that cannot be served.</summary>
internal sealed record ShortLine(string Sku, int Asked, int Available);

internal sealed record StockReserved(
    Guid OrderId, int ReservationVersion, IReadOnlyList<ReservationLine> Lines, DateTimeOffset ExpiresAt, DateTimeOffset At)
    : DomainEvent(At);

internal sealed record StockReservationFailed(
    Guid OrderId, int ReservationVersion, IReadOnlyList<ShortLine> ShortLines, DateTimeOffset At) : DomainEvent(At);

internal sealed record StockReleased(Guid OrderId, int ReservationVersion, IReadOnlyList<ReservationLine> Lines, DateTimeOffset At)
    : DomainEvent(At);

internal sealed record StockReservationExpired(
    Guid OrderId, int ReservationVersion, IReadOnlyList<ReservationLine> Lines, DateTimeOffset At) : DomainEvent(At);

internal sealed record StockShipped(
    Guid OrderId, int ReservationVersion, IReadOnlyList<ReservationLine> Lines, ShippedFrom From, DateTimeOffset At) : DomainEvent(At);
