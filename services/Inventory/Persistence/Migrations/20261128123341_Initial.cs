using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging;
using Shop.ServiceDefaults.Http;

#nullable disable

namespace Shop.Inventory.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "products",
                columns: table => new
                {
                    sku = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    unit_price = table.Column<decimal>(type: "numeric", nullable: false),
                    currency = table.Column<string>(type: "character(3)", fixedLength: true, maxLength: 3, nullable: false),
                    on_hand = table.Column<int>(type: "integer", nullable: false),
                    reserved = table.Column<int>(type: "integer", nullable: false),
                    shipped = table.Column<long>(type: "bigint", nullable: false),
                    low_stock_threshold = table.Column<int>(type: "integer", nullable: true),
                    version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_products", x => x.sku);
                    table.CheckConstraint("products_low_stock_threshold", "low_stock_threshold >= 0");
                    table.CheckConstraint("products_sku", "sku ~ '^[A-Za-z0-9._-]{1,64}$'");
                    table.CheckConstraint("products_stock", "on_hand >= 0 AND reserved >= 0 AND shipped >= 0");
                    table.CheckConstraint("products_unit_price", "unit_price >= 0 AND currency ~ '^[A-Z]{3}$'");
                });

            migrationBuilder.CreateTable(
                name: "reservations",
                columns: table => new
                {
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    status = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    decided_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_reservations", x => x.order_id);
                    table.CheckConstraint("reservations_expiry", "CASE WHEN expires_at IS NULL THEN status NOT IN ('reserved', 'expired') ELSE expires_at > decided_at END");
                    table.CheckConstraint("reservations_status", "status IN ('reserved', 'failed', 'released', 'shipped', 'expired')");
                });

            migrationBuilder.CreateTable(
                name: "stock_movements",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    sku = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                    kind = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    quantity = table.Column<int>(type: "integer", nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: true),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    reason = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_stock_movements", x => x.id);
                    table.CheckConstraint("stock_movements_kind", "kind IN ('received', 'reserved', 'released', 'expired', 'reclaimed', 'shipped', 'adjusted')");
                    table.CheckConstraint("stock_movements_order", "kind = 'adjusted' OR (order_id IS NULL) = (kind = 'received')");
                    table.CheckConstraint("stock_movements_quantity", "quantity > 0 OR (kind = 'adjusted' AND quantity < 0)");
                    table.CheckConstraint("stock_movements_reason", "(reason IS NOT NULL) = (kind = 'adjusted') AND reason COLLATE \"C\" ~ '\\S' AND reason COLLATE \"C\" !~ '[[:cntrl:]]'");
                    table.ForeignKey(
                        name: "fk_stock_movements_products_sku",
                        column: x => x.sku,
                        principalTable: "products",
                        principalColumn: "sku",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "reservation_lines",
                columns: table => new
                {
                    sku = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    quantity = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_reservation_lines", x => new { x.order_id, x.sku });
                    table.CheckConstraint("reservation_lines_quantity", "quantity > 0");
                    table.ForeignKey(
                        name: "fk_reservation_lines_reservations_order_id",
                        column: x => x.order_id,
                        principalTable: "reservations",
                        principalColumn: "order_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_reservations_expires_at",
                table: "reservations",
                column: "expires_at",
                filter: "status = 'reserved'");

            migrationBuilder.CreateIndex(
                name: "ix_stock_movements_order_id_sku_kind",
                table: "stock_movements",
                columns: new[] { "order_id", "sku", "kind" },
                unique: true,
                filter: "order_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_stock_movements_sku_id",
                table: "stock_movements",
                columns: new[] { "sku", "id" });

            // The ledger is append-only for everybody, the service's own login included.
            migrationBuilder.Sql("""
                CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION 'stock_movements is append-only: record another movement instead of changing one'
                        USING ERRCODE = 'restrict_violation';
                END $$;
                CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movements
                    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
                """);
            migrationBuilder.CreateMessagingTables();
            migrationBuilder.CreateIdempotencyKeys();
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIdempotencyKeys();
            migrationBuilder.DropMessagingTables();

            migrationBuilder.DropTable(
                name: "reservation_lines");

            migrationBuilder.DropTable(
                name: "stock_movements");

            migrationBuilder.DropTable(
                name: "reservations");

            migrationBuilder.DropTable(
                name: "products");

            migrationBuilder.Sql("DROP FUNCTION refuse_ledger_change();");
        }
    }
}
