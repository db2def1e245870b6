namespace Shop.Console.Features.Dashboard;

/// <summary>A row of a chart.</summary>
/// <param name="Kind">good, warn or bad; plain without.</param>
public sealed record BarRow(string Label, long Value, string Text = "", string Kind = "");
