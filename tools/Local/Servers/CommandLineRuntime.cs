using System.ComponentModel;
using System.Diagnostics;

namespace Shop.Local.Servers;

/// <summary>Docker or Podman, through its command, as the orchestrator uses it.</summary>
internal sealed class CommandLineRuntime(string program) : IContainerRuntime
{
    /// <summary>The orchestrator's variable that names one.</summary>
    public const string Variable = "ASPIRE_CONTAINER_RUNTIME";

    public string Name => program;

    public static IReadOnlyList<IContainerRuntime> Candidates(Func<string, string?> setting) =>
        setting(Variable) is { Length: > 0 } named
            ? [new CommandLineRuntime(named)]
            : [new CommandLineRuntime("docker"), new CommandLineRuntime("podman")];

    public Task<bool> AnswersAsync(CancellationToken ct) => SucceedsAsync(["ps", "--quiet"], ct);

    public Task<bool> HasImageAsync(string image, CancellationToken ct) => SucceedsAsync(["image", "inspect", image], ct);

    public Task<bool> PullAsync(string image, CancellationToken ct) => SucceedsAsync(["pull", "--quiet", image], ct);

    private async Task<bool> SucceedsAsync(string[] arguments, CancellationToken ct)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            try
            {
                await Task.WhenAll(process.StandardOutput.ReadToEndAsync(ct), process.StandardError.ReadToEndAsync(ct));
                await process.WaitForExitAsync(ct);
                return process.ExitCode == 0;
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }
        }
        catch (Win32Exception)
        {
            return false; // not installed
        }
    }
}
