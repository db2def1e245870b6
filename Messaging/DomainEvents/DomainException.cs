namespace Shop.Messaging.DomainEvents;

/// <summary>A rule of the model is broken. The API answers 422, or 409 where the current state forbids it.</summary>
/// <param name="code">A stable code in kebab case; the last part of the problem's type.</param>
/// <param name="message">What was wrong and what to do, for a person.</param>
/// <param name="conflict">Whether the same request could succeed in another state (409), or never as it is (422).</param>
public sealed class DomainException(string code, string message, bool conflict = false) : Exception(message)
{
    /// <summary>A stable code in kebab case.</summary>
    public string Code { get; } = code;

    /// <summary>Whether the current state forbids it.</summary>
    public bool Conflict { get; } = conflict;
}
