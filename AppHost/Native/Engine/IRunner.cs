using Shop.AppHost.Native.Model;

namespace Shop.AppHost.Native.Engine;

/// <summary>Runs one resource, from its start to its end, and keeps it running in between.</summary>
internal interface IRunner : IDisposable
{
    Resource Resource { get; }

    /// <summary>Starts the resource. Completes when it is healthy, or, for a run that ends, when it has ended well.</summary>
    /// <exception cref="StartFailedException">
    /// It did not come that far; what was started of it is left to <see cref="StopAsync"/>.
    /// </exception>
    Task StartAsync(CancellationToken ct);

    /// <summary>Stops the resource, also in the middle of its start.</summary>
    /// <param name="hurry">Cuts short the wait for a clean end.</param>
    Task StopAsync(CancellationToken hurry);
}

/// <summary>A resource did not start. The message is written for the person at the console.</summary>
internal sealed class StartFailedException(string message) : Exception(message);
