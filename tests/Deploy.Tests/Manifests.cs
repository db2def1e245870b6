using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Shop.Deploy.Tests;

/// <summary>The objects of an installation: of the overlays that it applies, as kustomize renders them.</summary>
internal sealed class Manifests(string overlay, IReadOnlyList<JsonObject> objects, int data = 0)
{
    /// <summary>Beside the overlay of the application, the one of its data, where that is another.</summary>
    private static readonly Dictionary<string, string?> s_data = new()
    {
        ["local"] = null,
        ["production"] = "production-data",
        ["production-keda"] = "production-data",
        ["production-monitoring"] = "production-data",
        ["restore"] = "restore-data",
    };

    private static readonly ConcurrentDictionary<string, Lazy<string>> s_rendered = new();

    public static string[] Overlays { get; } = [.. s_data.Keys];

    public static string[] Services { get; } = ["ordering", "inventory", "notification", "analytics"];

    /// <summary>The services, and the console for staff: what there is an image of.</summary>
    public static string[] Images { get; } = [.. Services, "console"];

    public static string Repository { get; } = FindRepository();

    public static string Kubernetes { get; } = Path.Combine(Repository, "deploy", "kubernetes");

    public string Overlay { get; } = overlay;

    public IReadOnlyList<JsonObject> Objects { get; } = objects;

    /// <summary>Those of the application, without its data.</summary>
    public IEnumerable<JsonObject> Applied => Objects.Skip(data);

    public static Manifests Load(string overlay)
    {
        var data = s_data[overlay] is { } name ? Yaml.Read(Rendered(name)).ToList() : [];
        return new(overlay, [.. data, .. Yaml.Read(Rendered(overlay))], data.Count);
    }

    public static string Rendered(string overlay) => s_rendered.GetOrAdd(overlay, name => new(() => Render(name))).Value;

    public IEnumerable<JsonObject> Of(string kind) => Objects.Where(one => (string?)one["kind"] == kind);

    public JsonObject? Find(string kind, string? name) => Of(kind).FirstOrDefault(one => one.Name() == name);

    /// <summary>Every pod that the objects describe, with the object that does. Operators create others: see <see cref="Network"/>.</summary>
    public IEnumerable<(JsonObject Owner, JsonObject Template)> Pods() => Objects
        .Where(one => (string)one["kind"]! is "Deployment" or "StatefulSet" or "Job")
        .Select(one => (one, one.At("spec.template")!.AsObject()));

    /// <summary>A copy in which the value at a path is replaced or removed: "Deployment/ordering", "spec.template.spec.volumes".</summary>
    public Manifests With(string which, string path, JsonNode? value)
    {
        var copies = Objects.Select(one => (JsonObject)one.DeepClone()).ToList();
        var changed = copies.Single(one => $"{one["kind"]}/{one.Name()}" == which);
        var steps = path.Split('.');
        var parent = changed.At(string.Join('.', steps[..^1])) ?? throw new ArgumentException($"{which} has no {path}", nameof(path));
        if (parent is JsonArray items)
        {
            items[int.Parse(steps[^1], CultureInfo.InvariantCulture)] = value;
        }
        else if (value is null)
        {
            Assert.True(parent.AsObject().Remove(steps[^1]), $"{which} has no {path}");
        }
        else
        {
            parent.AsObject()[steps[^1]] = value;
        }

        return new Manifests(Overlay, copies, data);
    }

    /// <summary>A copy without an object.</summary>
    public Manifests Without(string which)
    {
        var rest = Objects.Where(one => $"{one["kind"]}/{one.Name()}" != which).ToList();
        Assert.Equal(Objects.Count - 1, rest.Count);
        return new Manifests(Overlay, rest, Math.Min(data, rest.Count));
    }

    /// <summary>A copy with one object more, from YAML.</summary>
    public Manifests And(string yaml) => new(Overlay, [.. Objects, .. Yaml.Read(yaml)], data);

    private static string Render(string overlay)
    {
        var start = new ProcessStartInfo(Path.Combine(Kubernetes, "render"), [overlay]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0 && errors.Result.Contains("needs kustomize", StringComparison.Ordinal) && Environment.GetEnvironmentVariable("CI") is null)
        {
            Assert.Skip(errors.Result); // .ci/run installs it
        }

        Assert.True(process.ExitCode == 0, errors.Result);
        return output;
    }

    private static string FindRepository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Shop.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }
}

internal static class Nodes
{
    public static string Name(this JsonObject one) => (string)one.At("metadata.name")!;

    public static string Title(this JsonObject one) => $"{one["kind"]}/{one.Name()}";

    /// <summary>What is at a path such as "spec.ports.0.name", or null.</summary>
    public static JsonNode? At(this JsonNode? node, string path)
    {
        foreach (var step in path.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            node = node switch
            {
                JsonObject members => members[step],
                JsonArray items when int.TryParse(step, out var index) && index < items.Count => items[index],
                _ => null,
            };
        }

        return node;
    }

    public static IEnumerable<JsonObject> Each(this JsonNode? node, string path) =>
        node.At(path) is JsonArray items ? items.OfType<JsonObject>() : [];

    public static IEnumerable<KeyValuePair<string, string>> Strings(this JsonNode? node, string path) =>
        node.At(path) is JsonObject members ? members.Select(member => KeyValuePair.Create(member.Key, (string)member.Value!)) : [];

    public static IEnumerable<JsonObject> Containers(this JsonObject template) =>
        template.Each("spec.initContainers").Concat(template.Each("spec.containers"));

    /// <summary>All text in it, each with its path.</summary>
    public static IEnumerable<(string Path, string Text)> Texts(this JsonNode? node, string path = "") => node switch
    {
        JsonObject members => members.SelectMany(member => member.Value.Texts($"{path}.{member.Key}")),
        JsonArray items => items.SelectMany((item, i) => item.Texts($"{path}.{i}")),
        JsonValue value when value.TryGetValue<string>(out var text) => [(path, text)],
        _ => [],
    };
}

/// <summary>YAML as JSON, by the core schema's rules for plain scalars.</summary>
internal static partial class Yaml
{
    public static IEnumerable<JsonObject> Read(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));

        // Through text, so that a number can be read as whatever kind of number is asked for.
        return stream.Documents.Select(document => JsonNode.Parse(ToJson(document.RootNode)!.ToJsonString())!.AsObject());
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode mapping => new JsonObject(mapping.Children.Select(
            child => KeyValuePair.Create(((YamlScalarNode)child.Key).Value!, ToJson(child.Value)))),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Children.Select(ToJson)]),
        YamlScalarNode { Style: ScalarStyle.Plain } scalar => Plain(scalar.Value!),
        YamlScalarNode scalar => scalar.Value,
        _ => throw new InvalidOperationException($"What is {node}?"),
    };

    private static JsonNode? Plain(string value) => value switch
    {
        "" or "~" or "null" => null,
        "true" => true,
        "false" => false,
        _ when Whole().IsMatch(value) => long.Parse(value, CultureInfo.InvariantCulture),
        _ when Fraction().IsMatch(value) => double.Parse(value, CultureInfo.InvariantCulture),
        _ => value,
    };

    [GeneratedRegex(@"^[-+]?[0-9]+$")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$")]
    private static partial Regex Fraction();
}
