-- Volumes and snapshots. What is in them is on a host.
CREATE TABLE disks (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('volume', 'snapshot')),
  organisation TEXT NOT NULL REFERENCES organisations (id),
  slug TEXT NOT NULL,
  region TEXT NOT NULL,
  host TEXT NOT NULL,
  -- The control plane that created it: its start removes what it did not finish.
  owner TEXT NOT NULL,
  capacity_bytes INTEGER NOT NULL,
  bootable INTEGER NOT NULL,
  -- What it was made from. Kept as it was: that may be gone.
  source_id TEXT,
  source_slug TEXT,
  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleted', 'removing')),
  created_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;

CREATE UNIQUE INDEX disks_by_slug ON disks (organisation, slug) WHERE state IN ('creating', 'ready');
CREATE INDEX disks_of_organisation ON disks (organisation, kind, created_at, id);
CREATE INDEX disks_by_source ON disks (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX disks_on_host ON disks (host, state);

-- Which running sandboxes use them.
CREATE TABLE attachments (
  sandbox TEXT NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  disk TEXT NOT NULL REFERENCES disks (id),
  -- NULL: as the root.
  path TEXT,
  read_only INTEGER NOT NULL,
  exclusive INTEGER NOT NULL,
  PRIMARY KEY (sandbox, disk)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachments_of_disk ON attachments (disk);
CREATE UNIQUE INDEX attachments_exclusive ON attachments (disk) WHERE exclusive = 1;
