using System.Net;
using System.Text;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>
/// The content of a notification. Its text and its HTML are rendered from the same parts, so that they never differ.
/// The greeting is added on delivery.
/// </summary>
internal sealed record Letter(string Subject, IReadOnlyList<LetterPart> Parts)
{
    private const int MailWidth = 70;

    /// <summary>The plain text of a mail: short lines, signed.</summary>
    public string MailText() => $"{Text(MailWidth)}\n\nYour Shop\n";

    /// <summary>The plain text for webhooks: one line per paragraph or fact, not signed.</summary>
    public string PlainText() => Text(int.MaxValue);

    /// <summary>The HTML content of a mail, without the template Mail.html.</summary>
    public string MailHtml()
    {
        var html = new StringBuilder();
        foreach (var part in Parts)
        {
            part.AppendHtml(html);
        }

        return html.ToString();
    }

    private string Text(int width) => string.Join("\n\n", Parts.Select(part => part.ToText(width)));
}

internal abstract record LetterPart
{
    public abstract string ToText(int width);

    public abstract void AppendHtml(StringBuilder html);

    /// <summary>Encodes all text for HTML.</summary>
    protected static string Html(string text) => WebUtility.HtmlEncode(text);
}

internal sealed record Paragraph(string Text) : LetterPart
{
    public override string ToText(int width)
    {
        var text = new StringBuilder();
        var column = 0;
        foreach (var word in Text.Split(' '))
        {
            if (column > 0)
            {
                var fits = column + 1 + word.Length <= width;
                text.Append(fits ? ' ' : '\n');
                column = fits ? column + 1 : 0;
            }

            text.Append(word);
            column += word.Length;
        }

        return text.ToString();
    }

    public override void AppendHtml(StringBuilder html) => html.Append($"<p>{Html(Text)}</p>\n");
}

/// <summary>Named values, such as the order and the time.</summary>
internal sealed record Facts(params IReadOnlyList<(string Name, string Value)> All) : LetterPart
{
    public override string ToText(int width) => string.Join('\n', All.Select(fact => $"  {fact.Name}: {fact.Value}"));

    public override void AppendHtml(StringBuilder html)
    {
        html.Append("<dl>\n");
        foreach (var (name, value) in All)
        {
            html.Append($"<dt>{Html(name)}</dt><dd>{Html(value)}</dd>\n");
        }

        html.Append("</dl>\n");
    }
}

/// <summary>One line of an order, as a sentence and as cells.</summary>
internal sealed record Row(string Sentence, params IReadOnlyList<string> Cells);

/// <summary>Lines of an order. The first column is text, the others are figures.</summary>
internal sealed record Table(IReadOnlyList<string> Head, IReadOnlyList<Row> Rows, IReadOnlyList<(string Name, string Value)> Sums) : LetterPart
{
    public override string ToText(int width) => string.Join('\n',
        [.. Rows.Select(row => $"  {row.Sentence}"), .. Sums.Select(sum => $"  {sum.Name}: {sum.Value}")]);

    public override void AppendHtml(StringBuilder html)
    {
        html.Append("<table>\n<thead><tr>").AppendJoin("", Head.Select(cell => $"<th scope=\"col\">{Html(cell)}</th>")).Append("</tr></thead>\n<tbody>\n");
        foreach (var row in Rows)
        {
            html.Append("<tr>").AppendJoin("", row.Cells.Select(cell => $"<td>{Html(cell)}</td>")).Append("</tr>\n");
        }

        html.Append("</tbody>\n");
        if (Sums.Count > 0)
        {
            html.Append("<tfoot>\n");
            foreach (var (name, value) in Sums)
            {
                html.Append($"<tr><th scope=\"row\" colspan=\"{Head.Count - 1}\">{Html(name)}</th><td>{Html(value)}</td></tr>\n");
            }

            html.Append("</tfoot>\n");
        }

        html.Append("</table>\n");
    }
}
