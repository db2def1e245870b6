using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMQ.Client;

namespace Shop.Testing;

/// <summary>A queue as RabbitMQ's management shows it; the counts may be a second old.</summary>
public sealed record QueueState(string Name, IReadOnlyDictionary<string, string> Arguments, int Ready, int Unacknowledged, int Consumers);

/// <summary>A message in a queue.</summary>
public sealed record QueuedMessage(ReadOnlyMemory<byte> Body, string Exchange, string RoutingKey, bool Redelivered, JsonElement Properties)
{
    /// <summary>The body as text.</summary>
    public string Text => System.Text.Encoding.UTF8.GetString(Body.Span);

    /// <summary>A header as text, or null if the message has none of this name.</summary>
    public string? Header(string name) =>
        Properties.TryGetProperty("headers", out var headers)
        && headers.ValueKind == JsonValueKind.Object
        && headers.TryGetProperty(name, out var value)
            ? value.ToString()
            : null;
}

/// <summary>A virtual host of one test class, and its administration.</summary>
public sealed class TestVirtualHost : IAsyncDisposable
{
    /// <summary>
    /// RabbitMQ 3.10 loses its supervisor of at-least-once dead-lettering, and with it every later quorum queue of the node, when
    /// queues are deleted while their dead-letter workers still start. So a virtual host is deleted a while after its test, at the
    /// end of another one; the last ones of a process stay until the servers stop.
    /// </summary>
    private static readonly TimeSpan s_settles = TimeSpan.FromSeconds(15);

    private static readonly ConcurrentQueue<(string Name, long Since)> s_left = [];

    private readonly ServerAddresses _server;
    private readonly ManagementApi _api;
    private readonly List<string> _users = [];

    private TestVirtualHost(ServerAddresses server, ManagementApi api, string name)
    {
        _server = server;
        _api = api;
        Name = name;
    }

    /// <summary>The virtual host's name.</summary>
    public string Name { get; }

    /// <summary>For an administrator, who may do anything here.</summary>
    public Uri AmqpUri => UriFor(Uri.UnescapeDataString(_server.RabbitMq.UserInfo.Split(':')[0]), AdminPassword);

    private string AdminPassword => Uri.UnescapeDataString(_server.RabbitMq.UserInfo.Split(':')[1]);

    internal static async Task<TestVirtualHost> CreateAsync(ServerAddresses server, string name)
    {
        var api = new ManagementApi(server);
        var host = new TestVirtualHost(server, api, name);
        await api.SendAsync(HttpMethod.Put, $"vhosts/{name}", new { });
        await api.SendAsync(
            HttpMethod.Put, $"permissions/{name}/{api.User}", new { configure = ".*", write = ".*", read = ".*" });
        return host;
    }

    /// <summary>
    /// Loads definitions, as a broker does before any service starts; existing objects stay unchanged. Users are created
    /// for this virtual host only, with the permissions of the definitions.
    /// </summary>
    public async Task LoadAsync(JsonObject definitions)
    {
        ArgumentNullException.ThrowIfNull(definitions);
        var objects = new JsonObject();
        foreach (var category in (string[])["policies", "exchanges", "queues", "bindings"])
        {
            var items = definitions[category]!.AsArray().Select(item => item!.DeepClone().AsObject()).ToList();
            items.ForEach(item => item.Remove("vhost")); // the address contains it
            objects[category] = new JsonArray([.. items]);
        }

        // RabbitMQ 3.10 sometimes fails to declare a quorum queue if the queue's tick happens during its initialization.
        await Eventually.HoldsAsync($"{Name} has its queues", async () =>
        {
            await _api.SendAsync(HttpMethod.Post, $"definitions/{Name}", objects);
            return true;
        });
        foreach (var permission in definitions["permissions"]!.AsArray())
        {
            await CreateUserAsync((string)permission!["user"]!,
                (string)permission["configure"]!, (string)permission["write"]!, (string)permission["read"]!);
        }
    }

    /// <summary>Loads what these services need of the committed definitions; of all services where none is named.</summary>
    public Task LoadTopologyAsync(params IReadOnlyCollection<string> services) =>
        LoadAsync(services.Count == 0 ? Topology.Committed() : Topology.Of(services));

