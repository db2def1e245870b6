using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Shop.Cli.Contracts;

/// <summary>The XML documentation of an assembly as plain text, with the JSON names of members.</summary>
internal sealed partial class XmlDocs
{
    private readonly Dictionary<string, XElement> _members;

    private XmlDocs(XDocument document) => _members = document.Descendants("member")
        .ToDictionary(member => member.Attribute("name")!.Value, StringComparer.Ordinal);

    /// <summary>Reads the documentation beside the assembly of a type.</summary>
    public static XmlDocs Beside(Type type) => new(XDocument.Load(Path.ChangeExtension(type.Assembly.Location, ".xml")));

    public string? SummaryOf(Type type) => Text(Member(type)?.Element("summary"));

    /// <summary>The description of a member: the record's param, or the property's summary.</summary>
    public string? SummaryOf(Type type, string property) =>
        Text(Member(type)?.Elements("param").FirstOrDefault(param => param.Attribute("name")!.Value == property)
            ?? _members.GetValueOrDefault($"P:{NameOf(type)}.{property}")?.Element("summary"));

    private static string NameOf(Type type) => type.FullName!.Replace('+', '.');

    private XElement? Member(Type type) => _members.GetValueOrDefault("T:" + NameOf(type));

    private static string? Text(XElement? element) => element is null
        ? null
        : Blanks().Replace(string.Concat(element.Nodes().Select(Text)), " ").Trim();

    private static string Text(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "paramref" } reference => JsonNamingPolicy.CamelCase.ConvertName(reference.Attribute("name")!.Value),
        XElement { Name.LocalName: "see" } see => see.Attribute("cref")?.Value.Split('.')[^1] ?? see.Value,
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement other => other.Value,
        _ => "",
    };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
