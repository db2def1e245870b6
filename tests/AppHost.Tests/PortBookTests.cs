using System.Net;
using System.Net.Sockets;
using Shop.Local.State;

namespace Shop.AppHost.Tests;

public sealed class PortBookTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    [Fact]
    public void A_port_is_the_same_at_the_next_start()
    {
        var (first, _) = Start(_home, "postgres", null);
        var (second, moved) = Start(_home, "postgres", null);

        Assert.Equal(first, second);
        Assert.Null(moved);
    }

    [Fact]
    public void The_preferred_port_is_used_when_it_is_free()
    {
        var (free, _) = Start(_home, "some other", null);
        using var elsewhere = new TemporaryHome();

        Assert.Equal(free, Start(elsewhere, "ordering", free).Port);
    }

    [Fact]
    public void A_port_claimed_by_another_shop_is_not_used_before_it_listens()
    {
        using var elsewhere = new TemporaryHome();
        using var other = new PortBook(elsewhere.Path);
        var chosen = other.Take("ordering", null, out _);

        Assert.NotEqual(chosen, Start(_home, "ordering", chosen).Port);
    }

    [Fact]
    public void A_port_in_use_by_another_program_is_replaced_and_the_new_one_is_kept()
    {
        var (kept, _) = Start(_home, "ordering", null);
        using var other = new TcpListener(IPAddress.Loopback, kept);
        other.Start();

        var (now, moved) = Start(_home, "ordering", null);

        Assert.NotEqual(kept, now);
        Assert.Equal(kept, moved);
        Assert.Equal(now, Start(_home, "ordering", kept).Port);
    }

    [Fact]
    public void Two_names_never_share_a_port_though_nothing_listens_yet()
    {
        using var book = new PortBook(_home.Path);
        var first = book.Take("ordering", null, out _);

        Assert.NotEqual(first, book.Take("inventory", first, out _));
    }

    [Fact]
    public void A_port_lost_before_its_owner_listened_is_replaced()
    {
        using var book = new PortBook(_home.Path);
        var lost = book.Take("ordering", null, out _);
        using var faster = new TcpListener(IPAddress.Loopback, lost);
        faster.Start();

        Assert.NotEqual(lost, book.Take("ordering", null, out var moved));
        Assert.Equal(lost, moved);
    }

    [Fact]
    public void The_process_that_listens_on_a_port_is_identified()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        Assert.True(ListeningPorts.IsOwnedBy(port, Environment.ProcessId));
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only supported on Linux.");
        Assert.False(ListeningPorts.IsOwnedBy(port, pid: 1));
    }

    [Fact]
    public void A_corrupt_file_is_treated_as_missing()
    {
        File.WriteAllText(Path.Combine(_home.Path, PortBook.FileName), "{ \"ordering\": ");

        Assert.InRange(Start(_home, "ordering", null).Port, 1024, 65_535);
    }

    public void Dispose() => _home.Dispose();

    /// <summary>One start of a shop: the chosen port, and the port that was no longer free.</summary>
    private static (int Port, int? Moved) Start(TemporaryHome home, string name, int? preferred)
    {
        using var book = new PortBook(home.Path);
        return (book.Take(name, preferred, out var moved), moved);
    }
}
