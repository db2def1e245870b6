using MassTransit;
using Publisher1.Contracts.V1;

namespace ServiceName;

/// <summary>What it saves and its inbox row are one transaction: a duplicate does not get here.</summary>
internal sealed class ConsumerName(Short1Db db, ILogger<ConsumerName> log) : IConsumer<EventName1>
{
    public async Task Consume(ConsumeContext<EventName1> context)
    {
        log.LogInformation("EventName1 of {AggregateId}", context.Message.AggregateId); // change db here instead
        await db.SaveChangesAsync(context.CancellationToken);
    }
}
