using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Shop.Ordering.Persistence.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(OrderingDbContext))]
    [Migration("20261129050000_OrderCheckedOnce")]
    public partial class OrderCheckedOnce : Migration
    {
        private const string Once = """
            DROP TRIGGER orders_total_of_lines ON orders;
            DROP TRIGGER order_lines_total_of_lines ON order_lines;

            -- An order's total is about two tables, which no CHECK can see. Only a change of the order itself has it checked, when the transaction
            -- commits. A change of a line changes its order, unless the order's check is to come anyway: so that a new order is checked once,
            -- however many lines it has. The setting names the last order whose check is to come. It ends with the transaction, and a rollback to a
            -- savepoint restores it. It keeps nobody out, and need not: who may write both tables may write any total with lines that fit.
            CREATE FUNCTION expect_order_check() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE expected text := set_config('ordering.expects_check', NEW.id::text, true);
            BEGIN
                RETURN NULL;
            END $$;

            -- SET CONSTRAINTS may have it run early: then nothing is to come any more.
            CREATE OR REPLACE FUNCTION check_order_total() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE expected text := set_config('ordering.expects_check', '', true);
            BEGIN
                IF EXISTS (SELECT 1 FROM orders o WHERE o.id = NEW.id AND NOT coalesce(
                    (SELECT sum(l.quantity * l.unit_price) - o.discount = o.total AND bool_and(l.currency = o.currency)
                        FROM order_lines l WHERE l.order_id = NEW.id), false)) THEN
                    RAISE EXCEPTION 'order %: the total must be the sum of its lines less the discount, in one currency', NEW.id
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_total_of_lines';
                END IF;
                RETURN NULL;
            END $$;

            CREATE FUNCTION check_order_of_line() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'TRUNCATE' THEN
                    UPDATE orders SET total = total;
                ELSIF TG_OP = 'INSERT' AND NEW.order_id::text = current_setting('ordering.expects_check', true) THEN
                    RETURN NULL;
                ELSE
                    UPDATE orders SET total = total WHERE id IN (OLD.order_id, NEW.order_id);
                END IF;
                RETURN NULL;
            END $$;

            -- Triggers fire in the order of their names, so the check comes after what expects it. BEFORE INSERT would expect it of a row that
            -- ON CONFLICT skips.
            CREATE TRIGGER orders_expect_check AFTER INSERT OR UPDATE OF id, total, discount, currency ON orders
                FOR EACH ROW EXECUTE FUNCTION expect_order_check();
            CREATE CONSTRAINT TRIGGER orders_total_of_lines AFTER INSERT OR UPDATE OF id, total, discount, currency ON orders
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_total();
            CREATE TRIGGER order_lines_check_order AFTER INSERT OR UPDATE OR DELETE ON order_lines
                FOR EACH ROW EXECUTE FUNCTION check_order_of_line();
            CREATE TRIGGER order_lines_check_orders AFTER TRUNCATE ON order_lines
                FOR EACH STATEMENT EXECUTE FUNCTION check_order_of_line();
            """;

        /// <summary>As Initial made them.</summary>
        private const string ForEachLine = """
            DROP TRIGGER order_lines_check_orders ON order_lines;
            DROP TRIGGER order_lines_check_order ON order_lines;
            DROP TRIGGER orders_total_of_lines ON orders;
            DROP TRIGGER orders_expect_check ON orders;
            DROP FUNCTION check_order_of_line(), expect_order_check();

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
            CREATE CONSTRAINT TRIGGER orders_total_of_lines AFTER INSERT OR UPDATE OF total, discount, currency ON orders
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_total();
            CREATE CONSTRAINT TRIGGER order_lines_total_of_lines AFTER INSERT OR UPDATE OR DELETE ON order_lines
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_order_total();
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(Once);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(ForEachLine);
    }
}
