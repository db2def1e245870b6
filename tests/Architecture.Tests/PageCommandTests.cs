using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Shop.Architecture.Tests;

/// <summary>A page that changes files by commands can be followed today: between its runs, files move and lines are rewritten.</summary>
public sealed class PageCommandTests
{
    [Fact]
    public void Every_file_that_a_page_changes_exists_and_has_the_text_that_the_command_looks_for()
    {
        var pages = Documentation.Files("*.md").Select(file => new PageCommands(File.ReadAllText(file), Path.GetRelativePath(Code.Repository, file))).ToList();

        Assert.True(pages.Sum(page => page.Checked) > 15 || pages.Any(page => page.WasFollowed), "The commands are not found.");
        Assert.Empty(pages.SelectMany(page => page.Faults));
    }

    [Theory]
    [InlineData("sed -i 's|no such text|x|' README.md", "README.md has nothing that s|no such text|x| changes")]
    [InlineData("sed -i -e 's/Shop/x/' \\\n  -e 's/no such text/x/' README.md", "README.md has nothing that s/no such text/x/ changes")]
    [InlineData("sed -i 's|Shop|x|' services/Gone/*.cs", "services/Gone/*.cs does not exist")]
    [InlineData("sed 's/no such text/x/' README.md > new.md", "README.md has nothing that s/no such text/x/ changes")]
    [InlineData("cp services/Gone/Gone.csproj new.csproj", "services/Gone/Gone.csproj does not exist")]
    [InlineData("git apply docs/gone.patch", "docs/gone.patch does not exist")]
    [InlineData("cat > services/Gone/Program.cs <<'END'\nsed -i s/a/b/ gone\nEND", "services/Gone does not exist")]
    [InlineData("cat > services/Ordering/Program.cs <<'END'\nEND", "services/Ordering/Program.cs exists already")]
    [InlineData("dotnet new shop-service -n Billing\nsed -i 's|app.Gone|x|' Billing/Program.cs", "Billing/Program.cs has nothing that s|app.Gone|x| changes")]
    public void A_command_that_no_longer_fits_is_found(string commands, string fault) =>
        Assert.Equal([$"page.md: {fault}"], new PageCommands($"```bash\n{commands}\n```\n", "page.md").Faults);

    /// <summary>docs/add-service runs these tests where it has followed its page.</summary>
    [Fact]
    public void A_page_that_was_followed_here_is_not_checked() =>
        Assert.Empty(new PageCommands("```bash\nmkdir -p services/Ordering/Persistence\nsed -i 's|no such text|x|' README.md\n```\n", "page.md").Faults);

    [Fact]
    public void What_a_page_makes_itself_is_not_looked_for() => Assert.Empty(new PageCommands("""
        ```bash
        mkdir -p services/New/Features && cp services/Ordering/Program.cs services/New/Program.cs
        cat > services/New/Features/New.cs <<'END'
        END
        sed -i s/anything/x/ services/New/Migrations/*.cs
        ```

        """, "page.md").Faults);
}

/// <summary>The commands of a page's bash blocks that read or change files: what they name has to be there.</summary>
internal sealed partial class PageCommands
{
    private readonly string _page;

    /// <summary>Folders that the page makes. What is in them is made by the page, or by a program that is not run here.</summary>
    private readonly HashSet<string> _made = [];

    /// <summary>Folders that it makes from the template of a service.</summary>
    private readonly HashSet<string> _services = [];

    private readonly List<string> _faults = [];

    public PageCommands(string text, string page)
    {
        _page = page;
        foreach (var block in Block().Matches(text).Select(block => block.Groups["code"].Value))
        {
            var lines = Content().Replace(block, "${command}").Replace("\\\n", "", StringComparison.Ordinal).Split('\n');
            foreach (var command in lines.SelectMany(line => Separator().Split(line)))
            {
                Follow([.. Word().Matches(command).Select(word => word.Value.Replace("'", "", StringComparison.Ordinal))]);
            }
        }
    }

    public IReadOnlyList<string> Faults => WasFollowed ? [] : _faults;

    /// <summary>The folders that it makes are there.</summary>
    public bool WasFollowed { get; private set; }

    /// <summary>How many files were looked for.</summary>
    public int Checked { get; private set; }

