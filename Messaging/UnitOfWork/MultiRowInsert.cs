using System.Text;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// One INSERT of many rows, with an array parameter per column: its text does not depend on the number of rows, so that it is prepared once.
/// </summary>
internal static class MultiRowInsert
{
    /// <summary>Whether a statement can insert the column's values: plain ones, and nothing is read back.</summary>
    public static bool CanCarry(IColumnModification column) =>
        column is { IsWrite: true, UseCurrentValueParameter: true } && ArrayParameters.CanCarry(column);

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
            builder.AddRawParameter(name, ArrayParameters.Current(helper.GenerateParameterName(name), rows, i));
        }

        sql.Append(')').AppendLine(helper.StatementTerminator);
    }
}
