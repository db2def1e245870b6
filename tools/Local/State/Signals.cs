using System.Runtime.InteropServices;

namespace Shop.Local.State;

/// <summary>SIGTERM and SIGKILL, which <see cref="System.Diagnostics.Process"/> does not distinguish.</summary>
internal static class Signals
{
    private const int SigKill = 9;
    private const int SigTerm = 15;

    public static void Terminate(int pid) => _ = Kill(pid, SigTerm);

    public static void Kill(int pid) => _ = Kill(pid, SigKill);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
