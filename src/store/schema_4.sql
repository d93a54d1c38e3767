-- Step 4: one tree less to write for each webhook.

-- The first outcome is written with its receipt and lies beside it. One in its place has a row of
-- `outcomes`, and so has every first one of before this step.
ALTER TABLE receipt_content ADD COLUMN revision TEXT;
ALTER TABLE receipt_content ADD COLUMN failure TEXT;
ALTER TABLE receipt_content ADD COLUMN events TEXT;
