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
    public void The_preferred_port_is_taken_when_it_is_free()
    {
        var (free, _) = Start(_home, "some other", null);
        using var elsewhere = new TemporaryHome();

        Assert.Equal(free, Start(elsewhere, "ordering", free).Port);
    }

    [Fact]
    public void A_port_that_another_shop_has_chosen_is_left_to_it_though_nothing_listens_yet()
    {
        using var elsewhere = new TemporaryHome();
        using var other = new PortBook(elsewhere.Path);
        var chosen = other.Take("ordering", null, out _);

        Assert.NotEqual(chosen, Start(_home, "ordering", chosen).Port);
    }

    [Fact]
    public void A_port_that_another_program_took_is_left_to_it_and_the_move_is_remembered()
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
    public void A_port_that_was_lost_before_its_owner_could_listen_is_replaced_when_asked_again()
    {
        using var book = new PortBook(_home.Path);
        var lost = book.Take("ordering", null, out _);
        using var faster = new TcpListener(IPAddress.Loopback, lost);
        faster.Start();

        Assert.NotEqual(lost, book.Take("ordering", null, out var moved));
        Assert.Equal(lost, moved);
    }

    [Fact]
    public void Who_listens_on_a_port_is_told_apart_from_who_does_not()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        Assert.True(ListeningPorts.IsOwnedBy(port, Environment.ProcessId));
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells.");
        Assert.False(ListeningPorts.IsOwnedBy(port, pid: 1));
    }

    [Fact]
    public void A_damaged_file_is_as_good_as_none()
    {
        File.WriteAllText(Path.Combine(_home.Path, PortBook.FileName), "{ \"ordering\": ");

        Assert.InRange(Start(_home, "ordering", null).Port, 1024, 65_535);
    }

    public void Dispose() => _home.Dispose();

    /// <summary>One start of a shop: what it chose, and the port that it had to leave.</summary>
    private static (int Port, int? Moved) Start(TemporaryHome home, string name, int? preferred)
    {
        using var book = new PortBook(home.Path);
        return (book.Take(name, preferred, out var moved), moved);
    }
}
