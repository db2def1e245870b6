using Docker.DotNet;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Configurations;

namespace Shop.Testing;

/// <summary>
/// Whether the tests' servers are containers or the installed programs. SHOP_SERVERS decides; without it they are containers where a
/// container runtime answers and has both images or can pull them.
/// </summary>
/// <param name="IsContainers">False: the installed programs.</param>
/// <param name="Reason">Why, for the first lines of a run.</param>
internal sealed record ServerChoice(bool IsContainers, string Reason)
{
    private const string Variable = "SHOP_SERVERS";
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_answersWhereAskedFor = TimeSpan.FromSeconds(30); // a busy machine is no reason to refuse what somebody wants
    private static readonly TimeSpan s_pullsWithin = TimeSpan.FromMinutes(5);
    private static readonly Lazy<Task<ServerChoice>> s_made = new(MakeAsync);

    public static string PostgresImage { get; } = Image("SHOP_POSTGRES_IMAGE", "postgres:17");

    public static string RabbitMqImage { get; } = Image("SHOP_RABBITMQ_IMAGE", "rabbitmq:4.0-management");

    /// <summary>Made once for a process.</summary>
    public static Task<ServerChoice> MadeAsync() => s_made.Value;

    private static async Task<ServerChoice> MakeAsync()
    {
        var said = Environment.GetEnvironmentVariable(Variable);
        switch (said)
        {
            case "native":
                return new(false, $"native ({Variable})");
            case "containers" or null or "":
                var obstacle = await ObstacleAsync(said == "containers" ? s_answersWhereAskedFor : s_answersWithin);
                return (obstacle, said) switch
                {
                    (null, _) => new(true, $"containers of {PostgresImage} and {RabbitMqImage}"),
                    (_, "containers") => throw new InvalidOperationException(
                        $"{Variable} is containers, but {obstacle}. Set {Variable}=native to use the installed PostgreSQL and RabbitMQ."),
                    _ => new(false, $"native ({obstacle})"),
                };
            default:
                throw new InvalidOperationException($"{Variable} is '{said}': set it to containers or native, or leave it out.");
        }
    }

    /// <summary>What stands against containers; null if nothing does.</summary>
    private static async Task<string?> ObstacleAsync(TimeSpan answersWithin)
    {
        // Not on this thread: looking for a runtime may itself wait for a socket that does not answer.
        using var docker = await AnsweringAsync(answersWithin);
        if (docker is null)
        {
            return $"no container runtime answers within {answersWithin.TotalSeconds:0} s at DOCKER_HOST or Docker's own socket";
        }

        foreach (var (image, variable) in new[] { (PostgresImage, "SHOP_POSTGRES_IMAGE"), (RabbitMqImage, "SHOP_RABBITMQ_IMAGE") })
        {
            try
            {
                await EnsureAsync(docker, image);
            }
            catch (Exception failed) when (failed is DockerApiException or HttpRequestException or OperationCanceledException)
            {
                return $"the image {image} is not here and cannot be pulled ({failed.Message.ReplaceLineEndings(" ").Trim()}); {variable} names another";
            }
        }

        return null;
    }

    private static async Task<IDockerClient?> AnsweringAsync(TimeSpan within)
    {
        try
        {
            return await Task.Run(async () =>
            {
                if (TestcontainersSettings.OS?.DockerEndpointAuthConfig is not { } endpoint)
                {
                    return null;
                }

                var docker = endpoint.GetDockerClientBuilder(Guid.Empty).Build();
                using var patience = new CancellationTokenSource(within);
                await docker.System.PingAsync(patience.Token);
                return docker;
            }).WaitAsync(within);
        }
        catch (Exception failed) when (failed is TimeoutException or DockerApiException or HttpRequestException or IOException
            or OperationCanceledException or System.Net.Sockets.SocketException)
        {
            return null;
        }
    }

    private static async Task EnsureAsync(IDockerClient docker, string image)
    {
        try
        {
            await docker.Images.InspectImageAsync(image);
        }
        catch (DockerImageNotFoundException)
        {
            await Console.Error.WriteLineAsync($"Pulling {image}");
            using var patience = new CancellationTokenSource(s_pullsWithin);
            var refused = "";
            await docker.Images.CreateImageAsync(
                new ImagesCreateParameters { FromImage = image },
                new AuthConfig(),
                new Progress<JSONMessage>(message => refused = message.Error?.Message ?? refused),
                patience.Token);
            await docker.Images.InspectImageAsync(image, patience.Token); // a refusal comes as a line of the answer
        }
    }

    private static string Image(string variable, string tested) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named ? named : tested;
}
