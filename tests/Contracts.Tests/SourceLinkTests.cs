using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Text.Json.Nodes;
using Shop.Messaging;

namespace Shop.Contracts.Tests;

/// <summary>Whoever debugs into the package finds its sources: their paths in it are those that source link maps to the repository.</summary>
public sealed class SourceLinkTests
{
    private static readonly Guid s_sourceLink = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");

    [Fact]
    public void Source_paths_start_at_the_repository_root_and_source_link_maps_them()
    {
        using var assembly = new PEReader(File.OpenRead(typeof(ShopEvents).Assembly.Location));
        using var provider = assembly.ReadEmbeddedPortablePdbDebugDirectoryData(
            assembly.ReadDebugDirectory().Single(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb));
        var symbols = provider.GetMetadataReader();
        var sources = symbols.Documents.Select(document => symbols.GetString(symbols.GetDocument(document).Name)).ToList();

        Assert.Contains("/_/contracts/ShopEvents.cs", sources);
        Assert.All(sources, source => Assert.StartsWith("/_/contracts/", source, StringComparison.Ordinal));

        // Only a clone with a remote on a known host has it.
        var links = symbols.CustomDebugInformation.Select(symbols.GetCustomDebugInformation)
            .Where(information => symbols.GetGuid(information.Kind) == s_sourceLink)
            .Select(information => JsonNode.Parse(Encoding.UTF8.GetString(symbols.GetBlobBytes(information.Value)))!["documents"]!.AsObject());
        Assert.All(links, link => Assert.Equal("/_/*", Assert.Single(link).Key));
    }
}
