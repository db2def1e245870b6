using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// One INSERT of many rows, with an array parameter per column: its text does not depend on the number of rows, so that it is prepared once.
/// </summary>
internal static class MultiRowInsert
{
    /// <summary>Creates the parameter of a column from its name, its mapping, the rows and the column's index.</summary>
    private delegate NpgsqlParameter MakeParameter(
        string name, RelationalTypeMapping mapping, IReadOnlyList<IReadOnlyModificationCommand> rows, int column);

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

    /// <summary>Whether one statement can insert both rows: they have the same columns with plain values, and nothing is read back.</summary>
    public static bool CanCombine(IReadOnlyModificationCommand first, IReadOnlyModificationCommand next)
    {
        if (first.EntityState != EntityState.Added || next.EntityState != EntityState.Added || first.TableName != next.TableName
            || first.Schema != next.Schema || first.ColumnModifications.Count != next.ColumnModifications.Count)
        {
            return false;
        }

        for (var i = 0; i < first.ColumnModifications.Count; i++)
        {
            if (!IsPlain(first.ColumnModifications[i]) || !IsPlain(next.ColumnModifications[i])
                || first.ColumnModifications[i].ColumnName != next.ColumnModifications[i].ColumnName)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Appends the statement that inserts the rows, in their order, and its parameters.</summary>
    public static void Append(
        StringBuilder sql, IRelationalCommandBuilder builder, ISqlGenerationHelper helper, IReadOnlyList<IReadOnlyModificationCommand> rows)
    {
        var columns = rows[0].ColumnModifications;
        sql.Append("INSERT INTO ");
        helper.DelimitIdentifier(sql, rows[0].TableName, rows[0].Schema);
        sql.Append(" (");
        sql.AppendJoin(", ", columns.Select(column => helper.DelimitIdentifier(column.ColumnName)));
        sql.AppendLine(")");
        sql.Append("SELECT * FROM unnest(");
        for (var i = 0; i < columns.Count; i++)
        {
            var name = columns[i].ParameterName!;
            sql.Append(i == 0 ? "" : ", ");
            helper.GenerateParameterNamePlaceholder(sql, name);
            var mapping = columns[i].TypeMapping!;
            builder.AddRawParameter(name, s_parameters[ProviderType(mapping)](helper.GenerateParameterName(name), mapping, rows, i));
        }

        sql.Append(')').AppendLine(helper.StatementTerminator);
    }

    private static bool IsPlain(IColumnModification column) =>
        column is { IsWrite: true, IsRead: false, JsonPath: null, UseCurrentValueParameter: true, TypeMapping: { } mapping }
        && s_parameters.ContainsKey(ProviderType(mapping)) && mapping.StoreTypeNameBase is not ("jsonb" or "json");

    private static Type ProviderType(RelationalTypeMapping mapping)
    {
        var type = mapping.Converter?.ProviderClrType ?? mapping.ClrType;
        return Nullable.GetUnderlyingType(type) ?? type;
    }

    private static NpgsqlParameter<T[]> Parameter<T>(
        string name, RelationalTypeMapping mapping, IReadOnlyList<IReadOnlyModificationCommand> rows, int column)
    {
        var values = new T[rows.Count];
        for (var row = 0; row < values.Length; row++)
        {
            var value = rows[row].ColumnModifications[column].Value;
            values[row] = (T)(mapping.Converter is { } converter ? converter.ConvertToProvider(value) : value)!;
        }

        // The type without its length: a cast would truncate a value that the column must reject.
        return new NpgsqlParameter<T[]> { ParameterName = name, TypedValue = values, DataTypeName = $"{mapping.StoreTypeNameBase}[]" };
    }
}
