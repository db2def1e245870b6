using System.Xml.Linq;

namespace Shop.Architecture.Tests;

/// <summary>The benchmarks beside peers are optional: nobody restores another outbox to build, test or run the shop.</summary>
public sealed class PeersTests
{
    private static readonly string[] s_peers = ["WolverineFx", "DotNetCore.CAP"];

    [Fact]
    public void No_project_of_the_solution_names_a_peer_nor_does_the_central_list_of_versions()
    {
        var solution = File.ReadAllText(Path.Combine(Code.Repository, "Shop.sln"));
        var projects = Directory.EnumerateFiles(Code.Repository, "*.csproj", SearchOption.AllDirectories)
            .Where(project => solution.Contains(Path.GetFileName(project), StringComparison.Ordinal));

        Assert.Empty(projects.Append(Path.Combine(Code.Repository, "Directory.Packages.props")).SelectMany(Named));
        Assert.DoesNotContain("Peers.csproj", solution, StringComparison.Ordinal);
        Assert.NotEmpty(Named(Path.Combine(Code.Repository, "tools", "Peers", "Peers.csproj")));
    }

    private static IEnumerable<string> Named(string file) =>
        from element in XDocument.Load(file).Descendants()
        let package = (string?)element.Attribute("Include") ?? ""
        where s_peers.Any(peer => package.StartsWith(peer, StringComparison.Ordinal)) || package.Contains("Peers.csproj", StringComparison.Ordinal)
        select $"{file}: {package}";
}
