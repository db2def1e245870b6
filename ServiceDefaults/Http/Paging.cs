using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Text;

namespace Shop.ServiceDefaults.Http;

/// <summary>One page of a list.</summary>
/// <typeparam name="T">The item.</typeparam>
/// <param name="Items">At most the requested number.</param>
/// <param name="NextCursor">Pass it as <c>cursor</c> to get the next page; null on the last one.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>Keyset paging by an opaque cursor of the last item, so that new items do not shift pages.</summary>
public static class Paging
{
    /// <summary>The default page size.</summary>
    public const int DefaultLimit = 50;

    /// <summary>The largest page size.</summary>
    public const int MaxLimit = 200;

    /// <summary>Creates a page of <paramref name="limit"/> items from up to one more.</summary>
    /// <param name="rows">The items that were read, one more than the limit where there are more.</param>
    /// <param name="limit">The page size.</param>
    /// <param name="key">The cursor's key.</param>
    public static Page<T> ToPage<T>(IReadOnlyList<T> rows, int limit, Func<T, string> key) => rows.Count > limit
        ? new Page<T>([.. rows.Take(limit)], ToCursor(key(rows[limit - 1])))
        : new Page<T>(rows, null);

    /// <summary>The cursor's key, or null for none.</summary>
    /// <exception cref="BadCursorException">The cursor is invalid.</exception>
    public static string? FromCursor(string? cursor)
    {
        if (string.IsNullOrEmpty(cursor))
        {
            return null;
        }

        try
        {
            return new UTF8Encoding(false, true).GetString(Base64Url.DecodeFromChars(cursor));
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new BadCursorException();
        }
    }

    /// <summary>The cursor's id, or null for none.</summary>
    /// <exception cref="BadCursorException">The cursor is invalid.</exception>
    public static Guid? IdFromCursor(string? cursor) => FromCursor(cursor) is not { } key ? null
        : Guid.TryParse(key, out var id) ? id
        : throw new BadCursorException();

    private static string ToCursor(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));
}

/// <summary>An invalid cursor: a 400.</summary>
public sealed class BadCursorException()
    : Microsoft.AspNetCore.Http.BadHttpRequestException("The cursor is invalid. Use the nextCursor of a previous page, or omit it to start at the beginning.");
