using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql.EntityFrameworkCore.PostgreSQL.Update.Internal;

namespace Shop.Messaging.UnitOfWork;

// The provider's batch is marked internal, and the only extension point for the statements of one round trip.
#pragma warning disable EF1001

/// <summary>Creates the batches of a save: see <see cref="SingleRoundTripBatch"/>.</summary>
internal sealed class SingleRoundTripBatchFactory(ModificationCommandBatchFactoryDependencies dependencies, IDbContextOptions options)
    : NpgsqlModificationCommandBatchFactory(dependencies, options)
{
    private readonly ModificationCommandBatchFactoryDependencies _dependencies = dependencies;
    private readonly int _maxBatchSize = options.Extensions.OfType<RelationalOptionsExtension>().FirstOrDefault()?.MaxBatchSize ?? 1_000;

    public override ModificationCommandBatch Create() => new SingleRoundTripBatch(_dependencies, _maxBatchSize);
}
