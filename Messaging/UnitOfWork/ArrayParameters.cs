using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;

namespace Shop.Messaging.UnitOfWork;

/// <summary>One parameter for a column of many rows: an array, to be unnested.</summary>
internal static class ArrayParameters
{
    /// <summary>Creates a parameter from its name, the column's mapping and its values.</summary>
    private delegate NpgsqlParameter MakeParameter(string name, RelationalTypeMapping mapping, IEnumerable<object?> values);

    /// <summary>EF's path of an update that replaces the document.</summary>
    private const string WholeDocument = "$";

    private static readonly Dictionary<Type, MakeParameter> s_parameters = new()
    {
        [typeof(string)] = Parameter<string?>,
        [typeof(byte[])] = Parameter<byte[]?>,
        [typeof(short)] = Parameter<short?>,
        [typeof(int)] = Parameter<int?>,
        [typeof(long)] = Parameter<long?>,
        [typeof(bool)] = Parameter<bool?>,
        [typeof(decimal)] = Parameter<decimal?>,
        [typeof(Guid)] = Parameter<Guid?>,
        [typeof(DateTimeOffset)] = Parameter<DateTimeOffset?>,
    };

    /// <summary>Whether an array can carry the column's values.</summary>
    public static bool CanCarry(IColumnModification column) => column is { IsRead: false, TypeMapping: { } mapping }
        && s_parameters.ContainsKey(ProviderType(mapping)) && column.JsonPath == (IsJson(mapping) ? WholeDocument : null);

    /// <summary>The values that the rows get in a column.</summary>
    public static NpgsqlParameter Current(string name, IReadOnlyList<IReadOnlyModificationCommand> rows, int column) =>
        Of(name, rows, column, modification => modification.Value);

    /// <summary>The values that the rows have had in a column.</summary>
    public static NpgsqlParameter Original(string name, IReadOnlyList<IReadOnlyModificationCommand> rows, int column) =>
        Of(name, rows, column, modification => modification.OriginalValue);

    private static NpgsqlParameter Of(
        string name, IReadOnlyList<IReadOnlyModificationCommand> rows, int column, Func<IColumnModification, object?> value)
    {
        var mapping = rows[0].ColumnModifications[column].TypeMapping!;
        return s_parameters[ProviderType(mapping)](name, mapping, rows.Select(row => value(row.ColumnModifications[column])));
    }

    private static bool IsJson(RelationalTypeMapping mapping) => mapping.StoreTypeNameBase is "jsonb" or "json";

    private static Type ProviderType(RelationalTypeMapping mapping)
    {
        if (IsJson(mapping))
        {
            return typeof(string); // EF has written the document already
        }

        var type = mapping.Converter?.ProviderClrType ?? mapping.ClrType;
        return Nullable.GetUnderlyingType(type) ?? type;
    }

    private static NpgsqlParameter<T[]> Parameter<T>(string name, RelationalTypeMapping mapping, IEnumerable<object?> values) => new()
    {
        ParameterName = name,
        TypedValue = [.. values.Select(value => (T)(mapping.Converter is { } converter ? converter.ConvertToProvider(value) : value)!)],

        // The type without its length: a cast would truncate a value that the column must reject.
        DataTypeName = $"{mapping.StoreTypeNameBase}[]",
    };
}
