namespace Shop.AppHost.Containers;

/// <summary>What the page says of services beyond Aspire's own calls; in the native profile Native/ says the same.</summary>
internal static class ProjectBuilderExtensions
{
    /// <summary>Mail becomes files: in this directory of the machine, or, published, in one of the container's.</summary>
    public static IResourceBuilder<ProjectResource> WithMailDirectory(this IResourceBuilder<ProjectResource> project, string path) =>
        project.WithEnvironment("Email__PickupDirectory", project.ApplicationBuilder.ExecutionContext.IsPublishMode ? "/tmp/mail" : path);
}
