-- Step 3: batches, places held in lanes, supersession, the condition of destinations, notices.

-- A lane's order is (place, seq). The place is the row's own seq, or one that was held for it.
ALTER TABLE deliveries ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN batch INTEGER;                        -- what it brings, if not one event
ALTER TABLE deliveries ADD COLUMN supersede INTEGER NOT NULL DEFAULT 0; -- 1: a newer one may replace it
ALTER TABLE deliveries ADD COLUMN superseded_by TEXT;
UPDATE deliveries SET place = seq;
DROP INDEX deliveries_lane;
CREATE INDEX deliveries_lane ON deliveries (destination, lane, place, seq)
    WHERE state = 'pending' AND lane IS NOT NULL;
CREATE INDEX deliveries_batch ON deliveries (batch) WHERE batch IS NOT NULL;

-- A receipt's `pending` now also counts its events in open batches, and 1 for deferred verdicts.
-- Counts the outcomes of a receipt: replays, and what lookups led to.
ALTER TABLE receipts ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE receipts SET turn = replays;
ALTER TABLE events ADD COLUMN coalesced INTEGER NOT NULL DEFAULT 0;     -- deliveries of batches
ALTER TABLE events ADD COLUMN gathered  INTEGER NOT NULL DEFAULT 0;     -- open batches it is in
ALTER TABLE events ADD COLUMN deferred  INTEGER NOT NULL DEFAULT 0;     -- verdicts of the latest outcome

-- The newest event whose delivery got through, per lane and route of what may be superseded: nothing
-- older may follow it, not even after retention took it.
CREATE TABLE newest (
    destination  TEXT    NOT NULL,
    lane         TEXT    NOT NULL,
    route        TEXT    NOT NULL,
    receipt      INTEGER NOT NULL,
    event        INTEGER NOT NULL,
    delivery     TEXT    NOT NULL,              -- its id
    PRIMARY KEY (destination, lane, route)
) STRICT, WITHOUT ROWID;
CREATE INDEX newest_receipt ON newest (receipt);

CREATE TABLE batches (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    route        TEXT    NOT NULL,
    gathered_by  TEXT    NOT NULL,
    group_key    TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'open', -- open | sent | dropped | failed
    opened_at    INTEGER NOT NULL,
    joined_at    INTEGER NOT NULL,              -- when the last event came
    quiet        INTEGER NOT NULL,              -- of the window, as is the next
    max_wait     INTEGER NOT NULL,
    full         INTEGER NOT NULL,              -- 1: nobody joins any more
    due_at       INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    reason       TEXT,                          -- why it was dropped or failed
    failure      TEXT                           -- JSON
) STRICT;
CREATE INDEX batches_due ON batches (due_at, seq) WHERE state = 'open';
CREATE INDEX batches_group ON batches (route, group_key, seq) WHERE state = 'open';

-- The events of batches, in the order in which they came.
CREATE TABLE members (
    seq          INTEGER PRIMARY KEY,
    batch        INTEGER NOT NULL,
    event        INTEGER NOT NULL,
    receipt      INTEGER NOT NULL,
    UNIQUE (batch, event)
) STRICT;
CREATE INDEX members_event ON members (event);
CREATE INDEX members_receipt ON members (receipt);

-- What the members of open batches bring; gone when the batch is sealed.
CREATE TABLE gathered (
    member       INTEGER PRIMARY KEY,
    event        TEXT    NOT NULL,              -- JSON, as are the next two
    lookups      TEXT    NOT NULL,
    lineage      TEXT    NOT NULL
) STRICT;

-- Receipts with deferred verdicts.
CREATE TABLE deferrals (
    receipt      INTEGER PRIMARY KEY,
    due_at       INTEGER NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deferrals_due ON deferrals (due_at, receipt);

-- Places in lanes, kept for what deferred verdicts will send. They share the numbers of deliveries.
CREATE TABLE held (
    place        INTEGER PRIMARY KEY,
    receipt      INTEGER NOT NULL,
    event        INTEGER NOT NULL,
    route        TEXT    NOT NULL,
    destination  TEXT    NOT NULL,
    lane         TEXT    NOT NULL,
    UNIQUE (event, route, destination, lane)
) STRICT;
CREATE INDEX held_lane ON held (destination, lane, place);
CREATE INDEX held_receipt ON held (receipt);

CREATE TABLE conditions (
    destination    TEXT    PRIMARY KEY,
    paused_at      INTEGER,
    paused_reason  TEXT,
    failing_since  INTEGER,
    failed_at      INTEGER,                     -- the last failure, to the hour
    troubled_since INTEGER
) STRICT, WITHOUT ROWID;

-- What the gateway has to tell about itself. Numbers are never used twice.
CREATE TABLE notices (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    told         TEXT    NOT NULL               -- JSON
) STRICT;
