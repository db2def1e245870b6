using System.Reflection;
using System.Reflection.Emit;
using Shop.Local;

namespace Shop.Testing.Tests;

public sealed class CompiledAheadTests
{
    [Fact]
    public void The_runtime_is_compiled_ahead_and_an_assembly_as_the_compiler_writes_it_is_not()
    {
        var plain = Path.Combine(Path.GetTempPath(), $"plain-{Guid.CreateVersion7():N}.dll");
        var builder = new PersistedAssemblyBuilder(new AssemblyName("Plain"), typeof(object).Assembly);
        builder.DefineDynamicModule("Plain").DefineType("Nothing").CreateType();
        builder.Save(plain);
        try
        {
            var missing = plain + ".missing";

            Assert.Equal([plain, missing], CompiledAhead.Lacking([typeof(object).Assembly.Location, plain, missing]));
        }
        finally
        {
            File.Delete(plain);
        }
    }
}
