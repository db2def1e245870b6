using Microsoft.EntityFrameworkCore;
using Shop.Messaging;

namespace ServiceName;

internal sealed class ServiceNameDb(DbContextOptions<ServiceNameDb> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.MapMessaging(); // outbox and inbox
}
