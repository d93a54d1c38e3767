-- Step 4: fewer trees to write for each webhook.

-- The key of a repetition is looked up and nothing else, so the row lies where its key does.
CREATE TABLE keys (
    source       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    receipt      TEXT    NOT NULL,              -- the first receipt's id
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
INSERT INTO keys SELECT source, key, receipt, expires_at FROM dedupe ORDER BY source, key;
DROP TABLE dedupe;
ALTER TABLE keys RENAME TO dedupe;
CREATE INDEX dedupe_expiry ON dedupe (expires_at);

-- The first outcome is written with its receipt and lies beside it. One in its place has a row of
-- `outcomes`, and so has every first one of before this step.
ALTER TABLE receipt_content ADD COLUMN revision TEXT;
ALTER TABLE receipt_content ADD COLUMN failure TEXT;
ALTER TABLE receipt_content ADD COLUMN events TEXT;
