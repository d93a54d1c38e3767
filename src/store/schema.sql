-- Step 1 of the schema. Instants are microseconds since 1970, UTC. Ids are texts as shown outside;
-- references between tables are the rows' seq. Rows that change often hold nothing big: bodies and
-- JSON lie beside them in tables of their own, so that an update never rewrites a body.

CREATE TABLE receipts (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    source       TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    status       TEXT    NOT NULL,              -- processed | failed
    reason       TEXT,
    event_type   TEXT,                          -- of the first event, as are kind and name
    kind         TEXT,
    name         TEXT,
    events       INTEGER NOT NULL DEFAULT 0,
    deliveries   INTEGER NOT NULL DEFAULT 0,
    duplicates   INTEGER NOT NULL DEFAULT 0,
    replays      INTEGER NOT NULL DEFAULT 0,
    pending      INTEGER NOT NULL DEFAULT 0,    -- how many of its deliveries are
    lost         INTEGER NOT NULL DEFAULT 0,    -- how many of them are dead or cancelled
    finished_at  INTEGER NOT NULL               -- when the last thing about it ended
) STRICT;
CREATE INDEX receipts_time ON receipts (received_at);
CREATE INDEX receipts_source ON receipts (source, received_at);
CREATE INDEX receipts_failed ON receipts (received_at) WHERE status = 'failed';
CREATE INDEX receipts_done ON receipts (finished_at)
    WHERE pending = 0 AND lost = 0 AND status = 'processed';
CREATE INDEX receipts_lost ON receipts (finished_at)
    WHERE pending = 0 AND (lost > 0 OR status = 'failed');

-- What never changes about a receipt.
CREATE TABLE receipt_content (
    receipt      INTEGER PRIMARY KEY,
    request      TEXT    NOT NULL,              -- JSON
    proof        TEXT    NOT NULL,              -- JSON
    dedupe       TEXT,                          -- JSON
    notes        TEXT    NOT NULL,              -- JSON
    masked       TEXT    NOT NULL,              -- JSON
    body_sha256  TEXT    NOT NULL,
    body         BLOB    NOT NULL
) STRICT;

-- The latest outcome; its deliveries are rows.
CREATE TABLE outcomes (
    receipt      INTEGER PRIMARY KEY,
    revision     TEXT    NOT NULL,
    failure      TEXT,                          -- JSON
    events       TEXT    NOT NULL               -- JSON: events with their routes' verdicts
) STRICT;

-- One row per event, with the numbers its state follows from.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    receipt        INTEGER NOT NULL,
    type           TEXT    NOT NULL,
    kind           TEXT,
    object_id      TEXT,
    name           TEXT,
    correlation_id TEXT,
    state          TEXT    NOT NULL,
    pending        INTEGER NOT NULL DEFAULT 0,  -- deliveries, as the next four
    delivered      INTEGER NOT NULL DEFAULT 0,
    dead           INTEGER NOT NULL DEFAULT 0,
    cancelled      INTEGER NOT NULL DEFAULT 0,
    superseded     INTEGER NOT NULL DEFAULT 0,
    failed         INTEGER NOT NULL DEFAULT 0,  -- verdicts of the latest outcome, as the next
    filtered       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX events_receipt ON events (receipt);
CREATE INDEX events_correlation ON events (correlation_id) WHERE correlation_id IS NOT NULL;

CREATE TABLE deliveries (
    seq          INTEGER PRIMARY KEY,           -- also the order inside a lane
    id           TEXT    NOT NULL UNIQUE,
    receipt      INTEGER NOT NULL,
    event        INTEGER NOT NULL,
    route        TEXT    NOT NULL,
    destination  TEXT    NOT NULL,
    lane         TEXT,
    state        TEXT    NOT NULL DEFAULT 'pending',
    ready        INTEGER NOT NULL,              -- 1: pending, and the first of its lane
    attempts     INTEGER NOT NULL DEFAULT 0,
    tries        INTEGER NOT NULL DEFAULT 0,    -- attempts of the current run of the schedule
    created_at   INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    finished_at  INTEGER,
    reason       TEXT,
    last_class   TEXT,
    last_status  INTEGER
) STRICT;
-- What a worker may take, in the order in which it takes it: new ones and retries apart.
CREATE INDEX deliveries_fresh ON deliveries (destination, due_at, seq) WHERE ready = 1 AND tries = 0;
CREATE INDEX deliveries_again ON deliveries (destination, due_at, seq) WHERE ready = 1 AND tries > 0;
CREATE INDEX deliveries_lane ON deliveries (destination, lane, seq)
    WHERE state = 'pending' AND lane IS NOT NULL;
CREATE INDEX deliveries_receipt ON deliveries (receipt);
-- For the lists.
CREATE INDEX deliveries_time ON deliveries (created_at);
CREATE INDEX deliveries_destination ON deliveries (destination, created_at);
CREATE INDEX deliveries_route ON deliveries (route, created_at);
CREATE INDEX deliveries_pending ON deliveries (created_at) WHERE state = 'pending';
CREATE INDEX deliveries_dead ON deliveries (created_at) WHERE state = 'dead';
CREATE INDEX deliveries_class ON deliveries (last_class, created_at) WHERE last_class IS NOT NULL;

-- What never changes about a delivery. No body: it is the receipt's.
CREATE TABLE delivery_content (
    delivery     INTEGER PRIMARY KEY,
    content_type TEXT    NOT NULL,
    headers      TEXT    NOT NULL,              -- JSON
    body         BLOB
) STRICT;

CREATE TABLE attempts (
    seq          INTEGER PRIMARY KEY,
    delivery     INTEGER NOT NULL,
    attempt      TEXT    NOT NULL               -- JSON
) STRICT;
CREATE INDEX attempts_delivery ON attempts (delivery);

-- By what repetitions are recognised; outlives the receipt.
CREATE TABLE dedupe (
    seq          INTEGER PRIMARY KEY,
    source       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    receipt      TEXT    NOT NULL,              -- the first receipt's id
    expires_at   INTEGER NOT NULL,
    UNIQUE (source, key)
) STRICT;
CREATE INDEX dedupe_expiry ON dedupe (expires_at);

-- Running totals since the beginning: `accepted`, and one row per state of events.
CREATE TABLE ledger (
    name         TEXT    PRIMARY KEY,
    total        INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO ledger (name) VALUES ('accepted'), ('delivered'), ('filtered'), ('unmatched'), ('coalesced'),
    ('superseded'), ('dead'), ('cancelled'), ('pending');

-- Pending deliveries per destination.
CREATE TABLE backlog (
    destination  TEXT    PRIMARY KEY,
    pending      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row that is written to see whether writing works.
CREATE TABLE pulse (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    at           INTEGER NOT NULL
) STRICT;
