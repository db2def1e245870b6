using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Operations;

/// <summary>The reason that a person gives for a decision that is kept.</summary>
internal static class Reason
{
    private const int MaxLength = 500;

    /// <summary>The problem with a reason; null if there is none.</summary>
    public static ValidationProblem? Problem(string? reason) => reason is { Length: <= MaxLength } && SingleLineText.IsValid(reason)
        ? null
        : TypedResults.ValidationProblem(new Dictionary<string, string[]>
        {
            ["reason"] = [$"A reason of 1 to {MaxLength} characters on one line, without control characters, is required."],
        });
}
