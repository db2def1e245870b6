using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Ordering.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class MoneyAndSubjects : Migration
    {
        // It names the columns, and so they cannot change while it is there.
        private const string DropTrigger = "DROP TRIGGER orders_total_of_lines ON orders;";
        private const string CreateTrigger = """
            CREATE CONSTRAINT TRIGGER orders_total_of_lines AFTER INSERT OR UPDATE OF total, discount, currency ON orders DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION check_order_total();
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterColumn<decimal>(
                name: "unit_price",
                table: "products",
                type: "numeric",
                nullable: false,
                oldClrType: typeof(decimal),
                oldType: "numeric(18,2)",
                oldPrecision: 18,
                oldScale: 2);

            migrationBuilder.AlterColumn<string>(
                name: "customer_id",
                table: "orders",
                type: "character varying(255)",
                maxLength: 255,
                nullable: false,
                oldClrType: typeof(string),
                oldType: "character varying(200)",
                oldMaxLength: 200);

            migrationBuilder.AlterColumn<string>(
                name: "id",
                table: "customers",
                type: "character varying(255)",
                maxLength: 255,
                nullable: false,
                oldClrType: typeof(string),
                oldType: "character varying(200)",
                oldMaxLength: 200);

            // No type here rewrites a table, but a CHECK would be validated while nobody can write: so it is added again NOT VALID, and
            // validated by a statement of its own, after the commit.
            migrationBuilder.Sql(DropTrigger);
            Widen(migrationBuilder, "orders", "orders_total", "total >= 0 AND discount >= 0",
                "ALTER total TYPE numeric, ALTER discount TYPE numeric");
            Widen(migrationBuilder, "order_lines", "order_lines_quantity", "quantity > 0 AND unit_price >= 0", "ALTER unit_price TYPE numeric");
            Widen(migrationBuilder, "orders_history", "orders_history_caused_by",
                "(caused_by IS NOT NULL) = (cause IN ('customer', 'staff', 'event'))", "ALTER caused_by TYPE varchar(255)");
            migrationBuilder.Sql(CreateTrigger);
            foreach (var constraint in (string[])["orders VALIDATE CONSTRAINT orders_total", "order_lines VALIDATE CONSTRAINT order_lines_quantity",
                "orders_history VALIDATE CONSTRAINT orders_history_caused_by"])
            {
                migrationBuilder.Sql($"ALTER TABLE {constraint};", suppressTransaction: true);
            }
        }

        private static void Widen(MigrationBuilder migrationBuilder, string table, string constraint, string check, string columns) =>
            migrationBuilder.Sql(
                $"ALTER TABLE {table} DROP CONSTRAINT {constraint}, {columns}, ADD CONSTRAINT {constraint} CHECK ({check}) NOT VALID;");

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(DropTrigger);
            migrationBuilder.AlterColumn<decimal>(
                name: "unit_price",
                table: "products",
                type: "numeric(18,2)",
                precision: 18,
                scale: 2,
                nullable: false,
                oldClrType: typeof(decimal),
                oldType: "numeric");

            migrationBuilder.AlterColumn<string>(
                name: "caused_by",
                table: "orders_history",
                type: "character varying(200)",
                maxLength: 200,
                nullable: true,
                oldClrType: typeof(string),
                oldType: "character varying(255)",
                oldMaxLength: 255,
                oldNullable: true);

            migrationBuilder.AlterColumn<decimal>(
                name: "total",
                table: "orders",
                type: "numeric(18,2)",
                precision: 18,
                scale: 2,
                nullable: false,
                oldClrType: typeof(decimal),
                oldType: "numeric");

            migrationBuilder.AlterColumn<decimal>(
                name: "discount",
                table: "orders",
                type: "numeric(18,2)",
                precision: 18,
                scale: 2,
                nullable: false,
                oldClrType: typeof(decimal),
                oldType: "numeric");

            migrationBuilder.AlterColumn<string>(
                name: "customer_id",
                table: "orders",
                type: "character varying(200)",
                maxLength: 200,
                nullable: false,
                oldClrType: typeof(string),
                oldType: "character varying(255)",
                oldMaxLength: 255);

            migrationBuilder.AlterColumn<decimal>(
                name: "unit_price",
                table: "order_lines",
                type: "numeric(18,2)",
                precision: 18,
                scale: 2,
                nullable: false,
                oldClrType: typeof(decimal),
                oldType: "numeric");

            migrationBuilder.AlterColumn<string>(
                name: "id",
                table: "customers",
                type: "character varying(200)",
                maxLength: 200,
                nullable: false,
                oldClrType: typeof(string),
                oldType: "character varying(255)",
                oldMaxLength: 255);
            migrationBuilder.Sql(CreateTrigger);
        }
    }
}
