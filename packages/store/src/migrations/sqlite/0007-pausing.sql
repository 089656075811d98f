-- Since when it is being paused: a server that starts after a crash finishes that.
ALTER TABLE sandboxes ADD COLUMN pausing_at INTEGER;
