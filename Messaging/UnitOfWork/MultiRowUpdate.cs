using System.Text;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// One UPDATE of many rows, with an array parameter per new value and per old one. It updates a row whose key and concurrency tokens match, so
/// that the number of updated rows shows whether all did.
/// </summary>
internal static class MultiRowUpdate
{
    /// <summary>Whether a statement can update the rows whose columns all pass <see cref="CanCarry"/>.</summary>
    public static bool CanUpdate(IReadOnlyModificationCommand row) =>
        row.ColumnModifications.Count(column => column.IsKey) == 1 && row.ColumnModifications.Any(column => column.IsWrite);

    /// <summary>
    /// Whether a statement can compare or write the column's value: plain ones, and nothing is read back. Not one of a unique index, because EF
    /// may have ordered the rows so that one frees the value that the next takes.
    /// </summary>
    public static bool CanCarry(IColumnModification column) => ArrayParameters.CanCarry(column)
        && (!column.IsCondition || column is { UseOriginalValueParameter: true, OriginalValue: not null })
        && (!column.IsWrite || (column.UseCurrentValueParameter && !IsUnique(column)));

    /// <summary>Appends the statement and its parameters.</summary>
    public static void Append(
        StringBuilder sql, IRelationalCommandBuilder builder, ISqlGenerationHelper helper, IReadOnlyList<IReadOnlyModificationCommand> rows)
    {
        List<string> arrays = [];
        List<string> assignments = [];
        List<string> conditions = [];
        var columns = rows[0].ColumnModifications;
        for (var i = 0; i < columns.Count; i++)
        {
            var column = helper.DelimitIdentifier(columns[i].ColumnName);
            if (columns[i].IsWrite)
            {
                assignments.Add($"{column} = v.c{arrays.Count}");
                Add(columns[i].ParameterName!, ArrayParameters.Current(helper.GenerateParameterName(columns[i].ParameterName!), rows, i));
            }

            if (columns[i].IsCondition)
            {
                conditions.Add($"t.{column} = v.c{arrays.Count}");
                Add(columns[i].OriginalParameterName!, ArrayParameters.Original(helper.GenerateParameterName(columns[i].OriginalParameterName!), rows, i));
            }

            if (columns[i].IsKey)
            {
                // Bounds what is read, whatever the plan: that of a join, made on a small table, would read all of the key's index.
                conditions.Add($"t.{column} = ANY ({arrays[^1]})");
            }
        }

        sql.Append("UPDATE ");
        helper.DelimitIdentifier(sql, rows[0].TableName, rows[0].Schema);
        sql.Append(" AS t SET ").AppendJoin(", ", assignments).AppendLine();
        sql.Append("FROM unnest(").AppendJoin(", ", arrays).Append(") AS v (").AppendJoin(", ", arrays.Select((_, i) => $"c{i}")).AppendLine(")");
        sql.Append("WHERE ").AppendJoin(" AND ", conditions).AppendLine(helper.StatementTerminator);

        void Add(string name, NpgsqlParameter parameter)
        {
            arrays.Add(helper.GenerateParameterNamePlaceholder(name));
            builder.AddRawParameter(name, parameter);
        }
    }

    private static bool IsUnique(IColumnModification column) =>
        column.Column is IColumn { Table: var table } written
        && table.Indexes.Any(index => index.IsUnique && index.Columns.Contains(written));
}
