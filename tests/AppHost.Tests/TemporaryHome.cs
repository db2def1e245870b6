namespace Shop.AppHost.Tests;

/// <summary>A home of one test. Directly under /tmp, where the user postgres can reach it too.</summary>
internal sealed class TemporaryHome : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("shop-home-").FullName;

    public TemporaryHome()
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path, (UnixFileMode)0b111_101_101);
        }
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
