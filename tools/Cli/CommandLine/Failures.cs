namespace Shop.Cli;

/// <summary>A command failed. The message explains what was wrong and what to do; the exit code is 1.</summary>
internal sealed class FailureException(string message) : Exception(message);

/// <summary>A command was called wrongly; the exit code is 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
