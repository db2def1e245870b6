using Mono.Cecil;

namespace Shop.Architecture.Tests;

/// <summary>Compiled code, as Mono.Cecil reads it.</summary>
internal static class Code
{
    public static readonly string[] Services = ["Ordering", "Inventory", "Notification", "Analytics"];

    public static string Repository { get; } = FindRepository();

    public static AssemblyDefinition Service(string name)
    {
        var output = Path.GetRelativePath(Path.Combine(Repository, "tests", "Architecture.Tests"), AppContext.BaseDirectory);
        return AssemblyDefinition.ReadAssembly(Path.Combine(Repository, "services", name, output, name + ".dll"));
    }

    public static AssemblyDefinition Of<T>() => AssemblyDefinition.ReadAssembly(typeof(T).Assembly.Location);

    /// <summary>All types, also nested and compiler-made ones, such as the state machines that hold what async methods do.</summary>
    public static IEnumerable<TypeDefinition> AllTypes(this AssemblyDefinition assembly) =>
        assembly.MainModule.Types.SelectMany(WithNested);

    public static string OutermostNamespace(this TypeReference type) =>
        type.DeclaringType is { } outer ? outer.OutermostNamespace() : type.Namespace;

    /// <summary>Every type that a type's base, interfaces, members, attributes and method bodies mention.</summary>
    public static IEnumerable<TypeReference> Mentions(this TypeDefinition type)
    {
        IEnumerable<TypeReference?> signature =
        [
            type.BaseType, .. type.Interfaces.Select(i => i.InterfaceType), .. type.CustomAttributes.Select(a => a.AttributeType),
            .. type.Fields.Select(field => field.FieldType), .. type.Properties.Select(property => property.PropertyType),
            .. type.Methods.Select(method => method.ReturnType),
            .. type.Methods.SelectMany(method => method.Parameters).Select(parameter => parameter.ParameterType),
        ];
        var bodies = type.Methods.Where(method => method.HasBody).SelectMany(method => method.Body.Instructions)
            .SelectMany(instruction => instruction.Operand switch
            {
                MethodReference method => new[] { method.DeclaringType, method.ReturnType },
                FieldReference field => [field.DeclaringType, field.FieldType],
                TypeReference reference => [reference],
                _ => [],
            });
        return signature.Concat(bodies).OfType<TypeReference>().SelectMany(Parts);
    }

    /// <summary>The methods that a type calls, as "Type.Method".</summary>
    public static IEnumerable<string> Calls(this TypeDefinition type) => type.Methods.Where(method => method.HasBody)
        .SelectMany(method => method.Body.Instructions).Select(instruction => instruction.Operand).OfType<MethodReference>()
        .Select(method => $"{method.DeclaringType.GetElementType().FullName}.{method.Name}");

    private static IEnumerable<TypeDefinition> WithNested(TypeDefinition type) => type.NestedTypes.SelectMany(WithNested).Prepend(type);

    private static IEnumerable<TypeReference> Parts(TypeReference type) => type switch
    {
        GenericParameter => [],
        GenericInstanceType generic => generic.GenericArguments.SelectMany(Parts).Prepend(generic.ElementType),
        TypeSpecification specification => Parts(specification.ElementType),
        _ => [type],
    };

    private static string FindRepository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Shop.sln")))
        {
            at = at.Parent ?? throw new InvalidOperationException("Shop.sln is in no directory above this test.");
        }

        return at.FullName;
    }
}
