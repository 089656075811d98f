-- Where a sandbox's machine is, and which control plane answers for it until when. NULL in rows of versions that knew one of each.
ALTER TABLE sandboxes ADD COLUMN host TEXT;
ALTER TABLE sandboxes ADD COLUMN owner TEXT;
ALTER TABLE sandboxes ADD COLUMN lease_expires_at INTEGER;

DROP INDEX sandboxes_running;
CREATE INDEX sandboxes_running ON sandboxes (owner, host) WHERE status = 'running';

-- Each control plane has a key of secrets of its own. '' is the only one that former versions knew.
CREATE TABLE sealing_by_owner (
  owner TEXT PRIMARY KEY,
  probe TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sealing_by_owner SELECT '', probe FROM sealing;
DROP TABLE sealing;
ALTER TABLE sealing_by_owner RENAME TO sealing;