    /// <summary>What is there now, in the form of definitions, without users and permissions.</summary>
    public async Task<JsonObject> ExportAsync()
    {
        var definitions = JsonObject.Create(await _api.GetAsync($"definitions/{Name}"))!;
        foreach (var policy in definitions["policies"]!.AsArray())
        {
            policy!.AsObject().Remove("vhost"); // the others come without
        }

        return definitions;
    }

    /// <summary>For a service's own user, who is there once its definitions are loaded.</summary>
    public Uri UriOf(string service) => UriFor($"{service}-{Name}", service);

    /// <summary>A user with these permissions (regular expressions over names) here and nowhere else; its amqp URI.</summary>
    public async Task<Uri> CreateUserAsync(string name, string configure, string write, string read)
    {
        var user = $"{name}-{Name}";
        _users.Add(user);
        await _api.SendAsync(HttpMethod.Put, $"users/{user}", new { password = name, tags = "" });
        await _api.SendAsync(HttpMethod.Put, $"permissions/{Name}/{user}", new { configure, write, read });
        return UriFor(user, name);
    }

    /// <summary>Exactly how many messages are ready in a queue now, those delivered and not yet acknowledged left out.</summary>
    public async Task<int> CountReadyAsync(string queue)
    {
        await using var connection = await new ConnectionFactory { Uri = AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        return checked((int)(await channel.QueueDeclarePassiveAsync(queue)).MessageCount);
    }

    /// <summary>
    /// How many messages a queue holds, also those that it can neither deliver nor dead-letter; may be a second old.
    /// </summary>
    public async Task<int> CountHeldAsync(string queue) =>
        Count(await _api.GetAsync($"queues/{Name}/{ManagementApi.Escape(queue)}"), "messages");

    /// <summary>All queues.</summary>
    public async Task<IReadOnlyList<QueueState>> QueuesAsync() => [.. (await _api.GetAsync($"queues/{Name}")).EnumerateArray().Select(State)];

    /// <summary>One queue; null if there is none of this name.</summary>
    public async Task<QueueState?> QueueAsync(string queue) => (await QueuesAsync()).FirstOrDefault(state => state.Name == queue);

    /// <summary>
    /// Reads the messages in a queue, oldest first, and requeues them; each read counts towards a quorum queue's
    /// delivery limit.
    /// </summary>
    public async Task<IReadOnlyList<QueuedMessage>> PeekAsync(string queue, int count = 100)
    {
        var body = new { count, ackmode = "ack_requeue_true", encoding = "base64" };
        var messages = await _api.SendAsync(HttpMethod.Post, $"queues/{Name}/{ManagementApi.Escape(queue)}/get", body);
        return [.. messages.EnumerateArray().Select(Message)];
    }

    /// <summary>Publishes any bytes with any properties, as a broken or hostile sender would; false if no queue accepted them.</summary>
    /// <param name="exchange">The exchange, or "" to publish to the queue that the routing key names.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="properties">In the management API's form, for example <c>new { content_type = "text/plain", headers = ... }</c>.</param>
    public async Task<bool> PublishAsync(string exchange, string routingKey, ReadOnlyMemory<byte> body, object? properties = null)
    {
        var message = new
        {
            properties = properties ?? new { delivery_mode = 2 },
            routing_key = routingKey,
            payload = Convert.ToBase64String(body.Span),
            payload_encoding = "base64",
        };
        var name = exchange.Length == 0 ? "amq.default" : ManagementApi.Escape(exchange);
        var answer = await _api.SendAsync(HttpMethod.Post, $"exchanges/{Name}/{name}/publish", message);
        return answer.GetProperty("routed").GetBoolean();
    }

    /// <summary>Declares a durable exchange.</summary>
    public Task DeclareExchangeAsync(string exchange, string type = "fanout") =>
        _api.SendAsync(HttpMethod.Put, $"exchanges/{Name}/{ManagementApi.Escape(exchange)}", new { type, durable = true });

    /// <summary>Declares a durable queue, by default a quorum queue.</summary>
    public Task DeclareQueueAsync(string queue, IReadOnlyDictionary<string, object>? arguments = null)
    {
        var all = new Dictionary<string, object>(arguments ?? new Dictionary<string, object>());
        all.TryAdd("x-queue-type", "quorum");
        return _api.SendAsync(HttpMethod.Put, $"queues/{Name}/{ManagementApi.Escape(queue)}", new { durable = true, arguments = all });
    }

    /// <summary>Binds a queue to an exchange.</summary>
    public Task BindAsync(string exchange, string queue, string routingKey = "") => _api.SendAsync(
        HttpMethod.Post,
        $"bindings/{Name}/e/{ManagementApi.Escape(exchange)}/q/{ManagementApi.Escape(queue)}",
        new { routing_key = routingKey });

    /// <summary>The names of the exchanges that a queue is bound to, the default one left out.</summary>
    public async Task<IReadOnlyList<string>> BindingsOfAsync(string queue) =>
    [
        .. (await _api.GetAsync($"queues/{Name}/{ManagementApi.Escape(queue)}/bindings")).EnumerateArray()
            .Select(binding => binding.GetProperty("source").GetString()!)
            .Where(source => source.Length > 0),
    ];

    /// <summary>The names of the exchanges, the built-in ones left out.</summary>
    public async Task<IReadOnlyList<string>> ExchangesAsync() =>
    [
        .. (await _api.GetAsync($"exchanges/{Name}")).EnumerateArray()
            .Select(exchange => exchange.GetProperty("name").GetString()!)
            .Where(name => name.Length > 0 && !name.StartsWith("amq.", StringComparison.Ordinal)),
    ];

    /// <summary>Consumes every message of a queue.</summary>
    public Task PurgeAsync(string queue) =>
        _api.SendAsync<object>(HttpMethod.Delete, $"queues/{Name}/{ManagementApi.Escape(queue)}/contents", null);

    /// <summary>Undoes <see cref="BindAsync"/> where there was no routing key.</summary>
    public Task UnbindAsync(string exchange, string queue) => _api.SendAsync<object>(
        HttpMethod.Delete, $"bindings/{Name}/e/{ManagementApi.Escape(exchange)}/q/{ManagementApi.Escape(queue)}/~", null);

    /// <summary>Deletes a queue with what is in it.</summary>
    public Task DeleteQueueAsync(string queue) =>
        _api.SendAsync<object>(HttpMethod.Delete, $"queues/{Name}/{ManagementApi.Escape(queue)}", null);

    /// <summary>Breaks off every client's connection, as a restart of the broker would; how many there were.</summary>
    public async Task<int> CloseConnectionsAsync()
    {
        var connections = (await _api.GetAsync($"vhosts/{Name}/connections")).EnumerateArray()
            .Select(connection => connection.GetProperty("name").GetString()!).ToList();
        foreach (var connection in connections)
        {
            await _api.SendAsync<object>(HttpMethod.Delete, $"connections/{ManagementApi.Escape(connection)}", null);
        }

        return connections.Count;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var user in _users)
        {
            await _api.SendAsync<object>(HttpMethod.Delete, $"users/{user}", null);
        }

        s_left.Enqueue((Name, Stopwatch.GetTimestamp()));
        for (var n = s_left.Count; n > 0 && s_left.TryDequeue(out var left); n--)
        {
            if (Stopwatch.GetElapsedTime(left.Since) > s_settles)
            {
                await _api.SendAsync<object>(HttpMethod.Delete, $"vhosts/{left.Name}", null);
            }
            else
            {
                s_left.Enqueue(left);
            }
        }

        _api.Dispose();
    }

    private Uri UriFor(string user, string password) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"amqp://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@{_server.RabbitMq.Host}:{_server.RabbitMq.Port}/{Name}"));

    private static QueueState State(JsonElement queue) => new(
        queue.GetProperty("name").GetString()!,
        queue.GetProperty("arguments").EnumerateObject().ToDictionary(argument => argument.Name, argument => argument.Value.ToString()),
        Count(queue, "messages_ready"),
        Count(queue, "messages_unacknowledged"),
        Count(queue, "consumers"));

    private static int Count(JsonElement queue, string name) => queue.TryGetProperty(name, out var count) ? count.GetInt32() : 0;

    private static QueuedMessage Message(JsonElement message) => new(
        message.GetProperty("payload_encoding").GetString() == "base64"
            ? message.GetProperty("payload").GetBytesFromBase64()
            : System.Text.Encoding.UTF8.GetBytes(message.GetProperty("payload").GetString()!),
        message.GetProperty("exchange").GetString()!,
        message.GetProperty("routing_key").GetString()!,
        message.GetProperty("redelivered").GetBoolean(),
        message.GetProperty("properties"));
}
