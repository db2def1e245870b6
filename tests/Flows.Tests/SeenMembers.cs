using System.Collections;
using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Shop.Flows.Tests;

/// <summary>
/// Reads JSON strictly, and knows which members were ever there with a value. A member that cannot be null has to be in each answer; one that
/// can be null, or a list, is seen when it once has something.
/// </summary>
internal sealed class SeenMembers
{
    private readonly ConcurrentDictionary<string, bool> _members = new();

    public SeenMembers() => Json = new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Watch } },
    };

    public JsonSerializerOptions Json { get; }

    /// <summary>The members that never had a value, as <c>Type.member</c>.</summary>
    public IReadOnlyList<string> Unseen => [.. _members.Where(member => !member.Value).Select(member => member.Key).Order(StringComparer.Ordinal)];

    /// <summary>The types that were read at all.</summary>
    public IReadOnlySet<string> Types => _members.Keys.Select(member => member.Split('.')[0]).ToHashSet();

    private void Watch(JsonTypeInfo type)
    {
        if (type.Kind != JsonTypeInfoKind.Object || type.Type.Assembly != typeof(Shop.Operations.StaffApi).Assembly)
        {
            return;
        }

        var read = type.Properties.Where(property => property.AssociatedParameter is not null).ToList(); // the others are computed
        foreach (var property in read)
        {
            property.IsRequired = property.PropertyType.IsValueType ? Nullable.GetUnderlyingType(property.PropertyType) is null : !property.IsSetNullable;
            _members.TryAdd(NameOf(type, property), false);
        }

        type.OnDeserialized = value =>
        {
            foreach (var property in read.Where(property => property.Get!(value) is not (null or ICollection { Count: 0 })))
            {
                _members[NameOf(type, property)] = true;
            }
        };
    }

    private static string NameOf(JsonTypeInfo type, JsonPropertyInfo property) => $"{type.Type.Name.Split('`')[0]}.{property.Name}";
}
