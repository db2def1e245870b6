using System.Net;

namespace Shop.Operations;

/// <summary>What a service answered, or why it is unknown.</summary>
/// <param name="Service">The service.</param>
/// <param name="Value">Null where it is unknown.</param>
/// <param name="Problem">Why it is unknown.</param>
/// <param name="IsRefused">Whether it runs, and refused to answer this person.</param>
public sealed record Answer<T>(string Service, T? Value, string? Problem, bool IsRefused = false)
    where T : class;

/// <summary>Asks services of which any may be down.</summary>
public static class Answer
{
    /// <summary>Never throws, unless the caller cancels.</summary>
    public static async Task<Answer<T>> OrUnknownAsync<T>(string service, Func<Task<T>> askAsync, CancellationToken ct)
        where T : class
    {
        try
        {
            return new Answer<T>(service, await askAsync(), null);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            return new Answer<T>(service, null, e switch
            {
                StaffApiException refused => refused.Message,
                System.Text.Json.JsonException => "it answered with something else than was expected: are the versions the same?",
                _ => "it does not answer",
            }, e is StaffApiException { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden });
        }
    }
}
