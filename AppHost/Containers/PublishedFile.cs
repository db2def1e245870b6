namespace Shop.AppHost.Containers;

/// <summary>A file of the repository that a published container gets.</summary>
internal static class PublishedFile
{
    /// <summary>
    /// Its text becomes part of the Compose file, where a dollar sign begins a variable unless there are two. As a file beside it, which
    /// Aspire can do too, it would not be written a second time.
    /// </summary>
    public static ContainerFile Of(string path) => new()
    {
        Name = Path.GetFileName(path),
        Contents = File.ReadAllText(Path.Combine(ShopHome.Repository, path)).Replace("$", "$$", StringComparison.Ordinal),
        Mode = UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherExecute,
    };
}
