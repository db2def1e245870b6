using System.Diagnostics;

namespace Shop.Cli.Tests;

/// <summary>What a command printed and how it ended.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Errors);

/// <summary>The launcher <c>./shop</c>, with its own home and the last build.</summary>
internal sealed class ShopProgram : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);

    public static string Repository { get; } = FindRepository();

    public string Home { get; } = Directory.CreateTempSubdirectory("shop-cli-").FullName;

    public Task<Outcome> RunAsync(params string[] words) => RunAsync(_ => { }, words);

    public async Task<Outcome> RunAsync(Action<ProcessStartInfo> change, params string[] words)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository, "shop"), words)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["SHOP_HOME"] = Home;
        start.Environment["SHOP_NO_BUILD"] = "1";
        start.Environment["TERM"] = "xterm-256color"; // supports colours: only the missing terminal prevents them
        change(start);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var timeout = new CancellationTokenSource(s_timeout);
        await process.WaitForExitAsync(timeout.Token);
        return new Outcome(process.ExitCode, await output, await errors);
    }

    public void Dispose() => Directory.Delete(Home, recursive: true);

    private static string FindRepository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Shop.sln")))
        {
            at = at.Parent ?? throw new InvalidOperationException("Shop.sln is in no directory above this test.");
        }

        return at.FullName;
    }
}
