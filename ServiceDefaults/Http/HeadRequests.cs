using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Shop.ServiceDefaults.Http;

/// <summary>HEAD works wherever GET does (RFC 9110, 9.3.2): routed and answered as GET, and the server sends no body.</summary>
public static class HeadRequests
{
    private static readonly object s_head = new();

    /// <summary>Whether it is a HEAD request. Streaming endpoints should not start then.</summary>
    public static bool IsHead(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Items.ContainsKey(s_head);
    }

    internal static void UseHeadAsGet(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Items[s_head] = true;
            context.Request.Method = HttpMethods.Get;
        }

        return next(context);
    });
}
