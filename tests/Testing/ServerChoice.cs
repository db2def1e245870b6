using Docker.DotNet;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Configurations;
using Shop.Local.Servers;

namespace Shop.Testing;

/// <summary>Which servers the tests get: by the shop's own rule, with the container runtime asked at its socket, as Testcontainers will.</summary>
internal static class ServerChoice
{
    private static readonly Lazy<Task<ServerRule>> s_made = new(() =>
        ServerRule.ApplyAsync(Environment.GetEnvironmentVariable, [new Socket()], Console.Error.WriteLine, CancellationToken.None));

    /// <summary>Made once for a process.</summary>
    public static Task<ServerRule> RuleAsync() => s_made.Value;

    private sealed class Socket : IContainerRuntime
    {
        public string Name => "at DOCKER_HOST or Docker's own socket";

        // Not on this thread: looking for a runtime may itself wait for a socket that does not answer.
        public Task<bool> AnswersAsync(CancellationToken ct) => Task.Run(() => AskAsync(async docker =>
        {
            await docker.System.PingAsync(ct);
            return true;
        }), ct).WaitAsync(ct);

        public Task<bool> HasImageAsync(string image, CancellationToken ct) => AskAsync(async docker =>
        {
            await docker.Images.InspectImageAsync(image, ct);
            return true;
        });

        /// <summary>A refusal comes as a line of the answer: what counts is whether the image is there then.</summary>
        public Task<bool> PullAsync(string image, CancellationToken ct) => AskAsync(async docker =>
        {
            await docker.Images.CreateImageAsync(
                new ImagesCreateParameters { FromImage = image }, new AuthConfig(), new Progress<JSONMessage>(), ct);
            await docker.Images.InspectImageAsync(image, ct);
            return true;
        });

        private static async Task<bool> AskAsync(Func<IDockerClient, Task<bool>> ask)
        {
            if (TestcontainersSettings.OS?.DockerEndpointAuthConfig is not { } endpoint)
            {
                return false;
            }

            try
            {
                using var docker = endpoint.GetDockerClientBuilder(Guid.Empty).Build();
                return await ask(docker);
            }
            catch (Exception failed) when (failed is DockerApiException or HttpRequestException or IOException
                or TimeoutException or System.Net.Sockets.SocketException)
            {
                return false;
            }
        }
    }
}
