-- Step 4: less to write for each webhook.

-- The first outcome is written with its receipt and lies beside it. One in its place has a row of
-- `outcomes`, and so has every first one of before this step.
ALTER TABLE receipt_content ADD COLUMN revision TEXT;
ALTER TABLE receipt_content ADD COLUMN failure TEXT;
ALTER TABLE receipt_content ADD COLUMN events TEXT;

-- How refusals of routes are told, once for all outcomes under the same rules.
CREATE TABLE wordings (
    id           TEXT    PRIMARY KEY,
    routes       TEXT    NOT NULL,              -- JSON
    -- No outcome of a receipt that was received more than an hour later refers to it.
    used_at      INTEGER NOT NULL
) STRICT;
