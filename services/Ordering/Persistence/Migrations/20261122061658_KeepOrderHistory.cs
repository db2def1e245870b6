using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Ordering.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class KeepOrderHistory : Migration
    {
        private static readonly (string Table, string Name, string Rule)[] s_rules =
        [
            ("orders", "orders_status", "status IN ('Placed', 'Confirmed', 'Rejected', 'Cancelled', 'Shipped')"),
            ("orders", "orders_reason", "(reason IS NOT NULL) = (status IN ('Rejected', 'Cancelled'))"),
            ("orders", "orders_currency", "currency ~ '^[A-Z]{3}$'"),
            ("orders", "orders_versions", "version >= 1 AND reservation_version >= 0"),
            ("order_lines", "order_lines_currency", "currency ~ '^[A-Z]{3}$'"),
            ("customers", "customers_confirmed_orders", "confirmed_orders >= 0 AND version >= 0"),
            ("customers", "customers_preferred", "(preferred_since IS NOT NULL) = (confirmed_orders >= 3)"),
            ("products", "products_currency", "currency ~ '^[A-Z]{3}$'"),
            ("products", "products_versions", "name_version >= 0 AND price_version >= 0"),
        ];

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // Instances of the old version work on these tables, which may be big, while this runs. So each statement commits for
            // itself: none holds its locks while the next one works. Each can be repeated, so a migration that broke off runs again.
            void Step(string sql) => migrationBuilder.Sql(sql, suppressTransaction: true);

            // Concurrently, because a plain CREATE INDEX keeps writers out for as long as it takes. What broke off leaves an index
            // that is not valid.
            Step("DROP INDEX CONCURRENTLY IF EXISTS ix_orders_waiting;");
            Step("CREATE INDEX CONCURRENTLY ix_orders_waiting ON orders (placed_at, id) WHERE status = 'Placed';");

            // A constant default rewrites nothing. 0 is right for the orders that are there: nobody kept which version they heard,
            // and whatever is said of their reservations next is at least version 1.
            Step("ALTER TABLE orders ADD COLUMN IF NOT EXISTS reservation_version integer NOT NULL DEFAULT 0;");

            Step("""
                CREATE TABLE IF NOT EXISTS orders_history (
                    order_id uuid NOT NULL,
                    version integer NOT NULL,
                    from_status character varying(16),
                    to_status character varying(16) NOT NULL,
                    reason character varying(64),
                    cause character varying(16) NOT NULL,
                    caused_by character varying(200),
                    at timestamp with time zone,
                    CONSTRAINT pk_orders_history PRIMARY KEY (order_id, version),
                    CONSTRAINT ix_orders_history_order_id_to_status UNIQUE (order_id, to_status),
                    CONSTRAINT orders_history_at CHECK (at IS NOT NULL OR cause = 'not-recorded'),
                    CONSTRAINT orders_history_cause CHECK (cause IN ('customer', 'staff', 'event', 'deadline', 'not-recorded')),
                    CONSTRAINT orders_history_caused_by CHECK ((caused_by IS NOT NULL) = (cause IN ('customer', 'staff', 'event'))),
                    CONSTRAINT orders_history_moves CHECK ((version = 1) = (from_status IS NULL)
                        AND (coalesce(from_status, ''), to_status) IN (('', 'Placed'), ('Placed', 'Confirmed'), ('Placed', 'Rejected'),
                            ('Placed', 'Cancelled'), ('Confirmed', 'Cancelled'), ('Confirmed', 'Shipped'))),
                    CONSTRAINT orders_history_reason CHECK ((reason IS NOT NULL) = (to_status IN ('Rejected', 'Cancelled'))),
                    CONSTRAINT fk_orders_history_orders_order_id FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE RESTRICT
                );
                """);
            // The status and the version of an order say which way it took; when it moved, and who made it, was not kept.
            Step("""
                INSERT INTO orders_history (order_id, version, from_status, to_status, reason, cause, caused_by, at)
                SELECT o.id, move.*
                FROM orders o
                CROSS JOIN LATERAL (VALUES
                    (1, NULL, 'Placed', NULL, 'customer', o.customer_id, o.placed_at),
                    (2, 'Placed', CASE WHEN o.version = 2 THEN o.status ELSE 'Confirmed' END,
                        CASE WHEN o.version = 2 THEN o.reason END, 'not-recorded', NULL, NULL),
                    (3, 'Confirmed', o.status, o.reason, 'not-recorded', NULL, NULL)
                ) AS move (version, from_status, to_status, reason, cause, caused_by, at)
                WHERE move.version <= o.version AND NOT EXISTS (SELECT 1 FROM orders_history h WHERE h.order_id = o.id);
                """);
            Step("""
                CREATE OR REPLACE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION 'orders_history is append-only: what happened stays as it was written'
                        USING ERRCODE = 'restrict_violation';
                END $$;
                CREATE OR REPLACE TRIGGER orders_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON orders_history
                    FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
                """);

            // An order's total is about two tables, which no CHECK can see: looked at when the transaction commits.
            Step("""
                CREATE OR REPLACE FUNCTION check_order_total() RETURNS trigger LANGUAGE plpgsql AS $$
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
                """);
            foreach (var (table, when) in new[] { ("orders", "INSERT OR UPDATE OF total, discount, currency"), ("order_lines", "INSERT OR UPDATE OR DELETE") })
            {
                Step($"""
                    DROP TRIGGER IF EXISTS {table}_total_of_lines ON {table};
                    CREATE CONSTRAINT TRIGGER {table}_total_of_lines AFTER {when} ON {table} DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION check_order_total();
                    """);
            }

            // NOT VALID asks for the exclusive lock only for a moment and holds for every row written from now on; VALIDATE reads
            // the rows that are there, and lets others write meanwhile.
            foreach (var (table, name, rule) in s_rules)
            {
                Step($"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID;");
                Step($"ALTER TABLE {table} VALIDATE CONSTRAINT {name};");
            }
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            foreach (var (table, name, _) in s_rules)
            {
                migrationBuilder.Sql($"ALTER TABLE {table} DROP CONSTRAINT {name};");
            }

            migrationBuilder.Sql("""
                DROP TRIGGER order_lines_total_of_lines ON order_lines;
                DROP TRIGGER orders_total_of_lines ON orders;
                DROP FUNCTION check_order_total();
                DROP TABLE orders_history;
                DROP FUNCTION refuse_history_change();
                ALTER TABLE orders DROP COLUMN reservation_version;
                DROP INDEX ix_orders_waiting;
                """);
        }
    }
}
