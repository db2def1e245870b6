using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;

namespace Shop.ServiceDefaults.Messaging.Outbox;

/// <summary>
/// One INSERT of many rows, with an array for each column: its text does not depend on how many there are, so that it is prepared once.
/// </summary>
internal static class InsertOfRows
{
    private static readonly Dictionary<Type, Func<int, Array>> s_columns = new()
    {
        [typeof(string)] = count => new string?[count],
        [typeof(byte[])] = count => new byte[]?[count],
        [typeof(short)] = count => new short?[count],
        [typeof(int)] = count => new int?[count],
        [typeof(long)] = count => new long?[count],
        [typeof(bool)] = count => new bool?[count],
        [typeof(decimal)] = count => new decimal?[count],
        [typeof(Guid)] = count => new Guid?[count],
        [typeof(DateTimeOffset)] = count => new DateTimeOffset?[count],
    };

    /// <summary>Whether one statement can take both rows: they fill the same columns with plain values, and nothing comes back.</summary>
    public static bool MayFollow(IReadOnlyModificationCommand first, IReadOnlyModificationCommand next)
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
            builder.AddRawParameter(name, Parameter(helper.GenerateParameterName(name), rows, i));
        }

        sql.Append(')').AppendLine(helper.StatementTerminator);
    }

    private static bool IsPlain(IColumnModification column) =>
        column is { IsWrite: true, IsRead: false, JsonPath: null, UseCurrentValueParameter: true, TypeMapping: { } mapping }
        && s_columns.ContainsKey(ProviderType(mapping)) && mapping.StoreTypeNameBase is not ("jsonb" or "json");

    private static Type ProviderType(RelationalTypeMapping mapping)
    {
        var type = mapping.Converter?.ProviderClrType ?? mapping.ClrType;
        return Nullable.GetUnderlyingType(type) ?? type;
    }

    private static NpgsqlParameter Parameter(string name, IReadOnlyList<IReadOnlyModificationCommand> rows, int column)
    {
        var mapping = rows[0].ColumnModifications[column].TypeMapping!;
        var values = s_columns[ProviderType(mapping)](rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            var value = rows[row].ColumnModifications[column].Value;
            values.SetValue(mapping.Converter is { } converter ? converter.ConvertToProvider(value) : value, row);
        }

        // Without the length: a cast to it would cut what does not fit, and the column refuses it.
        return new NpgsqlParameter { ParameterName = name, Value = values, DataTypeName = $"{mapping.StoreTypeNameBase}[]" };
    }
}
