-- Step 2: deliveries to destinations whose URL is a template carry their own.

ALTER TABLE delivery_content ADD COLUMN url TEXT;
