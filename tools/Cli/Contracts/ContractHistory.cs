using System.Diagnostics;
using System.Formats.Tar;

namespace Shop.Cli.Contracts;

/// <summary>The contracts as they were committed, by git.</summary>
internal sealed class ContractHistory(string repository)
{
    /// <summary>
    /// The revisions that changed the contracts, newest first: a merge counts as one change without its branch's commits, so that a
    /// version can still be changed on its branch. Empty where there is no git, or no commit.
    /// </summary>
    public async Task<IReadOnlyList<string>> RevisionsAsync(CancellationToken ct)
    {
        try
        {
            var log = await GitAsync(["log", "--first-parent", "--format=%h", "--", "contracts/schemas"], ct);
            return System.Text.Encoding.UTF8.GetString(log).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (InvalidOperationException)
        {
            return [];
        }
    }

    /// <summary>What was committed at a revision.</summary>
    /// <exception cref="InvalidOperationException">The revision does not exist.</exception>
    public async Task<ContractFiles> AtAsync(string revision, CancellationToken ct)
    {
        using var archive = new MemoryStream(await GitAsync(["archive", "--format=tar", revision, "--", "contracts", RabbitMqDefinitions.RelativePath], ct));
        await using var tar = new TarReader(archive);
        List<(string, string)> files = [];
        while (await tar.GetNextEntryAsync(cancellationToken: ct) is { } entry)
        {
            if (entry.EntryType is (TarEntryType.RegularFile or TarEntryType.V7RegularFile) && entry.DataStream is { } content
                && (entry.Name.EndsWith(".json", StringComparison.Ordinal) || entry.Name == ContractFiles.RetiredFile))
            {
                using var reader = new StreamReader(content);
                files.Add((entry.Name, await reader.ReadToEndAsync(ct)));
            }
        }

        return ContractFiles.Of(files);
    }

    private async Task<byte[]> GitAsync(string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo("git", ["-C", repository, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var output = new MemoryStream();
        try
        {
            using var git = Process.Start(start)!;
            var errors = git.StandardError.ReadToEndAsync(ct);
            await git.StandardOutput.BaseStream.CopyToAsync(output, ct);
            await git.WaitForExitAsync(ct);
            return git.ExitCode == 0
                ? output.ToArray()
                : throw new InvalidOperationException($"git {string.Join(' ', arguments)}: {(await errors).Trim()}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException($"git cannot be started: {e.Message}", e);
        }
    }
}
