using Shop.Local.State;

namespace Shop.AppHost.Tests;

public sealed class InstanceLockTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    [Fact]
    public void A_second_instance_is_rejected_with_the_first_ones_process_and_the_way_out()
    {
        using var first = InstanceLock.Acquire(_home.Path);

        var refused = Assert.Throws<AnotherInstanceException>(() => InstanceLock.Acquire(_home.Path));

        Assert.Equal(Environment.ProcessId, refused.Pid);
        Assert.Contains($"process {Environment.ProcessId}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("./shop down", refused.Message, StringComparison.Ordinal);
        Assert.Equal(Environment.ProcessId, InstanceLock.Running(_home.Path));
    }

    [Fact]
    public void Another_home_is_another_shop()
    {
        using var elsewhere = new TemporaryHome();
        using var first = InstanceLock.Acquire(_home.Path);
        using var second = InstanceLock.Acquire(elsewhere.Path);

        Assert.NotNull(InstanceLock.Running(elsewhere.Path));
    }

    [Fact]
    public void The_lock_is_released_when_an_instance_ends()
    {
        InstanceLock.Acquire(_home.Path).Dispose();

        Assert.Null(InstanceLock.Running(_home.Path));
        using var second = InstanceLock.Acquire(_home.Path);
    }

    [Fact]
    public void A_stale_process_id_does_not_block_a_start()
    {
        File.WriteAllText(Path.Combine(_home.Path, InstanceLock.LockName), "");
        File.WriteAllText(Path.Combine(_home.Path, InstanceLock.PidName), "1\n");

        Assert.Null(InstanceLock.Running(_home.Path));
        using var next = InstanceLock.Acquire(_home.Path);
    }

    public void Dispose() => _home.Dispose();
}
