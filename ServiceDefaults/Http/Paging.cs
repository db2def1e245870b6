using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Text;

namespace Shop.ServiceDefaults.Http;

/// <summary>One page of a list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Items">At most as many as asked for.</param>
/// <param name="NextCursor">Give it as <c>cursor</c> to get the next page; null on the last one.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>How every list is paged: by an opaque cursor that stands for the last item seen, so that new items shift nothing.</summary>
public static class Paging
{
    /// <summary>The page size where none is asked for.</summary>
    public const int DefaultLimit = 50;

    /// <summary>The largest page size.</summary>
    public const int MaxLimit = 200;

    /// <summary>Makes a page of <paramref name="limit"/> items out of up to one more.</summary>
    /// <param name="rows">The items that were read, one more than the limit where there are more.</param>
    /// <param name="limit">The page size.</param>
    /// <param name="key">What the cursor stands for.</param>
    public static Page<T> ToPage<T>(IReadOnlyList<T> rows, int limit, Func<T, string> key) => rows.Count > limit
        ? new Page<T>([.. rows.Take(limit)], ToCursor(key(rows[limit - 1])))
        : new Page<T>(rows, null);

    /// <summary>The key that a cursor stands for, or null for none.</summary>
    /// <exception cref="BadCursorException">It is none of ours.</exception>
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

    /// <summary>The id that a cursor stands for, or null for none.</summary>
    /// <exception cref="BadCursorException">It is none of ours.</exception>
    public static Guid? IdFromCursor(string? cursor) => FromCursor(cursor) is not { } key ? null
        : Guid.TryParse(key, out var id) ? id
        : throw new BadCursorException();

    private static string ToCursor(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));
}

/// <summary>A cursor that no list gave out; the answer is a 400.</summary>
public sealed class BadCursorException()
    : Microsoft.AspNetCore.Http.BadHttpRequestException("The cursor is not one that this list gave out. Leave it out to start at the beginning.");
