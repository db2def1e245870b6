using Mono.Cecil;

namespace Shop.Cli.Concepts;

/// <summary>
/// The types of Shop that methods reach through whatever they call. Code of services and contracts is followed from
/// method to method; of the library and of ServiceDefaults only what that code names is counted, as their insides need not be known.
/// A nested type, and what the compiler generates from a method, belong to the type around them.
/// </summary>
internal sealed class ReachedTypes
{
    private readonly Dictionary<string, AssemblyDefinition> _followed;
    private readonly HashSet<MethodDefinition> _read = [];
    private readonly Queue<MethodDefinition> _unread = new();
    private readonly SortedDictionary<string, string> _projectOf = new(StringComparer.Ordinal);

    /// <param name="assemblies">The files of the assemblies whose code is followed.</param>
    public ReachedTypes(IEnumerable<string> assemblies) => _followed = assemblies.Select(file => AssemblyDefinition.ReadAssembly(file))
        .DistinctBy(assembly => assembly.Name.Name).ToDictionary(assembly => assembly.Name.Name, StringComparer.Ordinal);

    /// <summary>Full names of the types, with the assembly that each is in.</summary>
    public IReadOnlyDictionary<string, string> ProjectOf => _projectOf;

    /// <summary>Reads all methods of a type, and what they call.</summary>
    /// <exception cref="FailureException">There is no such type.</exception>
    public void Read(string assembly, string type)
    {
        var root = _followed[assembly].MainModule.GetType(type)
            ?? throw new FailureException($"{assembly} has no type {type}: adapt the list in {nameof(ConceptsCommand)}.");
        ReadAll(root);
        while (_unread.TryDequeue(out var method))
        {
            Read(method);
        }
    }

    private void ReadAll(TypeDefinition type)
    {
        Mention(type);
        type.Methods.ToList().ForEach(Reach);
        foreach (var nested in type.NestedTypes)
        {
            ReadAll(nested);
        }
    }

    private void Reach(MethodDefinition method)
    {
        if (_followed.ContainsKey(method.Module.Assembly.Name.Name) && _read.Add(method))
        {
            _unread.Enqueue(method);
        }
    }

    private void Read(MethodDefinition method)
    {
        Mention(method.ReturnType);
        method.Parameters.ToList().ForEach(parameter => Mention(parameter.ParameterType));
        foreach (var operand in method.HasBody ? method.Body.Instructions.Select(instruction => instruction.Operand) : [])
        {
            switch (operand)
            {
                case MethodReference called:
                    Mention(called.DeclaringType);
                    (called as GenericInstanceMethod)?.GenericArguments.ToList().ForEach(Mention);
                    if (Followed(called.DeclaringType) is { } declaring && declaring.Methods.FirstOrDefault(m => m.FullName == called.Resolve()?.FullName) is { } found)
                    {
                        Reach(found);
                    }

                    break;
                case FieldReference field:
                    Mention(field.DeclaringType);
                    Mention(field.FieldType);
                    break;
                case TypeReference named:
                    Mention(named);
                    break;
            }
        }
    }

    private void Mention(TypeReference type)
    {
        switch (type)
        {
            case GenericParameter:
                return;
            case GenericInstanceType generic:
                generic.GenericArguments.ToList().ForEach(Mention);
                Mention(generic.ElementType);
                return;
            case TypeSpecification specification:
                Mention(specification.ElementType);
                return;
        }

        if (IsCompilerGenerated(type) && Followed(type) is { } made)
        {
            made.Methods.ToList().ForEach(Reach); // a state machine or a closure: the rest of the method
        }

        var outer = type;
        while (outer.DeclaringType is { } around)
        {
            outer = around;
        }

        if (outer.Namespace.StartsWith("Shop", StringComparison.Ordinal) && !outer.Name.Contains('<', StringComparison.Ordinal))
        {
            _projectOf[outer.FullName] = outer.Scope is ModuleDefinition module ? module.Assembly.Name.Name : outer.Scope.Name;
        }
    }

    private static bool IsCompilerGenerated(TypeReference type) => type.Name.Contains('<', StringComparison.Ordinal) && type.DeclaringType is not null;

    private TypeDefinition? Followed(TypeReference type)
    {
        var element = type.GetElementType();
        var assembly = element.Scope is ModuleDefinition module ? module.Assembly.Name.Name : element.Scope.Name;
        return _followed.TryGetValue(assembly, out var followed) ? followed.MainModule.GetType(element.FullName) : null;
    }
}
