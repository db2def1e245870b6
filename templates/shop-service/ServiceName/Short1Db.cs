using Microsoft.EntityFrameworkCore;
using Shop.Messaging;

namespace ServiceName;

internal sealed class Short1Db(DbContextOptions<Short1Db> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.MapMessaging(); // outbox and inbox
}
