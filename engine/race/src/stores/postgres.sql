-- What a shop would keep: stock by SKU, and orders with their hold. An order's number is its
-- idempotency key. Rows are locked in one order everywhere: order, then stock by rising SKU.
CREATE TABLE stock (
    sku int PRIMARY KEY,
    free bigint NOT NULL CHECK (free >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    sold bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE orders (
    number bigint PRIMARY KEY,
    state "char" NOT NULL,
    deadline timestamptz NOT NULL,
    skus int[] NOT NULL,
    units int[] NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX due ON orders (deadline) WHERE state IN ('H', 'P');

CREATE FUNCTION place(n bigint, s int[], u int[], hold_ms bigint) RETURNS "char" LANGUAGE plpgsql AS $$
DECLARE
    was "char";
BEGIN
    INSERT INTO orders VALUES (n, 'H', clock_timestamp() + hold_ms * interval '1 ms', s, u)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT state INTO was FROM orders WHERE number = n;
        RETURN was;
    END IF;
    FOR i IN 1 .. cardinality(s) LOOP
        UPDATE stock SET free = free - u[i], held = held + u[i] WHERE sku = s[i] AND free >= u[i];
        IF NOT FOUND THEN
            FOR j IN 1 .. i - 1 LOOP
                UPDATE stock SET free = free + u[j], held = held - u[j] WHERE sku = s[j];
            END LOOP;
            UPDATE orders SET state = 'X' WHERE number = n;
            RETURN 'X';
        END IF;
    END LOOP;
    RETURN 'H';
END $$;

CREATE FUNCTION pay(n bigint, into_state "char", hold_ms bigint) RETURNS "char" LANGUAGE plpgsql AS $$
DECLARE
    o orders;
BEGIN
    SELECT * INTO STRICT o FROM orders WHERE number = n FOR UPDATE;
    IF o.state NOT IN ('H', 'P') THEN
        RETURN o.state;
    END IF;
    IF o.deadline <= clock_timestamp() THEN
        into_state := 'E';
    END IF;
    UPDATE orders SET state = into_state, deadline = CASE into_state
        WHEN 'P' THEN clock_timestamp() + hold_ms * interval '1 ms' ELSE deadline END WHERE number = n;
    IF into_state = 'S' THEN
        FOR i IN 1 .. cardinality(o.skus) LOOP
            UPDATE stock SET held = held - o.units[i], sold = sold + o.units[i] WHERE sku = o.skus[i];
        END LOOP;
    ELSIF into_state = 'E' THEN
        FOR i IN 1 .. cardinality(o.skus) LOOP
            UPDATE stock SET held = held - o.units[i], free = free + o.units[i] WHERE sku = o.skus[i];
        END LOOP;
    END IF;
    RETURN into_state;
END $$;

CREATE FUNCTION close(n bigint) RETURNS "char" LANGUAGE plpgsql AS $$
DECLARE
    o orders;
BEGIN
    SELECT * INTO STRICT o FROM orders WHERE number = n FOR UPDATE;
    IF o.state NOT IN ('H', 'P', 'S') THEN
        RETURN o.state;
    END IF;
    UPDATE orders SET state = 'C' WHERE number = n;
    FOR i IN 1 .. cardinality(o.skus) LOOP
        IF o.state = 'S' THEN
            UPDATE stock SET sold = sold - o.units[i], free = free + o.units[i] WHERE sku = o.skus[i];
        ELSE
            UPDATE stock SET held = held - o.units[i], free = free + o.units[i] WHERE sku = o.skus[i];
        END IF;
    END LOOP;
    RETURN 'C';
END $$;

CREATE FUNCTION expire(most bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    line record;
BEGIN
    FOR line IN
        WITH ended AS (
            UPDATE orders SET state = 'E' WHERE number IN (
                SELECT number FROM orders WHERE state IN ('H', 'P') AND deadline <= clock_timestamp()
                ORDER BY deadline LIMIT most FOR UPDATE SKIP LOCKED)
            RETURNING skus, units)
        SELECT sku, sum(unit) AS units FROM ended, unnest(skus, units) AS each (sku, unit)
        GROUP BY sku ORDER BY sku
    LOOP
        UPDATE stock SET held = held - line.units, free = free + line.units WHERE sku = line.sku;
    END LOOP;
END $$;
