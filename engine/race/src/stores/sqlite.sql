-- What a shop would keep: stock by SKU, and orders with their hold. An order's number is its
-- idempotency key; a payment that is repeated finds the order sold.
CREATE TABLE stock (
    sku INTEGER PRIMARY KEY,
    free INTEGER NOT NULL CHECK (free >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    sold INTEGER NOT NULL
);
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    deadline INTEGER NOT NULL,
    lines BLOB NOT NULL
);
CREATE INDEX due ON orders (deadline) WHERE state IN ('held', 'paying');
