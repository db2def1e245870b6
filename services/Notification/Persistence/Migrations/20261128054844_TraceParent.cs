using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Notification.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class TraceParent : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) =>
            migrationBuilder.Sql("ALTER TABLE notifications ADD COLUMN IF NOT EXISTS trace_parent character varying(55)");

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) =>
            migrationBuilder.DropColumn(name: "trace_parent", table: "notifications");
    }
}
