namespace Shop.Cli;

/// <summary>Plain text for people: tables.</summary>
internal static class Columns
{
    /// <summary>Rows of the same number of cells, the first of them the headings.</summary>
    public static void Write(IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            Console.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
