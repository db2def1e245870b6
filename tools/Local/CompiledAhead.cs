using System.Reflection.PortableExecutable;

namespace Shop.Local;

/// <summary>Whether assemblies were compiled ahead of time (ReadyToRun), as tools/build/CompileAhead.csproj does.</summary>
public static class CompiledAhead
{
    /// <summary>Those of the assemblies that have no code of their own for this machine, or are not there.</summary>
    public static IReadOnlyList<string> Lacking(IEnumerable<string> assemblies) => [.. assemblies.Where(file => !Is(file))];

    private static bool Is(string file)
    {
        if (!File.Exists(file))
        {
            return false;
        }

        using var reader = new PEReader(File.OpenRead(file));
        return reader.PEHeaders.CorHeader?.ManagedNativeHeaderDirectory.Size > 0;
    }
}
