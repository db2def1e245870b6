using System.Security.Cryptography;
using System.Text;

namespace Shop.Local;

/// <summary>
/// The directory that holds everything a shop on this machine keeps between starts: <c>.shop/</c> at the root of the
/// repository, or the directory named by the environment variable <c>SHOP_HOME</c>.
/// </summary>
internal static class ShopHome
{
    /// <summary>The root of the repository: the nearest directory above the running program that holds Shop.sln.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The full path of the home itself.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Distinguishes this home from others in machine-wide names, such as container volumes.</summary>
    public static string Id { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..8];

    /// <summary>The full path of something in the home.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        var chosen = Environment.GetEnvironmentVariable("SHOP_HOME");
        return string.IsNullOrWhiteSpace(chosen)
            ? System.IO.Path.Combine(Repository, ".shop")
            : System.IO.Path.GetFullPath(chosen);
    }

    private static string FindRepository()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(at.FullName, "Shop.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException(
            $"{AppContext.BaseDirectory} is not inside the shop's repository: no directory above it holds Shop.sln.");
    }
}
