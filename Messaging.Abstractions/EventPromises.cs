using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Shop.Messaging;

/// <summary>
/// Whether an event keeps what its schema promises beyond the types of its members: no null in a list, and what
/// <see cref="AtLeastAttribute"/>, <see cref="NotEmptyAttribute"/> and <see cref="FormAttribute"/> say.
/// </summary>
public static class EventPromises
{
    private static readonly ConcurrentDictionary<Type, Func<object, string, string?>> s_checks = new();

    /// <summary>The first promise that an event breaks, as its path in the JSON and what is wrong there; null where it keeps them all.</summary>
    /// <param name="event">The event.</param>
    public static string? Broken(IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        return CheckOf(@event.GetType())(@event, "");
    }

    private static Func<object, string, string?> CheckOf(Type type) => s_checks.GetOrAdd(type, Compile);

    private static Func<object, string, string?> Compile(Type type)
    {
        var info = EventJson.Options.GetTypeInfo(Nullable.GetUnderlyingType(type) ?? type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => CheckMembers([.. info.Properties.Where(property => property.Get is not null).Select(CheckMember)]),
            JsonTypeInfoKind.Enumerable => CheckItems(info.ElementType!),
            _ => static (_, _) => null,
        };
    }

    private static Func<object, string, string?> CheckMembers(Func<object, string, string?>[] members) => (value, path) =>
    {
        foreach (var member in members)
        {
            if (member(value, path) is { } broken)
            {
                return broken;
            }
        }

        return null;
    };

    private static Func<object, string, string?> CheckItems(Type type)
    {
        var mayBeNull = Nullable.GetUnderlyingType(type) is not null;
        return (list, path) =>
        {
            var n = 0;
            foreach (var item in (IEnumerable)list)
            {
                var at = string.Create(CultureInfo.InvariantCulture, $"{path}[{n++}]");
                if (item is null ? (mayBeNull ? null : $"{at} is null.") is { } broken : (broken = CheckOf(type)(item, at)) is not null)
                {
                    return broken;
                }
            }

            return null;
        };
    }

    private static Func<object, string, string?> CheckMember(JsonPropertyInfo property)
    {
        List<Func<object, string?>> promises = [.. AttributesOf(property).Select(PromiseOf).OfType<Func<object, string?>>()];
        return (owner, path) =>
        {
            var at = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            if (property.Get!(owner) is not { } value)
            {
                return property.IsSetNullable ? null : $"{at} is null.";
            }

            foreach (var promise in promises)
            {
                if (promise(value) is { } broken)
                {
                    return $"{at} {broken}";
                }
            }

            return CheckOf(property.PropertyType)(value, at);
        };
    }

    private static IEnumerable<object> AttributesOf(JsonPropertyInfo property) =>
        ((ICustomAttributeProvider?[])[property.AttributeProvider, property.AssociatedParameter?.AttributeProvider])
        .SelectMany(provider => provider?.GetCustomAttributes(inherit: false) ?? []);

    private static Func<object, string?>? PromiseOf(object attribute) => attribute switch
    {
        AtLeastAttribute { Minimum: var minimum } => value => Convert.ToDecimal(value, CultureInfo.InvariantCulture) < minimum
            ? string.Create(CultureInfo.InvariantCulture, $"is less than {minimum}.")
            : null,
        NotEmptyAttribute => value => value is string { Length: 0 } or ICollection { Count: 0 } ? "is empty." : null,
        FormAttribute { Pattern: var pattern } => FormOf(pattern),
        _ => null,
    };

    private static Func<object, string?> FormOf(string pattern)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

        // In .NET a final $ is also before a last line break, which it is not in JSON Schema.
        return value => regex.Match((string)value) is { Success: true } match
            && (!pattern.EndsWith('$') || match.Index + match.Length == ((string)value).Length)
                ? null
                : $"is not of the form {pattern}";
    }
}
