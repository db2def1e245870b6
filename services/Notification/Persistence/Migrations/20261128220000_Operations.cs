using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging;

#nullable disable

namespace Shop.Notification.Persistence.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(NotificationDbContext))]
    [Migration("20261128220000_Operations")]
    public partial class Operations : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateOperationsTables();
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropOperationsTables();
        }
    }
}
