using System.Security.Cryptography;

namespace Shop.Local;

/// <summary>
/// Secrets of a shop on a developer's machine: made at first use, kept in files that only their owner can read, the same
/// between starts. Elsewhere secrets come from the configuration.
/// </summary>
internal static class DevelopmentSecrets
{
    /// <summary>The key that signs and checks tokens (HS256): 32 random bytes in base64.</summary>
    public static string SigningKey() =>
        ReadOrCreate(ShopHome.Path("secrets"), "signing-key", () => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));

    /// <summary>The password of one login, kept in <paramref name="directory"/>. Letters and digits only: it goes into URIs.</summary>
    public static string Password(string directory, string login) =>
        ReadOrCreate(directory, $"{login}-password", () => RandomNumberGenerator.GetHexString(32, lowercase: true));

    private static string ReadOrCreate(string directory, string name, Func<string> create)
    {
        var path = Path.Combine(directory, name);
        if (!File.Exists(path))
        {
            Create(directory, path, create());
        }

        return File.ReadAllText(path).Trim();
    }

    private static void Create(string directory, string path, string value)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        Directory.CreateDirectory(directory);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        // Written to a temporary file and renamed, so that another program never reads half a secret and never replaces one in use.
        var draft = $"{path}.{Environment.ProcessId}";
        using (var writer = new StreamWriter(draft, options))
        {
            writer.WriteLine(value);
        }

        try
        {
            File.Move(draft, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(draft);
        }
    }
}
