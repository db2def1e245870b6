using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// Declares over AMQP what <see cref="BrokerDefinitions"/> would load, and the exchanges of consumed events, whichever service
/// starts first. Retries until it succeeds.
/// </summary>
internal sealed partial class TopologyDeclaration(
    MessagingSettings settings, BrokerTopology topology, TimeProvider clock, ILogger<TopologyDeclaration> logger) : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);
    private volatile string? _refused;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        topology.Declared.IsCompleted ? HealthCheckResult.Healthy()
        : _refused is { } refused ? HealthCheckResult.Unhealthy(refused)
        : HealthCheckResult.Degraded("The broker was not reached yet: the topology is not declared."));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await DeclareAsync(stoppingToken);
                topology.MarkDeclared();
                return;
            }
            catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is Constants.PreconditionFailed or Constants.AccessRefused)
            {
                Refused(e.ShutdownReason.ReplyCode, e.ShutdownReason.ReplyText);
            }
            catch (Exception e) when (BrokerLink.IsBrokerFailure(e))
            {
                LogNoBroker(e.Message); // the bus and its health check report it
            }

            await Task.Delay(s_pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task DeclareAsync(CancellationToken ct)
    {
        await using var connection = await BrokerConnections.To(settings.Broker, settings.Service + " topology").CreateConnectionAsync(ct);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
        var definitions = BrokerDefinitions.Of(topology);
        foreach (var consumed in topology.Queues.SelectMany(queue => queue.Events).Distinct())
        {
            await channel.ExchangeDeclareAsync(consumed, ExchangeType.Fanout, durable: true, cancellationToken: ct);
        }

        foreach (var exchange in definitions["exchanges"]!.AsArray())
        {
            await channel.ExchangeDeclareAsync(Text(exchange, "name"), Text(exchange, "type"), durable: true, cancellationToken: ct);
        }

        foreach (var queue in definitions["queues"]!.AsArray())
        {
            await channel.QueueDeclareAsync(Text(queue, "name"), durable: true, exclusive: false, autoDelete: false,
                queue!["arguments"]!.AsObject().ToDictionary(argument => argument.Key, Argument), cancellationToken: ct);
        }

        foreach (var binding in definitions["bindings"]!.AsArray())
        {
            await channel.QueueBindAsync(Text(binding, "destination"), Text(binding, "source"), Text(binding, "routing_key"), cancellationToken: ct);
        }
    }

    private static string Text(JsonNode? item, string name) => (string)item![name]!;

    private static object? Argument(KeyValuePair<string, JsonNode?> argument) =>
        argument.Value!.GetValueKind() == JsonValueKind.Number ? (int)argument.Value : (string)argument.Value!;

    private void Refused(ushort code, string reason)
    {
        var advice = code == Constants.AccessRefused
            ? $"The broker refused this user's declaration ({reason}). Grant it the configure permission, or remove DeclareTopology() and load the service's definitions."
            : $"The broker has an object of the same name with other arguments ({reason}). Delete it there, once its messages are consumed; the service continues automatically then.";
        if (advice != _refused)
        {
            LogRefused(advice);
        }

        _refused = advice;
        topology.MarkRefused();
    }

    [LoggerMessage(LogLevel.Error, "Topology not declared: {Advice}")]
    private partial void LogRefused(string advice);

    [LoggerMessage(LogLevel.Debug, "Broker not reachable yet: {Reason}")]
    private partial void LogNoBroker(string reason);
}
