using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging;
using Shop.ServiceDefaults.Http;

#nullable disable

namespace Shop.Analytics.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "order_journeys",
                columns: table => new
                {
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    placed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    confirmed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    rejected_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    cancelled_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    shipped_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    total = table.Column<decimal>(type: "numeric", nullable: true),
                    currency = table.Column<string>(type: "text", nullable: true),
                    rejection_reason = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_order_journeys", x => x.order_id);
                    table.CheckConstraint("ck_order_journeys_currency", "currency ~ '^[A-Z]{3}$'");
                    table.CheckConstraint("ck_order_journeys_total", "total >= 0");
                });

            migrationBuilder.CreateTable(
                name: "projection_rebuilds",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    projection = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    epoch = table.Column<int>(type: "integer", nullable: false),
                    from_day = table.Column<DateOnly>(type: "date", nullable: true),
                    events_total = table.Column<long>(type: "bigint", nullable: true),
                    events_done = table.Column<long>(type: "bigint", nullable: false),
                    after_time = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    after_event = table.Column<Guid>(type: "uuid", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    finished_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    error = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_projection_rebuilds", x => x.id);
                    table.CheckConstraint("ck_projection_rebuilds_epoch", "epoch >= 1");
                    table.CheckConstraint("ck_projection_rebuilds_error", "(error IS NULL) = (state <> 'failed')");
                    table.CheckConstraint("ck_projection_rebuilds_events", "events_done >= 0 AND events_done <= events_total");
                    table.CheckConstraint("ck_projection_rebuilds_finished", "(finished_at IS NULL) = (state = 'running')");
                    table.CheckConstraint("ck_projection_rebuilds_state", "state IN ('running', 'done', 'failed')");
                });

            migrationBuilder.CreateTable(
                name: "rejections_per_day",
                columns: table => new
                {
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    sku = table.Column<string>(type: "text", nullable: false),
                    orders = table.Column<long>(type: "bigint", nullable: false),
                    asked = table.Column<long>(type: "bigint", nullable: false),
                    missing = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_rejections_per_day", x => new { x.day, x.reason, x.sku });
                    table.CheckConstraint("ck_rejections_per_day_orders", "orders > 0");
                    table.CheckConstraint("ck_rejections_per_day_units", "asked >= 0 AND missing >= 0 AND missing <= asked");
                });

            migrationBuilder.CreateTable(
                name: "sales_per_day",
                columns: table => new
                {
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    currency = table.Column<string>(type: "text", nullable: false),
                    orders = table.Column<long>(type: "bigint", nullable: false),
                    units = table.Column<long>(type: "bigint", nullable: false),
                    revenue = table.Column<decimal>(type: "numeric", nullable: false),
                    cancelled_orders = table.Column<long>(type: "bigint", nullable: false),
                    cancelled_revenue = table.Column<decimal>(type: "numeric", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_sales_per_day", x => new { x.day, x.currency });
                    table.CheckConstraint("ck_sales_per_day_amounts", "revenue >= 0 AND cancelled_revenue >= 0");
                    table.CheckConstraint("ck_sales_per_day_counts", "orders >= 0 AND units >= orders AND cancelled_orders >= 0");
                    table.CheckConstraint("ck_sales_per_day_currency", "currency ~ '^[A-Z]{3}$'");
                });

            migrationBuilder.CreateTable(
                name: "sold_lines",
                columns: table => new
                {
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    sku = table.Column<string>(type: "text", nullable: false),
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    currency = table.Column<string>(type: "text", nullable: false),
                    units = table.Column<long>(type: "bigint", nullable: false),
                    revenue = table.Column<decimal>(type: "numeric", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_sold_lines", x => new { x.order_id, x.sku });
                    table.CheckConstraint("ck_sold_lines_currency", "currency ~ '^[A-Z]{3}$'");
                    table.CheckConstraint("ck_sold_lines_revenue", "revenue >= 0");
                    table.CheckConstraint("ck_sold_lines_sku", "sku <> ''");
                    table.CheckConstraint("ck_sold_lines_units", "units > 0");
                });

            migrationBuilder.CreateTable(
                name: "stock_outs_per_day",
                columns: table => new
                {
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    sku = table.Column<string>(type: "text", nullable: false),
                    shortages = table.Column<long>(type: "bigint", nullable: false),
                    asked = table.Column<long>(type: "bigint", nullable: false),
                    missing = table.Column<long>(type: "bigint", nullable: false),
                    low_alerts = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_stock_outs_per_day", x => new { x.day, x.sku });
                    table.CheckConstraint("ck_stock_outs_per_day_counts", "shortages >= 0 AND low_alerts >= 0");
                    table.CheckConstraint("ck_stock_outs_per_day_sku", "sku <> ''");
                    table.CheckConstraint("ck_stock_outs_per_day_units", "asked >= 0 AND missing >= 0 AND missing <= asked");
                });

            migrationBuilder.CreateIndex(
                name: "order_journeys_placed_at",
                table: "order_journeys",
                column: "placed_at");

            migrationBuilder.CreateIndex(
                name: "projection_rebuilds_newest",
                table: "projection_rebuilds",
                columns: new[] { "projection", "started_at" });

            migrationBuilder.CreateIndex(
                name: "projection_rebuilds_one_running",
                table: "projection_rebuilds",
                column: "projection",
                unique: true,
                filter: "state = 'running'");

            migrationBuilder.CreateIndex(
                name: "sold_lines_day",
                table: "sold_lines",
                column: "day");

            migrationBuilder.CreateEventLog();
            migrationBuilder.CreateRebuilds();
            migrationBuilder.CreateMessagingTables();
            migrationBuilder.CreateIdempotencyKeys();
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIdempotencyKeys();
            migrationBuilder.DropMessagingTables();
            migrationBuilder.DropRebuilds();
            migrationBuilder.DropEventLog();

            migrationBuilder.DropTable(
                name: "order_journeys");

            migrationBuilder.DropTable(
                name: "projection_rebuilds");

            migrationBuilder.DropTable(
                name: "rejections_per_day");

            migrationBuilder.DropTable(
                name: "sales_per_day");

            migrationBuilder.DropTable(
                name: "sold_lines");

            migrationBuilder.DropTable(
                name: "stock_outs_per_day");
        }
    }
}
