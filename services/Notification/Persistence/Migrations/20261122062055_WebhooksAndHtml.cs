using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Notification.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class WebhooksAndHtml : Migration
    {
        private static readonly (string Table, string Name, string Rule)[] s_rules =
        [
            ("notifications", "notifications_audience", "audience IN ('customer', 'staff')"),
            ("notifications", "notifications_channel", "channel IN ('email', 'webhook')"),
            ("notifications", "notifications_content",
                "subject <> '' AND text <> '' AND (channel = 'webhook') = (payload IS NOT NULL) AND (channel = 'email' OR html IS NULL)"),
            ("notifications", "notifications_delivered_when", "status <> 'Delivered' OR delivered_at IS NOT NULL"),
            ("notifications", "notifications_earlier_deliveries", "earlier_deliveries >= 0"),
            ("contacts", "contacts_filled", "name <> '' AND email LIKE '_%@_%'"),
            ("contacts", "contacts_webhook_secret", "(webhook_url IS NULL) = (webhook_secret IS NULL)"),
            ("contacts", "contacts_webhook_url",
                @"webhook_url ~ '^https://[^/?#@[:space:]]+/[^#[:space:]]*$' OR "
                + @"webhook_url ~ '^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?/[^#[:space:]]*$'"),
        ];

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // Written so that it can be run again after it was broken off: what is outside of the transaction commits bit by bit. Constant
            // defaults and nulls do not rewrite the tables, and the version before goes on writing without these columns.
            migrationBuilder.Sql("""
                ALTER TABLE notifications
                    DROP CONSTRAINT IF EXISTS notifications_delivered_at,
                    ADD COLUMN IF NOT EXISTS audience character varying(16) NOT NULL DEFAULT 'customer',
                    ADD COLUMN IF NOT EXISTS earlier_deliveries integer NOT NULL DEFAULT 0,
                    ADD COLUMN IF NOT EXISTS html text,
                    ADD COLUMN IF NOT EXISTS payload text;
                ALTER TABLE contacts
                    ADD COLUMN IF NOT EXISTS webhook_url character varying(2000),
                    ADD COLUMN IF NOT EXISTS webhook_secret character varying(100);
                """);

            // NOT VALID: holds for what is written from now on, and takes its lock only for a moment.
            foreach (var (table, name, rule) in s_rules)
            {
                migrationBuilder.Sql($"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID");
            }

            // What is there already is checked, and indexed, while others read and write. That works only outside of the transaction above,
            // whose locks would be held all the while.
            foreach (var (table, name, _) in s_rules)
            {
                migrationBuilder.Sql($"ALTER TABLE {table} VALIDATE CONSTRAINT {name}", suppressTransaction: true);
            }

            // An earlier run that was broken off left an index that is of no use.
            migrationBuilder.Sql("DROP INDEX CONCURRENTLY IF EXISTS ix_notifications_channel_next_attempt_at", suppressTransaction: true);
            migrationBuilder.Sql("""
                CREATE INDEX CONCURRENTLY ix_notifications_channel_next_attempt_at
                    ON notifications (channel, next_attempt_at) WHERE status = 'Pending'
                """, suppressTransaction: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            // The version before would send these by mail, where the same was sent already; and it knows a time only of what is delivered.
            migrationBuilder.Sql("DELETE FROM notifications WHERE channel = 'webhook'");
            migrationBuilder.Sql("UPDATE notifications SET delivered_at = NULL WHERE status <> 'Delivered' AND delivered_at IS NOT NULL");

            migrationBuilder.DropIndex(
                name: "ix_notifications_channel_next_attempt_at",
                table: "notifications");

            migrationBuilder.DropCheckConstraint(
                name: "notifications_audience",
                table: "notifications");

            migrationBuilder.DropCheckConstraint(
                name: "notifications_channel",
                table: "notifications");

            migrationBuilder.DropCheckConstraint(
                name: "notifications_content",
                table: "notifications");

            migrationBuilder.DropCheckConstraint(
                name: "notifications_delivered_when",
                table: "notifications");

            migrationBuilder.DropCheckConstraint(
                name: "notifications_earlier_deliveries",
                table: "notifications");

            migrationBuilder.DropCheckConstraint(
                name: "contacts_filled",
                table: "contacts");

            migrationBuilder.DropCheckConstraint(
                name: "contacts_webhook_secret",
                table: "contacts");

            migrationBuilder.DropCheckConstraint(
                name: "contacts_webhook_url",
                table: "contacts");

            migrationBuilder.DropColumn(
                name: "audience",
                table: "notifications");

            migrationBuilder.DropColumn(
                name: "earlier_deliveries",
                table: "notifications");

            migrationBuilder.DropColumn(
                name: "html",
                table: "notifications");

            migrationBuilder.DropColumn(
                name: "payload",
                table: "notifications");

            migrationBuilder.DropColumn(
                name: "webhook_secret",
                table: "contacts");

            migrationBuilder.DropColumn(
                name: "webhook_url",
                table: "contacts");

            migrationBuilder.AddCheckConstraint(
                name: "notifications_delivered_at",
                table: "notifications",
                sql: "(status = 'Delivered') = (delivered_at IS NOT NULL)");
        }
    }
}
