-- Age is measured since boot, and the order of ends is counted: both whatever the wall clock does.
ALTER TABLE grants ADD COLUMN created_boot_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN end_number INTEGER NOT NULL DEFAULT 0;
