namespace Shop.Cli;

/// <summary>A command could not do what it was asked for. The message says what was wrong and what to do; the exit code is 1.</summary>
internal sealed class FailureException(string message) : Exception(message);

/// <summary>A command was not called as its help says; the exit code is 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
