using System.Net;
using System.Text.RegularExpressions;

namespace Shop.Notification.Features.Deliver;

/// <summary>A mail's complete text and HTML: the notification's content with a greeting and the template.</summary>
internal static partial class MailBody
{
    private static readonly string s_frame = ReadFrame();

    public static string Text(Notification notification, Contact contact) => $"{Greeting(contact)}\n\n{notification.Text}".ReplaceLineEndings("\r\n");

    /// <summary>Null for a notification of a version without HTML.</summary>
    public static string? Html(Notification notification, Contact contact) => notification.Html is not { } content
        ? null
        : Placeholder().Replace(s_frame, match => match.Groups[1].Value switch
        {
            "title" => WebUtility.HtmlEncode(notification.Subject),
            "greeting" => WebUtility.HtmlEncode(Greeting(contact)),
            "content" => content,
            var unknown => throw new InvalidOperationException($"Mail.html has the unknown placeholder {unknown}."),
        }).ReplaceLineEndings("\r\n");

    private static string Greeting(Contact contact) => contact.Name.Length == 0 ? "Hello," : $"Hello {contact.Name},";

    private static string ReadFrame()
    {
        using var reader = new StreamReader(typeof(MailBody).Assembly.GetManifestResourceStream("Mail.html")!);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Placeholder();
}
