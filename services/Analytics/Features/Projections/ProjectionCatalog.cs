namespace Shop.Analytics.Features.Projections;

/// <summary>All projections, in the order in which they are applied.</summary>
internal sealed class ProjectionCatalog(IReadOnlyList<Projection> all)
{
    public IReadOnlyList<Projection> All => all;

    /// <summary>The projection of this name, or null.</summary>
    public Projection? Find(string name) => all.FirstOrDefault(projection => projection.Name == name);
}
