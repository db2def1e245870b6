using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging.Inbox;

#nullable disable

namespace Shop.Notification.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class SeparateRoles : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.KeepInboxAsOwner();

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.KeepInboxAsCaller();
    }
}