    private void Follow(string[] words)
    {
        var redirection = Array.IndexOf(words, ">");
        switch (redirection < 0 ? words : words[..redirection])
        {
            case ["mkdir", .. var folders]:
                _made.UnionWith(folders.Where(word => !word.StartsWith('-')).SelectMany(New));
                WasFollowed |= _made.Count == 0;
                break;
            case ["dotnet", "new", "shop-service", "-n", var service, ..]:
                _services.Add(service);
                _made.UnionWith([service, service + ".Contracts"]);
                break;
            case ["cp", .. var sources, _]:
                Array.ForEach(sources, source => Look(source, []));
                break;
            case ["git", "apply", var patch]:
                Look(patch, []);
                break;
            case ["sed", .. var arguments]:
                Look(arguments);
                break;
        }

        if (redirection >= 0)
        {
            Write(words[redirection + 1], isNew: words[0] == "cat");
        }
    }

    /// <summary>The arguments of sed: expressions, and the files that each of them must change.</summary>
    private void Look(string[] arguments)
    {
        var expressions = arguments.Zip(arguments.Skip(1)).Where(pair => pair.First == "-e").Select(pair => pair.Second).ToList();
        var words = arguments.Where(word => !word.StartsWith('-') && !expressions.Contains(word)).ToList();
        if (expressions.Count == 0)
        {
            (expressions, words) = (words[..1], words[1..]);
        }

        words.ForEach(file => Look(file, expressions));
    }

    private void Look(string pattern, List<string> expressions)
    {
        if (pattern.Contains('$', StringComparison.Ordinal) || (IsOwn(pattern) && TemplateOf(pattern) is null))
        {
            return; // of the reader's choice, or made by the page
        }

        var files = FilesOf(pattern);
        Checked += Math.Max(files.Count, 1);
        if (files.Count == 0)
        {
            _faults.Add($"{_page}: {pattern} does not exist");
        }

        _faults.AddRange(
            from file in files from expression in expressions where !Changes(expression, file.Text) select $"{_page}: {file.Name} has nothing that {expression} changes");
    }

    /// <summary>A file in a folder that is there or that the page makes; what a reader is to type makes a new one.</summary>
    private void Write(string file, bool isNew)
    {
        if (IsOwn(file))
        {
            return;
        }

        Checked++;
        var folder = Path.GetDirectoryName(file)!;
        if (!Directory.Exists(Path.Combine(Code.Repository, folder)))
        {
            _faults.Add($"{_page}: {folder} does not exist");
        }
        else if (isNew && File.Exists(Path.Combine(Code.Repository, file)))
        {
            _faults.Add($"{_page}: {file} exists already");
        }
    }

    /// <summary>The part of a folder's path that the repository does not have.</summary>
    private static IEnumerable<string> New(string folder)
    {
        var parts = folder.Split('/');
        return Enumerable.Range(1, parts.Length).Select(count => string.Join('/', parts.Take(count)))
            .Where(path => !Directory.Exists(Path.Combine(Code.Repository, path))).Take(1);
    }

    private bool IsOwn(string file) => _made.Any(folder => file.StartsWith(folder + "/", StringComparison.Ordinal));

    private List<(string Name, string Text)> FilesOf(string pattern)
    {
        if (TemplateOf(pattern) is { } text)
        {
            return [(pattern, text)];
        }

        var folder = Path.Combine(Code.Repository, Path.GetDirectoryName(pattern)!);
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, Path.GetFileName(pattern)).Select(file => (Path.GetRelativePath(Code.Repository, file), File.ReadAllText(file)))]
            : [];
    }

    /// <summary>What the template writes there.</summary>
    private string? TemplateOf(string file)
    {
        const string Placeholder = "ServiceName";
        return file.Split('/') is [var service, var name] && _services.Contains(service)
            && Path.Combine(Code.Repository, "templates", "shop-service", Placeholder, name) is var template && File.Exists(template)
                ? File.ReadAllText(template).Replace(Placeholder, service, StringComparison.Ordinal).Replace("Short1", service, StringComparison.Ordinal)
                : null;
    }

    private static bool Changes(string expression, string text)
    {
        using var sed = Process.Start(new ProcessStartInfo("sed", ["--expression", expression]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var changed = sed.StandardOutput.ReadToEndAsync();
        sed.StandardInput.Write(text);
        sed.StandardInput.Close();
        return changed.GetAwaiter().GetResult() != text;
    }

    [GeneratedRegex("^```bash\\n(?<code>[\\s\\S]*?)^```$", RegexOptions.Multiline)]
    private static partial Regex Block();

    /// <summary>A command with the content of a file that follows it.</summary>
    [GeneratedRegex(@"^(?<command>.*) <<'END'\n[\s\S]*?^END$", RegexOptions.Multiline)]
    private static partial Regex Content();

    [GeneratedRegex(@" (?:&&|\|\||[|;]) ")]
    private static partial Regex Separator();

    [GeneratedRegex(@"(?:'[^']*'|[^\s'])+")]
    private static partial Regex Word();
}
