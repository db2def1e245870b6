using Shop.Messaging;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

/// <summary>
/// What a relay may expect of its publisher, over the model broker: streams beside each other, within a stream one after the
/// other; what made the broker close the channel is found by sending one by one.
/// </summary>
internal sealed class ModelPublisher(ModelBroker broker, SimProcess process, MessagingSettings settings) : IEventPublisher
{
    private Link? _link;
    private Channel? _channel;

    public async Task ConnectAsync(CancellationToken ct)
    {
        if (_link is not { IsUp: true })
        {
            _link = await broker.ConnectAsync(process, _ => { }, ct);
            _link.ClientLost = () => _channel?.Close(PublishOutcome.Unknown);
            _channel = null;
        }
    }

    public async Task<PublishReport> PublishAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        var report = new PublishReport();
        using var time = new CancellationTokenSource(settings.ConfirmTimeout, process.Clock);
        using var giveUp = time.Token.Register(() => _channel?.Close(PublishOutcome.Unknown));
        var channel = OpenChannel();
        await Task.WhenAll(rows.GroupBy(row => row.Stream).Select(stream => SendStreamAsync(channel, stream, report)));
        if (channel.WasClosedByBroker && _link is { IsUp: true } && !time.IsCancellationRequested)
        {
            await SendOneByOneAsync(rows, report, time.Token);
        }

        if (time.IsCancellationRequested)
        {
            _link?.Close();
        }

        return report;
    }

    private static async Task SendStreamAsync(Channel channel, IEnumerable<OutboxRow> stream, PublishReport report)
    {
        foreach (var row in stream)
        {
            if (Note(report, row, await channel.SendAsync(row)) != PublishOutcome.Confirmed)
            {
                return;
            }
        }
    }

    private static PublishOutcome Note(PublishReport report, OutboxRow row, PublishOutcome outcome)
    {
        switch (outcome)
        {
            case PublishOutcome.Confirmed:
                report.Confirmed.Add(row.Seq);
                break;
            case PublishOutcome.Returned or PublishOutcome.Nacked:
                report.Refused[row.Seq] = outcome.ToString();
                break;
        }

        return outcome;
    }

    private async Task SendOneByOneAsync(IReadOnlyList<OutboxRow> rows, PublishReport report, CancellationToken time)
    {
        HashSet<string> blocked = [.. rows.Where(row => report.Refused.ContainsKey(row.Seq)).Select(row => row.Stream)];
        foreach (var row in rows.Where(row => !report.Confirmed.Contains(row.Seq) && !blocked.Contains(row.Stream)))
        {
            if (_link is not { IsUp: true } || time.IsCancellationRequested)
            {
                return;
            }

            if (blocked.Contains(row.Stream))
            {
                continue;
            }

            var outcome = Note(report, row, await OpenChannel().SendAsync(row));
            if (outcome != PublishOutcome.Confirmed)
            {
                blocked.Add(row.Stream);
            }

            if (outcome == PublishOutcome.ChannelClosed)
            {
                report.Refused[row.Seq] = "the broker closed the channel";
            }
        }
    }

    private Channel OpenChannel() => _channel is { IsOpen: true } ? _channel : _channel = new Channel(broker, _link!);

    /// <summary>A channel with confirms, at both of its ends.</summary>
    private sealed class Channel(ModelBroker broker, Link link)
    {
        private readonly Dictionary<int, TaskCompletionSource<PublishOutcome>> _outstanding = [];
        private bool _servedByBroker = true;
        private int _sent;

        public bool IsOpen { get; private set; } = link.IsUp;

        public bool WasClosedByBroker { get; private set; }

        public Task<PublishOutcome> SendAsync(OutboxRow row)
        {
            if (!IsOpen)
            {
                return Task.FromResult(PublishOutcome.Unknown);
            }

            var number = ++_sent;
            var outcome = new TaskCompletionSource<PublishOutcome>();
            _outstanding.Add(number, outcome);
            link.Send(() =>
            {
                if (_servedByBroker)
                {
                    broker.Publish(row, link, answer => Answer(number, row, answer));
                }
            });
            return outcome.Task;
        }

        /// <summary>The client abandons it: the outcome of outstanding publishes is unknown.</summary>
        public void Close(PublishOutcome outcome)
        {
            IsOpen = false;
            var outstanding = _outstanding.Values.ToArray();
            _outstanding.Clear();
            foreach (var publish in outstanding)
            {
                publish.TrySetResult(outcome);
            }
        }

        private void Answer(int number, OutboxRow row, PublishOutcome outcome)
        {
            broker.World.Trace?.Write(broker.World.Now, $"{link.Name}: {row.Seq} of {row.Stream}: {outcome}");
            if (outcome == PublishOutcome.ChannelClosed)
            {
                _servedByBroker = false;
                link.Answer(broker.Faults.Latency(), () =>
                {
                    WasClosedByBroker = true;
                    Close(PublishOutcome.ChannelClosed);
                });
                return;
            }

            link.Answer(broker.Faults.ConfirmLatency(), () => Settle(number, outcome));
            if (broker.Faults.RepeatsConfirm())
            {
                link.Answer(broker.Faults.ConfirmLatency(), () => Settle(number, outcome));
            }
        }

        private void Settle(int number, PublishOutcome outcome)
        {
            if (_outstanding.Remove(number, out var publish))
            {
                publish.TrySetResult(outcome);
            }
        }
    }
}
