namespace Shop.Local.Servers;

/// <summary>The servers cannot be started as configured. The message explains what to change.</summary>
internal sealed class CannotStartException(string message) : Exception(message);

/// <summary>A container runtime. Timeouts are the caller's.</summary>
internal interface IContainerRuntime
{
    string Name { get; }

    Task<bool> AnswersAsync(CancellationToken ct);

    Task<bool> HasImageAsync(string image, CancellationToken ct);

    Task<bool> PullAsync(string image, CancellationToken ct);
}

/// <summary>
/// Whether the servers are containers or the installed programs, for the shop and for its tests. SHOP_SERVERS decides; without it they are
/// containers if a runtime answers within 2 s and both images are there or can be pulled, and the installed programs otherwise.
/// </summary>
/// <param name="PostgresImage">The image, of whichever registry.</param>
/// <param name="RabbitMqImage">The image.</param>
/// <param name="Runtime">What runs them; null where they are the installed programs.</param>
/// <param name="Description">What was chosen and why, for the first lines of output.</param>
internal sealed record ServerRule(string PostgresImage, string RabbitMqImage, IContainerRuntime? Runtime, string Description)
{
    private const string Variable = "SHOP_SERVERS";
    private static readonly TimeSpan s_probeTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_explicitProbeTimeout = TimeSpan.FromSeconds(30); // longer, because containers were requested explicitly
    private static readonly TimeSpan s_pullTimeout = TimeSpan.FromMinutes(5);

    public bool IsContainers => Runtime is not null;

    /// <param name="setting">A variable of the environment.</param>
    /// <param name="candidates">Runtimes that there may be; the first that answers counts.</param>
    /// <param name="log">Receives progress messages.</param>
    /// <param name="ct">Ends the search.</param>
    /// <exception cref="CannotStartException">Containers are asked for and cannot be had, or the setting is none of the two.</exception>
    public static async Task<ServerRule> ApplyAsync(
        Func<string, string?> setting, IReadOnlyList<IContainerRuntime> candidates, Action<string> log, CancellationToken ct)
    {
        var (postgres, rabbitMq) = Images(setting);
        var value = setting(Variable);
        switch (value)
        {
            case "native":
                return Installed($"because {Variable}=native");
            case "containers" or null or "":
                var limit = value == "containers" ? s_explicitProbeTimeout : s_probeTimeout;
                var runtime = await FirstAsync(candidates, limit, ct);
                var missing = runtime is null
                    ? $"no container runtime answers within {limit.TotalSeconds:0} s"
                    : await MissingAsync(runtime, [postgres, rabbitMq], log, ct);
                return (missing, value) switch
                {
                    (null, _) => new(postgres, rabbitMq, runtime, $"containers ({runtime!.Name}): {postgres}, {rabbitMq}"),
                    (_, "containers") => throw new CannotStartException(
                        $"{Variable}=containers, but {missing}.\n"
                        + "Start Docker or Podman and see that both images can be had: SHOP_POSTGRES_IMAGE and SHOP_RABBITMQ_IMAGE name others, and\n"
                        + $"deploy/server-images/build makes some without a registry. Or use the installed servers: {Variable}=native"),
                    _ => Installed($"because {missing}"),
                };
            default:
                throw new CannotStartException($"{Variable} is '{value}'. Set it to containers or native, or leave it out.");
        }

        ServerRule Installed(string reason) => new(postgres, rabbitMq, null, $"the installed PostgreSQL and RabbitMQ, {reason}");
    }

    /// <summary>Whether they may be containers: one is asked for, or answers in time. What images there are is not looked at.</summary>
    public static async Task<bool> MayBeContainersAsync(Func<string, string?> setting, IReadOnlyList<IContainerRuntime> candidates, CancellationToken ct) =>
        setting(Variable) is var value && (value == "containers" || (string.IsNullOrEmpty(value) && await FirstAsync(candidates, s_probeTimeout, ct) is not null));

    /// <summary>The versions that Shop was tested with; another registry's or another name by configuration.</summary>
    public static (string Postgres, string RabbitMq) Images(Func<string, string?> setting) =>
        (Or(setting("SHOP_POSTGRES_IMAGE"), "postgres:17"), Or(setting("SHOP_RABBITMQ_IMAGE"), "rabbitmq:4.0-management"));

    /// <summary>Probes all concurrently, so that one that hangs does not delay the others.</summary>
    private static async Task<IContainerRuntime?> FirstAsync(IReadOnlyList<IContainerRuntime> candidates, TimeSpan limit, CancellationToken ct)
    {
        var answers = candidates.Select(candidate => WithinAsync(limit, candidate.AnswersAsync, ct)).ToList();
        for (var i = 0; i < candidates.Count; i++)
        {
            if (await answers[i])
            {
                return candidates[i];
            }
        }

        return null;
    }

    private static async Task<string?> MissingAsync(IContainerRuntime runtime, string[] images, Action<string> log, CancellationToken ct)
    {
        foreach (var image in images)
        {
            if (!await WithinAsync(s_explicitProbeTimeout, limited => runtime.HasImageAsync(image, limited), ct))
            {
                log($"Pulling {image} ({runtime.Name}) ...");
                if (!await WithinAsync(s_pullTimeout, limited => runtime.PullAsync(image, limited), ct))
                {
                    return $"the image {image} is not there and cannot be pulled ({runtime.Name})";
                }
            }
        }

        return null;
    }

    /// <summary>False on timeout.</summary>
    private static async Task<bool> WithinAsync(TimeSpan limit, Func<CancellationToken, Task<bool>> ask, CancellationToken ct)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(limit);
        try
        {
            return await ask(limited.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    private static string Or(string? chosen, string tested) => string.IsNullOrEmpty(chosen) ? tested : chosen;
}
