using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging;
using Shop.ServiceDefaults.Http;

#nullable disable

namespace Shop.Ordering.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        private const string Triggers = """
            CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'orders_history is append-only: what happened stays as it was written'
                    USING ERRCODE = 'restrict_violation';
            END $$;
            CREATE TRIGGER orders_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON orders_history
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

            -- An order's total is about two tables, which no CHECK can see: looked at when the transaction commits.
            CREATE FUNCTION check_order_total() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE checked uuid;
            BEGIN
                IF TG_TABLE_NAME = 'orders' THEN checked := NEW.id;
                ELSIF TG_OP = 'DELETE' THEN checked := OLD.order_id;
                ELSE checked := NEW.order_id;
                END IF;
                IF EXISTS (SELECT 1 FROM orders o WHERE o.id = checked AND NOT coalesce(
                    (SELECT sum(l.quantity * l.unit_price) - o.discount = o.total AND bool_and(l.currency = o.currency)
                        FROM order_lines l WHERE l.order_id = checked), false)) THEN
                    RAISE EXCEPTION 'order %: the total must be the sum of its lines less the discount, in one currency', checked
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_total_of_lines';
                END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER orders_total_of_lines AFTER INSERT OR UPDATE OF total, discount, currency ON orders
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_total();
            CREATE CONSTRAINT TRIGGER order_lines_total_of_lines AFTER INSERT OR UPDATE OR DELETE ON order_lines
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_total();
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "customers",
                columns: table => new
                {
                    id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    confirmed_orders = table.Column<int>(type: "integer", nullable: false),
                    preferred_since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_customers", x => x.id);
                    table.CheckConstraint("customers_confirmed_orders", "confirmed_orders >= 0 AND version >= 0");
                    table.CheckConstraint("customers_preferred", "(preferred_since IS NOT NULL) = (confirmed_orders >= 3)");
                });

            migrationBuilder.CreateTable(
                name: "orders",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    customer_id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    status = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    discount = table.Column<decimal>(type: "numeric", nullable: false),
                    total = table.Column<decimal>(type: "numeric", nullable: false),
                    currency = table.Column<string>(type: "character(3)", fixedLength: true, maxLength: 3, nullable: false),
                    placed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    reason = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true),
                    reservation_version = table.Column<int>(type: "integer", nullable: false, defaultValue: 0),
                    version = table.Column<int>(type: "integer", nullable: false),
                    short_lines = table.Column<string>(type: "jsonb", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_orders", x => x.id);
                    table.CheckConstraint("orders_currency", "currency ~ '^[A-Z]{3}$'");
                    table.CheckConstraint("orders_reason", "(reason IS NOT NULL) = (status IN ('Rejected', 'Cancelled'))");
                    table.CheckConstraint("orders_status", "status IN ('Placed', 'Confirmed', 'Rejected', 'Cancelled', 'Shipped')");
                    table.CheckConstraint("orders_total", "total >= 0 AND discount >= 0");
                    table.CheckConstraint("orders_versions", "version >= 1 AND reservation_version >= 0");
                });

            migrationBuilder.CreateTable(
                name: "products",
                columns: table => new
                {
                    sku = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    unit_price = table.Column<decimal>(type: "numeric", nullable: false),
                    currency = table.Column<string>(type: "character(3)", fixedLength: true, maxLength: 3, nullable: false),
                    name_version = table.Column<int>(type: "integer", nullable: false),
                    price_version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_products", x => x.sku);
                    table.CheckConstraint("products_currency", "currency ~ '^[A-Z]{3}$'");
                    table.CheckConstraint("products_unit_price", "unit_price >= 0");
                    table.CheckConstraint("products_versions", "name_version >= 0 AND price_version >= 0");
                });

            migrationBuilder.CreateTable(
                name: "order_lines",
                columns: table => new
                {
                    sku = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false),
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    quantity = table.Column<int>(type: "integer", nullable: false),
                    unit_price = table.Column<decimal>(type: "numeric", nullable: false),
                    currency = table.Column<string>(type: "character(3)", fixedLength: true, maxLength: 3, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_order_lines", x => new { x.order_id, x.sku });
                    table.CheckConstraint("order_lines_currency", "currency ~ '^[A-Z]{3}$'");
                    table.CheckConstraint("order_lines_quantity", "quantity > 0 AND unit_price >= 0");
                    table.ForeignKey(
                        name: "fk_order_lines_orders_order_id",
                        column: x => x.order_id,
                        principalTable: "orders",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "orders_history",
                columns: table => new
                {
                    order_id = table.Column<Guid>(type: "uuid", nullable: false),
                    version = table.Column<int>(type: "integer", nullable: false),
                    from_status = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: true),
                    to_status = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    reason = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true),
                    cause = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    caused_by = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: true),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_orders_history", x => new { x.order_id, x.version });
                    table.CheckConstraint("orders_history_cause", "cause IN ('customer', 'staff', 'event', 'deadline')");
                    table.CheckConstraint("orders_history_caused_by", "(caused_by IS NOT NULL) = (cause IN ('customer', 'staff', 'event'))");
                    table.CheckConstraint("orders_history_moves", "(version = 1) = (from_status IS NULL) AND (coalesce(from_status, ''), to_status) IN (('', 'Placed'), ('Placed', 'Confirmed'), ('Placed', 'Rejected'), ('Placed', 'Cancelled'), ('Confirmed', 'Cancelled'), ('Confirmed', 'Shipped'))");
                    table.CheckConstraint("orders_history_reason", "(reason IS NOT NULL) = (to_status IN ('Rejected', 'Cancelled'))");
                    table.ForeignKey(
                        name: "fk_orders_history_orders_order_id",
                        column: x => x.order_id,
                        principalTable: "orders",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "ix_orders_customer_id_id",
                table: "orders",
                columns: new[] { "customer_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_orders_status_id",
                table: "orders",
                columns: new[] { "status", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_orders_waiting",
                table: "orders",
                columns: new[] { "placed_at", "id" },
                filter: "status = 'Placed'");

            migrationBuilder.CreateIndex(
                name: "ix_orders_history_order_id_to_status",
                table: "orders_history",
                columns: new[] { "order_id", "to_status" },
                unique: true);

            migrationBuilder.Sql(Triggers);
            migrationBuilder.CreateMessagingTables();
            migrationBuilder.CreateIdempotencyKeys();
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIdempotencyKeys();
            migrationBuilder.DropMessagingTables();

            migrationBuilder.DropTable(
                name: "customers");

            migrationBuilder.DropTable(
                name: "order_lines");

            migrationBuilder.DropTable(
                name: "orders_history");

            migrationBuilder.DropTable(
                name: "products");

            migrationBuilder.DropTable(
                name: "orders");

            migrationBuilder.Sql("DROP FUNCTION check_order_total(), refuse_history_change();");
        }
    }
}
