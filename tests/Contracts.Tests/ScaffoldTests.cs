using System.Globalization;
using System.Runtime.Loader;
using System.Text.Json.Nodes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Shop.Cli.Contracts;
using Shop.Messaging;
using Shop.Operations.Contracts;

namespace Shop.Contracts.Tests;

/// <summary>./shop contracts add: its output compiles with the existing contracts, and changes nothing existing.</summary>
public sealed class ScaffoldTests : IDisposable
{
    private readonly DirectoryInfo _repository = Directory.CreateTempSubdirectory("shop-contracts-");

    public ScaffoldTests()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(ShopHome.Repository, "contracts"), "*", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(ShopHome.Repository, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")))
        {
            var copy = Path.Combine(_repository.FullName, Path.GetRelativePath(ShopHome.Repository, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    [Fact]
    public void The_next_version_of_every_event_compiles_beside_it_and_is_made_of_it()
    {
        var before = ContractFiles.Read(_repository.FullName);
        var newest = ShopEvents.Catalog.Names.Where(name => ShopEvents.Catalog.NewerThan(ShopEvents.Catalog.TypeOf(name)!) is null).ToList();

        foreach (var name in newest)
        {
            new EventScaffold(_repository.FullName).Add(name);
        }

        var now = ContractFiles.Read(_repository.FullName);
        Assert.All(Cli.Contracts.Gate.Compare(before, now), change => Assert.Equal(Verdict.Additive, change.Verdict));
        Assert.Equal(before.Schemas.Count + newest.Count, now.Schemas.Count);
        var catalog = EventCatalog.Of(Compile());
        Assert.Equal(now.Schemas.Keys.Order(StringComparer.Ordinal), catalog.Names);
        Assert.All(newest, name => Assert.NotNull(catalog.NewerThan(catalog.TypeOf(name)!)));
    }

    [Fact]
    public void It_writes_record_step_schema_example_and_test()
    {
        var version = 1 + ShopEvents.Catalog.Names.Where(name => name.StartsWith("ordering.order-shipped.v", StringComparison.Ordinal))
            .Max(name => int.Parse(name[(name.LastIndexOf('v') + 1)..], CultureInfo.InvariantCulture));

        var written = new EventScaffold(_repository.FullName).Add("ordershipped");

        Assert.Equal(
            [
                $"contracts/Ordering/V{version}/OrderShipped.cs", $"contracts/Ordering/V{version}/OrderShippedStep.cs",
                $"contracts/examples/ordering.order-shipped.v{version}/order-shipped.json", $"contracts/schemas/ordering.order-shipped.v{version}.json",
                $"tests/Contracts.Tests/Versions/OrderShippedV{version}Tests.cs",
            ], written.Order(StringComparer.Ordinal));
        var schema = JsonNode.Parse(File.ReadAllText(Path.Combine(_repository.FullName, $"contracts/schemas/ordering.order-shipped.v{version}.json")))!;
        Assert.Equal($"urn:shop:schema:ordering.order-shipped.v{version}", (string)schema["$id"]!);
        Assert.Single(schema["examples"]!.AsArray());
    }

    [Fact]
    public void An_unknown_event_is_not_guessed()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new EventScaffold(_repository.FullName).Add("OrderPaid"));

        Assert.Contains("OrderShipped", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _repository.Delete(recursive: true);

    private System.Reflection.Assembly Compile()
    {
        const string ImplicitUsings = "global using System; global using System.Linq; global using System.Collections.Generic; global using System.IO;";
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var sources = Directory.EnumerateFiles(Path.Combine(_repository.FullName, "contracts"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText)
            .Append(ImplicitUsings).Select(text => CSharpSyntaxTree.ParseText(text, options));
        var platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal) || Path.GetFileName(path) is "netstandard.dll" or "Shop.Messaging.Abstractions.dll");
        var compilation = CSharpCompilation.Create("Scaffolded", sources, platform.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        using var output = new MemoryStream();
        var result = compilation.Emit(output);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(found => found.Severity == DiagnosticSeverity.Error)));
        output.Position = 0;
        return new AssemblyLoadContext("scaffolded", isCollectible: true).LoadFromStream(output);
    }
}
