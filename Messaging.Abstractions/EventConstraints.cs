using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Shop.Messaging;

/// <summary>
/// Validates an event against the constraints of its schema beyond the types of its members: no null in a list, and
/// <see cref="AtLeastAttribute"/>, <see cref="NotEmptyAttribute"/> and <see cref="PatternAttribute"/>.
/// </summary>
public static class EventConstraints
{
    private static readonly ConcurrentDictionary<Type, Func<object, string, string?>> s_checks = new();

    /// <summary>The first violated constraint, as its JSON path and what is wrong there; null where the event is valid.</summary>
    /// <param name="event">The event.</param>
    public static string? FindViolation(IIntegrationEvent @event)
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
            if (member(value, path) is { } violation)
            {
                return violation;
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
                if (item is null ? (mayBeNull ? null : $"{at} is null.") is { } violation : (violation = CheckOf(type)(item, at)) is not null)
                {
                    return violation;
                }
            }

            return null;
        };
    }

    private static Func<object, string, string?> CheckMember(JsonPropertyInfo property)
    {
        List<Func<object, string?>> constraints = [.. AttributesOf(property).Select(ConstraintOf).OfType<Func<object, string?>>()];
        return (owner, path) =>
        {
            var at = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            if (property.Get!(owner) is not { } value)
            {
                return property.IsSetNullable ? null : $"{at} is null.";
            }

            foreach (var constraint in constraints)
            {
                if (constraint(value) is { } violation)
                {
                    return $"{at} {violation}";
                }
            }

            return CheckOf(property.PropertyType)(value, at);
        };
    }

    private static IEnumerable<object> AttributesOf(JsonPropertyInfo property) =>
        ((ICustomAttributeProvider?[])[property.AttributeProvider, property.AssociatedParameter?.AttributeProvider])
        .SelectMany(provider => provider?.GetCustomAttributes(inherit: false) ?? []);

    private static Func<object, string?>? ConstraintOf(object attribute) => attribute switch
    {
        AtLeastAttribute { Minimum: var minimum } => value => Convert.ToDecimal(value, CultureInfo.InvariantCulture) < minimum
            ? string.Create(CultureInfo.InvariantCulture, $"is less than {minimum}.")
            : null,
        NotEmptyAttribute => value => value is string { Length: 0 } or ICollection { Count: 0 } ? "is empty." : null,
        PatternAttribute { Pattern: var pattern } => MatchOf(pattern),
        _ => null,
    };

    private static Func<object, string?> MatchOf(string pattern)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

        // In .NET a final $ also matches before a last line break; in JSON Schema it does not.
        return value => regex.Match((string)value) is { Success: true } match
            && (!pattern.EndsWith('$') || match.Index + match.Length == ((string)value).Length)
                ? null
                : $"does not match the pattern {pattern}";
    }
}
