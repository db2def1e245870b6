using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging;
using Shop.ServiceDefaults.Http;

#nullable disable

namespace Shop.Notification.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "contacts",
                columns: table => new
                {
                    customer_id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    email = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false),
                    webhook_url = table.Column<string>(type: "character varying(2000)", maxLength: 2000, nullable: true),
                    webhook_secret = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: true),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_contacts", x => x.customer_id);
                    table.CheckConstraint("contacts_filled", "name <> '' AND email LIKE '_%@_%'");
                    table.CheckConstraint("contacts_webhook_secret", "(webhook_url IS NULL) = (webhook_secret IS NULL)");
                    table.CheckConstraint("contacts_webhook_url", "webhook_url ~ '^https://[^/?#@[:space:]]+/[^#[:space:]]*$' OR webhook_url ~ '^http://(localhost|127(\\.[0-9]{1,3}){3}|\\[::1\\])(:[0-9]{1,5})?/[^#[:space:]]*$'");
                });

            migrationBuilder.CreateTable(
                name: "notifications",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    event_id = table.Column<Guid>(type: "uuid", nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: true),
                    audience = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false, defaultValue: "customer"),
                    recipient = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    channel = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    subject = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    text = table.Column<string>(type: "text", nullable: false),
                    html = table.Column<string>(type: "text", nullable: true),
                    payload = table.Column<string>(type: "text", nullable: true),
                    trace_parent = table.Column<string>(type: "character varying(55)", maxLength: 55, nullable: true),
                    status = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    next_attempt_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    last_error = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    delivered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    earlier_deliveries = table.Column<int>(type: "integer", nullable: false, defaultValue: 0)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_notifications", x => x.id);
                    table.CheckConstraint("notifications_attempts", "attempts >= 0");
                    table.CheckConstraint("notifications_audience", "audience IN ('customer', 'staff')");
                    table.CheckConstraint("notifications_channel", "channel IN ('email', 'webhook')");
                    table.CheckConstraint("notifications_content", "subject <> '' AND text <> '' AND (channel = 'webhook') = (payload IS NOT NULL) AND (channel = 'email' OR html IS NULL)");
                    table.CheckConstraint("notifications_delivered_when", "status <> 'Delivered' OR delivered_at IS NOT NULL");
                    table.CheckConstraint("notifications_due_while_pending", "(status = 'Pending') = (next_attempt_at IS NOT NULL)");
                    table.CheckConstraint("notifications_earlier_deliveries", "earlier_deliveries >= 0");
                    table.CheckConstraint("notifications_status", "status IN ('Pending', 'Delivered', 'Failed')");
                });

            migrationBuilder.CreateIndex(
                name: "ix_notifications_channel_next_attempt_at",
                table: "notifications",
                columns: new[] { "channel", "next_attempt_at" },
                filter: "status = 'Pending'");

            migrationBuilder.CreateIndex(
                name: "ix_notifications_event_id_recipient_channel",
                table: "notifications",
                columns: new[] { "event_id", "recipient", "channel" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_notifications_order_id_id",
                table: "notifications",
                columns: new[] { "order_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_notifications_recipient_id",
                table: "notifications",
                columns: new[] { "recipient", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_notifications_status_id",
                table: "notifications",
                columns: new[] { "status", "id" });

            migrationBuilder.CreateMessagingTables();
            migrationBuilder.CreateIdempotencyKeys();
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIdempotencyKeys();
            migrationBuilder.DropMessagingTables();

            migrationBuilder.DropTable(
                name: "contacts");

            migrationBuilder.DropTable(
                name: "notifications");
        }
    }
}
