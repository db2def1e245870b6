using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Shop.Packages.Tests;

/// <summary>The C# of the packages' pages compiles, and snippets that need no server have the stated output.</summary>
public sealed class SnippetTests
{
    /// <summary>The implicit usings of a web project.</summary>
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using Microsoft.AspNetCore.Builder;
        global using Microsoft.AspNetCore.Http;
        global using Microsoft.Extensions.Configuration;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;
        """;

    /// <summary>No await in a consumer of one line; and what the SDK leaves out too, that a package has an older version of an assembly.</summary>
    private static readonly string[] s_left = ["CS1998", "CS1701", "CS1702"];

    /// <summary>Pages whose blocks are whole programs and types.</summary>
    private static readonly string[] s_whole = ["Messaging.Abstractions/README.md", "Messaging/README.md", "contracts/README.md", "docs/adopt.md"];

    public static TheoryData<string> WholePages => [.. s_whole];

    [Theory]
    [MemberData(nameof(WholePages))]
    public void The_snippets_of_a_page_compile(string page)
    {
        var programs = ProgramsOf(page);

        Assert.NotEmpty(programs);
        Assert.All(programs, program => Assert.Empty(ErrorsOf(program)));
    }

    [Theory]
    [InlineData("Messaging.Abstractions/README.md")]
    [InlineData("contracts/README.md")]
    public async Task The_outputs_in_snippets_are_correct(string page)
    {
        using var image = new MemoryStream();
        var result = Assert.Single(ProgramsOf(page)).Emit(image);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        var main = AssemblyLoadContext.Default.LoadFromStream(new MemoryStream(image.ToArray())).EntryPoint!;

        var output = new StringWriter();
        var (console, arguments) = (Console.Out, main.GetParameters().Length == 0 ? null : new object[] { Array.Empty<string>() });
        Console.SetOut(output);
        try
        {
            await (main.Invoke(null, arguments) as Task ?? Task.CompletedTask);
        }
        finally
        {
            Console.SetOut(console);
        }

        Assert.All(output.ToString().Trim().Split('\n'), line => Assert.Equal("True", line));
    }

    [Fact]
    public void Every_other_snippet_compiles_in_the_code_that_its_page_names_or_the_page_says_why_it_does_not()
    {
        var snippets = Page.All().Except(s_whole).SelectMany(Page.Snippets).ToList();

        Assert.True(snippets.Count(snippet => snippet.Around is not null) >= 4, "No page names code around a snippet any more.");
        Assert.Empty(snippets.SelectMany(FaultsOf));
    }

    [Theory]
    [InlineData("```csharp\nvar x = 1;\n```\n", "nothing")]
    [InlineData("<!-- compiled in: using System; … -->\n```csharp\nNoSuchThing();\n```\n", "CS0103")]
    public void A_snippet_without_a_mark_or_with_an_error_is_found(string text, string fault) =>
        Assert.Contains(fault, Assert.Single(FaultsOf(Assert.Single(Page.Snippets("page.md", text)))), StringComparison.Ordinal);

    [Fact]
    public void A_snippet_that_does_not_compile_is_found() =>
        Assert.NotEmpty(ErrorsOf(Compile([CSharpSyntaxTree.ParseText("new Shop.Messaging.NoSuchThing();")])));

    private static IEnumerable<string> FaultsOf(Snippet snippet) => snippet switch
    {
        { Around: { } around } => ErrorsOf(Compile([CSharpSyntaxTree.ParseText(around.Replace("…", snippet.Text, StringComparison.Ordinal))]))
            .Select(error => $"{snippet.Page}: {error}"),
        { WhyNot.Length: > 0 } => [],
        _ => [$"{snippet.Page}: nothing compiles \"{snippet.Text.Split('\n')[0]}\". Put <!-- compiled in: code … code --> or <!-- not compiled: reason --> before it."],
    };

    /// <summary>Each block with statements is a program, which has the types of all blocks without; those alone are a library.</summary>
    private static List<CSharpCompilation> ProgramsOf(string page)
    {
        var blocks = Page.Blocks(page, "csharp").Select(block => CSharpSyntaxTree.ParseText(block)).ToList();
        var programs = blocks.Where(block => block.GetCompilationUnitRoot().Members.OfType<GlobalStatementSyntax>().Any()).ToList();
        var types = blocks.Except(programs).ToList();
        return programs.Count == 0 ? [Compile(types)] : [.. programs.Select(program => Compile([program, .. types]))];
    }

    private static CSharpCompilation Compile(IReadOnlyCollection<SyntaxTree> blocks) => CSharpCompilation.Create(
        $"snippet-{Guid.CreateVersion7():N}", [.. blocks, CSharpSyntaxTree.ParseText(ImplicitUsings)],
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
        new CSharpCompilationOptions(
            blocks.Any(block => block.GetCompilationUnitRoot().Members.OfType<GlobalStatementSyntax>().Any())
                ? OutputKind.ConsoleApplication
                : OutputKind.DynamicallyLinkedLibrary,
            nullableContextOptions: NullableContextOptions.Enable));

    private static IEnumerable<string> ErrorsOf(CSharpCompilation program) => program.GetDiagnostics()
        .Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning && !s_left.Contains(diagnostic.Id))
        .Select(diagnostic => diagnostic.ToString());
}
