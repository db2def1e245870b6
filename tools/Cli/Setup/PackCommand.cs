using System.CommandLine;

namespace Shop.Cli.Setup;

/// <summary>Packs the library, the contracts and the templates: tools/build/Packages.proj does it.</summary>
internal static class PackCommand
{
    public static Command Create()
    {
        var noBuild = new Option<bool>("--no-build") { Description = "with what was built last (Release)" };
        var command = new Command("pack", About.Text("pack the library and the contracts", """
            Packs Shop.Messaging.Abstractions, Shop.Messaging, Shop.Contracts and Shop.Templates into artifacts/packages, where samples/ has them
            from, and compares Shop.Contracts with its first version. The folder of packages that samples/ restored from an earlier run is emptied.
            """))
        {
            noBuild,
        };
        command.SetAction((parsed, _) =>
        {
            var artifacts = Path.Combine(ShopHome.Repository, "artifacts");
            foreach (var folder in (string[])["packages", "restored"])
            {
                var path = Path.Combine(artifacts, folder);
                if (Directory.Exists(path))
                {
                    Directory.Delete(path, recursive: true);
                }
            }

            List<string> words = ["pack", "tools/build/Packages.proj", "-c", "Release", "-nologo", "-v", "quiet", "-o", Path.Combine(artifacts, "packages")];
            words.AddRange(parsed.GetValue(noBuild) ? ["--no-build"] : []);
            return Child.ShowAsync(Child.Dotnet, words);
        });
        return command;
    }
}
