using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql.EntityFrameworkCore.PostgreSQL.Update.Internal;

namespace Shop.ServiceDefaults.Messaging.Outbox;

// The provider's batch is internal in name only, and the only place that knows what one round trip holds.
#pragma warning disable EF1001

/// <summary>
/// Saves without BEGIN and COMMIT where one round trip is one transaction by itself: PostgreSQL commits all that is sent before
/// one Sync together, or nothing of it. That is so for a save that is one batch, outside of any transaction, and only inserts: how
/// many rows an update met is checked here, when the server has committed already. See docs/adr/0022.
/// </summary>
internal sealed class SingleRoundTripBatchFactory(ModificationCommandBatchFactoryDependencies dependencies, IDbContextOptions options)
    : NpgsqlModificationCommandBatchFactory(dependencies, options)
{
    private readonly ModificationCommandBatchFactoryDependencies _dependencies = dependencies;
    private readonly int _maxBatchSize = options.Extensions.OfType<RelationalOptionsExtension>().FirstOrDefault()?.MaxBatchSize ?? 1_000;

    public override ModificationCommandBatch Create() => new SingleRoundTripBatch(_dependencies, _maxBatchSize);

    private sealed class SingleRoundTripBatch(ModificationCommandBatchFactoryDependencies dependencies, int maxBatchSize)
        : NpgsqlModificationCommandBatch(dependencies, maxBatchSize)
    {
        /// <summary>EF asks this of a save that is one batch; several always get a transaction.</summary>
        public override bool RequiresTransaction =>
            base.RequiresTransaction && ModificationCommands.Any(command => command.EntityState != EntityState.Added);

        /// <summary>A constraint that is checked at the end fails after the last result: only who reads on hears of it.</summary>
        protected override async Task ConsumeAsync(RelationalDataReader reader, CancellationToken cancellationToken = default)
        {
            await base.ConsumeAsync(reader, cancellationToken);
            while (await reader.DbDataReader.NextResultAsync(cancellationToken))
            {
                // Nothing is left but the end.
            }
        }
    }
}
