using System.Runtime.CompilerServices;

namespace Shop.AppHost.Tests;

/// <summary>Sets this process's shop home, before anything reads it: it is read once.</summary>
internal static class TestHome
{
    private static readonly TemporaryHome s_home = new();

    [ModuleInitializer]
    internal static void Choose()
    {
        Environment.SetEnvironmentVariable("SHOP_HOME", s_home.Path);
        Environment.SetEnvironmentVariable("SHOP_SERVERS", "native");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => s_home.Dispose();
    }
}
