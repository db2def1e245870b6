using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Ordering.Persistence.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(OrderingDbContext))]
    [Migration("20261129050100_MovesAsText")]
    public partial class MovesAsText : Migration
    {
        private const string AsText = "concat(from_status, '>', to_status) = ANY ("
            + "'{>Placed,Placed>Confirmed,Placed>Rejected,Placed>Cancelled,Confirmed>Cancelled,Confirmed>Shipped}')";

        private const string AsPairs = "(coalesce(from_status, ''), to_status) IN (('', 'Placed'), ('Placed', 'Confirmed'), ('Placed', 'Rejected'), "
            + "('Placed', 'Cancelled'), ('Confirmed', 'Cancelled'), ('Confirmed', 'Shipped'))";

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => Replace(migrationBuilder, AsText);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => Replace(migrationBuilder, AsPairs);

        // What was written is validated apart: that reads the table, and blocks no writer. Both can run again.
        private static void Replace(MigrationBuilder migrationBuilder, string moves)
        {
            migrationBuilder.Sql($"""
                ALTER TABLE orders_history DROP CONSTRAINT orders_history_moves,
                    ADD CONSTRAINT orders_history_moves CHECK ((version = 1) = (from_status IS NULL) AND {moves}) NOT VALID;
                """);
            migrationBuilder.Sql("ALTER TABLE orders_history VALIDATE CONSTRAINT orders_history_moves;", suppressTransaction: true);
        }
    }
}
