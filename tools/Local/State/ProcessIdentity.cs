using System.Diagnostics;
using System.Globalization;

namespace Shop.Local.State;

/// <summary>
/// One process, distinguished by its start time from a later one with the same id. Its command is kept as well,
/// for people and because start times begin anew with each boot of the machine.
/// </summary>
internal sealed record ProcessIdentity(int Pid, long StartedAt, string Command)
{
    /// <summary>The identity of a running process; null when there is none of that id.</summary>
    public static ProcessIdentity? Of(int pid) => OperatingSystem.IsLinux() ? OfLinux(pid) : OfOther(pid);

    /// <summary>
    /// Whether exactly this process still runs. One that has ended and waits to be reaped does not. A wrapper that replaced
    /// itself with the program ("setsid dotnet ..." became "dotnet ...") is still the same process.
    /// </summary>
    public bool IsRunning() =>
        Of(Pid) is { } now && now.StartedAt == StartedAt && Command.EndsWith(now.Command, StringComparison.Ordinal);

    private static ProcessIdentity? OfLinux(int pid)
    {
        try
        {
            // The program's name, in parentheses, may itself hold blanks and parentheses: count the fields after the last one.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] is "Z" or "X")
            {
                return null;
            }

            var command = File.ReadAllText($"/proc/{pid}/cmdline").TrimEnd('\0').Replace('\0', ' ');
            return new ProcessIdentity(pid, long.Parse(fields[19], CultureInfo.InvariantCulture), command);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static ProcessIdentity? OfOther(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return new ProcessIdentity(pid, process.StartTime.ToUniversalTime().Ticks, process.ProcessName);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }
}
