using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Cli.Contracts;

/// <summary>
/// Adds the next version of an event beside the newest one: its record, the step between the two, schema, example and test. It begins
/// as a copy, so that all of it compiles and passes before the first change.
/// </summary>
internal sealed partial class EventScaffold(string repository)
{
    /// <summary>Writes the files; returns their paths.</summary>
    /// <param name="name">Of the event: its type's, or its wire name's without the version.</param>
    /// <exception cref="InvalidOperationException">There is no such event, or more than one.</exception>
    public IReadOnlyList<string> Add(string name)
    {
        var newest = Find(name);
        var (service, version) = Place(newest);
        var (oldName, @event) = (ShopEvents.Catalog.NameOf(newest), newest.Name);
        var newName = Version().Replace(oldName, string.Create(CultureInfo.InvariantCulture, $".v{version + 1}"));
        var folder = $"contracts/{service}/V{version + 1}";
        var record = File.ReadAllText(Path.Combine(repository, $"contracts/{service}/V{version}/{@event}.cs"))
            .Replace($".{service}.V{version};", $".{service}.V{version + 1};", StringComparison.Ordinal)
            .Replace($"\"{oldName}\"", $"\"{newName}\"", StringComparison.Ordinal);
        var examples = Directory.GetFiles(Path.Combine(repository, ContractFiles.ExampleFolder, oldName))
            .ToDictionary(file => $"{newName}/{Path.GetFileName(file)}", File.ReadAllText);
        var schema = SchemaDerivation.Of(newest, newName, XmlDocs.Beside(newest), examples);
        var files = new Dictionary<string, string>
        {
            [$"{folder}/{@event}.cs"] = record,
            [$"{folder}/{@event}Step.cs"] = Step(newest, service, version),
            [ContractFiles.SchemaPath(newName)] = ContractFiles.Text(schema),
            [$"tests/Contracts.Tests/Versions/{@event}V{version + 1}Tests.cs"] = Test(@event, service, version, oldName),
        };
        foreach (var (example, text) in examples)
        {
            files[ContractFiles.ExampleFolder + example] = text;
        }

        foreach (var (path, text) in files)
        {
            var file = Path.Combine(repository, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }

        return [.. files.Keys];
    }

    private static Type Find(string name)
    {
        var known = ShopEvents.Catalog.Names.Select(wireName => ShopEvents.Catalog.TypeOf(wireName)!).Where(type => ShopEvents.Catalog.NewerThan(type) is null).ToList();
        return known.Where(type => type.Name.Equals(name, StringComparison.OrdinalIgnoreCase)
            || Version().Replace(ShopEvents.Catalog.NameOf(type), "") == Version().Replace(name, "")).ToList() switch
        {
            [var one] => one,
            [] => throw new InvalidOperationException($"There is no event '{name}'. There are {string.Join(", ", known.Select(type => type.Name))}."),
            var several => throw new InvalidOperationException(
                $"Which one? {string.Join(", ", several.Select(type => Version().Replace(ShopEvents.Catalog.NameOf(type), "")))}"),
        };
    }

    private static (string Service, int Version) Place(Type type)
    {
        var parts = type.Namespace!.Split('.');
        return (parts[^2], int.Parse(parts[^1][1..], CultureInfo.InvariantCulture));
    }

    private static string Step(Type type, string service, int version) => $$"""
        using Shop.Messaging;

        namespace Shop.Contracts.{{service}}.V{{version + 1}};

        /// <summary>Converts between versions {{version}} and {{version + 1}} of {{type.Name}}.</summary>
        public sealed class {{type.Name}}Step : IVersionStep<V{{version}}.{{type.Name}}, {{type.Name}}>
        {
            private {{type.Name}}Step() { }

            /// <inheritdoc />
            public static {{type.Name}} Up(V{{version}}.{{type.Name}} old)
            {
                ArgumentNullException.ThrowIfNull(old);
                return {{Copy(type, "old", "")}};
            }

            /// <inheritdoc />
            public static V{{version}}.{{type.Name}} Down({{type.Name}} current)
            {
                ArgumentNullException.ThrowIfNull(current);
                return {{Copy(type, "current", $"V{version}.")}};
            }
        }

        """;

    /// <summary>An expression that makes a copy of a record as the record of the same name elsewhere.</summary>
    private static string Copy(Type type, string from, string prefix)
    {
        var parameters = type.GetConstructors().OrderByDescending(constructor => constructor.GetParameters().Length).First().GetParameters();
        var others = type.GetProperties().Where(property => property.SetMethod is not null && !parameters.Any(parameter => parameter.Name == property.Name)).ToList();
        var arguments = parameters.Select(parameter => Value(parameter.ParameterType, $"{from}.{parameter.Name}", prefix));
        var members = others.Select(property => $"{property.Name} = {Value(property.PropertyType, $"{from}.{property.Name}", prefix)}");
        var name = type.IsNested ? $"{type.DeclaringType!.Name}.{type.Name}" : type.Name;
        return $"new {prefix}{name}({string.Join(", ", arguments)})" + (others.Count > 0 ? $" {{ {string.Join(", ", members)} }}" : "");
    }

    private static string Value(Type type, string from, string prefix)
    {
        if (type.IsGenericType && type.GenericTypeArguments[0] is { IsNested: true } item)
        {
            var one = char.ToLowerInvariant(item.Name[0]) + item.Name[1..];
            return $"[.. {from}.Select({one} => {Copy(item, one, prefix)})]";
        }

        return type is { IsNested: true, IsEnum: false } ? Copy(type, from, prefix) : from;
    }

    private static string Test(string @event, string service, int version, string oldName) => $$"""
        using System.Text.Json;
        using Shop.Messaging;
        using Old = Shop.Contracts.{{service}}.V{{version}}.{{@event}};
        using Step = Shop.Contracts.{{service}}.V{{version + 1}}.{{@event}}Step;

        namespace Shop.Contracts.Tests.Versions;

        public sealed class {{@event}}V{{version + 1}}Tests
        {
            public static TheoryData<string> Recorded => [.. ShopEvents.Catalog.ExamplesOf("{{oldName}}")];

            [Theory]
            [MemberData(nameof(Recorded))]
            public void Recorded_messages_of_the_old_version_survive_upcast_and_downcast(string message)
            {
                var old = JsonSerializer.Deserialize<Old>(message, EventJson.Options)!;

                Assert.Equivalent(old, Step.Down(Step.Up(old)), strict: true);
            }
        }

        """;

    [GeneratedRegex(@"\.v\d+$")]
    private static partial Regex Version();
}
