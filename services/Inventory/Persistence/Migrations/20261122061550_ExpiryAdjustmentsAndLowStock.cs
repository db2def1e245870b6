using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Inventory.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class ExpiryAdjustmentsAndLowStock : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // By hand, because the tables may be large and instances of the previous version work on them meanwhile. This step holds
            // its locks for a moment only: columns without a rewrite, constraints without a look at the rows. Everything can be
            // run again, should the migration break off in the middle.
            migrationBuilder.Sql("""
                ALTER TABLE products
                    ADD COLUMN IF NOT EXISTS low_stock_threshold integer,
                    DROP CONSTRAINT IF EXISTS products_low_stock_threshold,
                    ADD CONSTRAINT products_low_stock_threshold CHECK (low_stock_threshold >= 0) NOT VALID;

                ALTER TABLE stock_movements
                    ADD COLUMN IF NOT EXISTS reason character varying(200),
                    DROP CONSTRAINT IF EXISTS stock_movements_kind,
                    DROP CONSTRAINT IF EXISTS stock_movements_order,
                    DROP CONSTRAINT IF EXISTS stock_movements_quantity,
                    DROP CONSTRAINT IF EXISTS stock_movements_reason,
                    ADD CONSTRAINT stock_movements_kind
                        CHECK (kind IN ('received', 'reserved', 'released', 'expired', 'reclaimed', 'shipped', 'adjusted')) NOT VALID,
                    ADD CONSTRAINT stock_movements_order
                        CHECK (kind = 'adjusted' OR (order_id IS NULL) = (kind = 'received')) NOT VALID,
                    ADD CONSTRAINT stock_movements_quantity
                        CHECK (quantity > 0 OR (kind = 'adjusted' AND quantity < 0)) NOT VALID,
                    ADD CONSTRAINT stock_movements_reason
                        CHECK ((reason IS NOT NULL) = (kind = 'adjusted')
                            AND reason COLLATE "C" ~ '\S' AND reason COLLATE "C" !~ '[[:cntrl:]]') NOT VALID;

                -- The default is evaluated once for the rows that are there, and at each INSERT of the previous version, which does not
                -- know the column. Nobody was told how long those are good for, so they get a week: time enough to ship the orders
                -- that are confirmed, and an end for units that nobody will ever ship.
                ALTER TABLE reservations
                    ADD COLUMN IF NOT EXISTS expires_at timestamp with time zone DEFAULT now() + interval '7 days',
                    DROP CONSTRAINT IF EXISTS reservations_status,
                    DROP CONSTRAINT IF EXISTS reservations_expiry,
                    ADD CONSTRAINT reservations_status
                        CHECK (status IN ('reserved', 'failed', 'released', 'shipped', 'expired')) NOT VALID,
                    ADD CONSTRAINT reservations_expiry CHECK (
                        CASE WHEN expires_at IS NULL THEN status NOT IN ('reserved', 'expired') ELSE expires_at > decided_at END) NOT VALID;
                """);

            // Each in a transaction of its own, after the one above has let its locks go: these look at every row while others write.
            foreach (var (table, constraint) in new[]
            {
                ("products", "products_low_stock_threshold"),
                ("stock_movements", "stock_movements_kind"),
                ("stock_movements", "stock_movements_order"),
                ("stock_movements", "stock_movements_quantity"),
                ("stock_movements", "stock_movements_reason"),
                ("reservations", "reservations_status"),
                ("reservations", "reservations_expiry"),
            })
            {
                migrationBuilder.Sql($"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint};", suppressTransaction: true);
            }

            // One that broke off leaves an index that is not valid.
            migrationBuilder.Sql("DROP INDEX CONCURRENTLY IF EXISTS ix_reservations_expires_at;", suppressTransaction: true);
            migrationBuilder.Sql(
                "CREATE INDEX CONCURRENTLY ix_reservations_expires_at ON reservations (expires_at) WHERE status = 'reserved';",
                suppressTransaction: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "stock_movements_kind",
                table: "stock_movements");

            migrationBuilder.DropCheckConstraint(
                name: "stock_movements_order",
                table: "stock_movements");

            migrationBuilder.DropCheckConstraint(
                name: "stock_movements_quantity",
                table: "stock_movements");

            migrationBuilder.DropCheckConstraint(
                name: "stock_movements_reason",
                table: "stock_movements");

            migrationBuilder.DropIndex(
                name: "ix_reservations_expires_at",
                table: "reservations");

            migrationBuilder.DropCheckConstraint(
                name: "reservations_expiry",
                table: "reservations");

            migrationBuilder.DropCheckConstraint(
                name: "reservations_status",
                table: "reservations");

            migrationBuilder.DropCheckConstraint(
                name: "products_low_stock_threshold",
                table: "products");

            migrationBuilder.DropColumn(
                name: "reason",
                table: "stock_movements");

            migrationBuilder.DropColumn(
                name: "expires_at",
                table: "reservations");

            migrationBuilder.DropColumn(
                name: "low_stock_threshold",
                table: "products");

            migrationBuilder.AddCheckConstraint(
                name: "stock_movements_kind",
                table: "stock_movements",
                sql: "kind IN ('received', 'reserved', 'released', 'shipped')");

            migrationBuilder.AddCheckConstraint(
                name: "stock_movements_order",
                table: "stock_movements",
                sql: "(order_id IS NULL) = (kind = 'received')");

            migrationBuilder.AddCheckConstraint(
                name: "stock_movements_quantity",
                table: "stock_movements",
                sql: "quantity > 0");

            migrationBuilder.AddCheckConstraint(
                name: "reservations_status",
                table: "reservations",
                sql: "status IN ('reserved', 'failed', 'released', 'shipped')");
        }
    }
}
