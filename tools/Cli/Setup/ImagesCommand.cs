using System.CommandLine;
using System.Runtime.InteropServices;
using Shop.Operations;

namespace Shop.Cli.Setup;

/// <summary>Builds the container images of the services and the console, with the .NET SDK alone.</summary>
internal static class ImagesCommand
{
    private static string Log => ShopHome.Path("logs", "images.log");

    public static Command Create()
    {
        var registry = new Option<string?>("--registry")
        {
            Description = "pushes to HOST[:PORT] (log in with docker login or podman login); else they go to this machine's container runtime",
            HelpName = "host",
        };
        var baseImage = new Option<string?>("--base")
        {
            Description = "another base image with ASP.NET's runtime than mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled",
            HelpName = "image",
        };
        var tag = new Option<string?>("--tag") { Description = "this tag in place of the two: the version, and version and commit" };
        var arch = new Option<string>("--arch")
        {
            Description = "the processor that they are for",
            DefaultValueFactory = _ => RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "x64",
        };
        arch.AcceptOnlyFromAmong("x64", "arm64");
        var command = new Command("images", About.Text("build the container images of the services and the console", """
            Uses the .NET SDK alone: no Dockerfile, and with --registry no container runtime. Each image is tagged with the version, and with
            version and commit. A service's runs it, and with the argument migrate its migrations.
            """))
        {
            registry, baseImage, tag, arch,
        };
        command.SetAction((parsed, ct) => RunAsync(
            parsed.GetValue(registry), parsed.GetValue(baseImage), parsed.GetValue(tag), parsed.GetValue(arch)!, ct));
        return command;
    }

    private static async Task<int> RunAsync(string? registry, string? baseImage, string? tag, string arch, CancellationToken ct)
    {
        // Not in the build's own directories, which do not distinguish processors.
        List<string> options =
        [
            "-c", "Release", "--artifacts-path", ShopHome.Path("images"), "-r", $"linux-{arch}", "--self-contained", "false",
            "-t:PublishContainer", "-nologo", "-v", "minimal", "-p:PublishReadyToRun=true",
        ];
        options.AddRange(registry is null ? [] : [$"-p:ContainerRegistry={registry}"]);
        options.AddRange(baseImage is null ? [] : [$"-p:ContainerBaseImage={baseImage}"]);
        options.AddRange(tag is null ? [] : [$"-p:ContainerImageTag={tag}"]);
        var environment = new Dictionary<string, string>();
        const string Insecure = "DOTNET_CONTAINER_INSECURE_REGISTRIES";
        if (registry is not null && (registry.StartsWith("127.0.0.1", StringComparison.Ordinal) || registry.StartsWith("localhost", StringComparison.Ordinal))
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Insecure)))
        {
            environment[Insecure] = registry;
        }

        Child.BeginLog(Log);
        foreach (var service in ShopServices.Projects.Append("Console"))
        {
            var exitCode = await Progress.ShowAsync($"The image of {service}", $"up to a minute; log: {Log}", () => Child.LogAsync(
                Log, Child.Dotnet, ["publish", $"services/{service}/{service}.csproj", .. options], ct, environment));
            var lines = await File.ReadAllLinesAsync(Log, ct);
            if (exitCode != 0)
            {
                Terminal.Note(string.Join('\n', lines.TakeLast(20)));
                throw new FailureException($"the image of {service} was not built. All of the output: {Log}");
            }

            Console.WriteLine(lines.LastOrDefault(line => line.Contains("Pushed image", StringComparison.Ordinal))?.Trim());
        }

        return 0;
    }
}
