-- The sandbox that it was forked from. That may be gone.
ALTER TABLE sandboxes ADD COLUMN parent TEXT;
-- A paused sandbox counts as running in everything else here: it has an owner, a lease and its disks.
ALTER TABLE sandboxes ADD COLUMN paused_at INTEGER;
-- JSON: the counters of its earlier machines.
ALTER TABLE sandboxes ADD COLUMN usage TEXT;
ALTER TABLE sandboxes ADD COLUMN on_idle TEXT NOT NULL DEFAULT 'end' CHECK (on_idle IN ('end', 'pause'));
ALTER TABLE sandboxes ADD COLUMN idle_ms INTEGER;
