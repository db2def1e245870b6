using System.IO.Compression;
using System.Xml.Linq;

namespace Shop.Packages.Tests;

/// <summary>What is in the packages, and that the samples live on them alone.</summary>
public sealed class PackageTests
{
    [Theory]
    [InlineData("Shop.Messaging.Abstractions", "1.0.0")]
    [InlineData("Shop.Messaging", "1.0.0", "Shop.Messaging.Abstractions", "MassTransit.RabbitMQ", "Npgsql.EntityFrameworkCore.PostgreSQL")]
    [InlineData("Shop.Contracts", "2.0.0", "Shop.Messaging.Abstractions")]
    public async Task A_package_has_its_docs_its_readme_its_symbols_and_only_declared_dependencies(
        string id, string version, params string[] dependencies)
    {
        await using var package = await ZipFile.OpenReadAsync(Path.Combine(Packed.Folder, $"{id}.{version}.nupkg"));
        Assert.Contains("README.md", package.Entries.Select(entry => entry.FullName));
        Assert.NotNull(package.GetEntry($"lib/net10.0/{id}.dll"));
        Assert.NotNull(package.GetEntry($"lib/net10.0/{id}.xml"));
        await using var nuspec = await package.GetEntry($"{id}.nuspec")!.OpenAsync();
        var metadata = await XDocument.LoadAsync(nuspec, LoadOptions.None, default);
        var named = metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (string)element.Attribute("id")!).ToList();
        Assert.Equal(dependencies, dependencies.Length > 1 ? named.Intersect(dependencies).OrderBy(name => Array.IndexOf(dependencies, name)) : named);
        using var assembly = new MemoryStream();
        await using (var content = await package.GetEntry($"lib/net10.0/{id}.dll")!.OpenAsync())
        {
            await content.CopyToAsync(assembly);
        }

        assembly.Position = 0;
        using var reader = new System.Reflection.PortableExecutable.PEReader(assembly);
        Assert.Contains(reader.ReadDebugDirectory(),
            entry => entry.Type == System.Reflection.PortableExecutable.DebugDirectoryEntryType.EmbeddedPortablePdb);
    }

    [Fact]
    public async Task The_samples_pass_their_tests_on_the_packages()
    {
        var output = await Packed.RunAsync(
            Topology.Root, "dotnet", "test", "samples/Samples.Tests/Samples.Tests.csproj", "-c", "Release", "-nologo", "-v", "quiet");

        Assert.Contains("Passed!", output, StringComparison.Ordinal);
        Assert.All((string[])["Contacts", "Payments", "Tickets/Tickets.Desk"], sample => Assert.Equal( // not an older one from elsewhere
            File.ReadAllBytes(Path.Combine(Topology.Root, "Messaging/bin/Release/net10.0/Shop.Messaging.dll")),
            File.ReadAllBytes(Path.Combine(Topology.Root, "samples", sample, "bin/Release/net10.0/Shop.Messaging.dll"))));
    }
}
