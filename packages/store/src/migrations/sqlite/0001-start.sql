-- Times are milliseconds since 1970. JSON is text that only the server reads.

CREATE TABLE organisations (
  id TEXT PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  name TEXT NOT NULL,
  -- The first characters, to recognise a token by.
  prefix TEXT NOT NULL,
  -- SHA-256 of the token, hexadecimal. A token has 200 random bits, so a slow hash would add nothing.
  hash TEXT NOT NULL UNIQUE,
  admin INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;

CREATE INDEX tokens_of_organisation ON tokens (organisation, created_at);

CREATE TABLE sandboxes (
  id TEXT PRIMARY KEY,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  region TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'stopped')),
  memory_mib INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  -- NULL: a session, which ends with its creator's connection.
  stop_at INTEGER,
  stopped_at INTEGER,
  stop_reason TEXT,
  -- JSON object.
  labels TEXT NOT NULL,
  -- JSON: allowNet and, of each secret, its hosts. Never a secret's value.
  network TEXT NOT NULL
) STRICT;

CREATE INDEX sandboxes_of_organisation ON sandboxes (organisation, created_at, id);
CREATE INDEX sandboxes_running ON sandboxes (status) WHERE status = 'running';
CREATE INDEX sandboxes_stopped ON sandboxes (stopped_at) WHERE stopped_at IS NOT NULL;

-- The labels again, for filtering.
CREATE TABLE sandbox_labels (
  sandbox TEXT NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (sandbox, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  -- Sorts by time.
  id TEXT PRIMARY KEY,
  time INTEGER NOT NULL,
  organisation TEXT NOT NULL,
  sandbox TEXT,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  actor TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX events_of_organisation ON events (organisation, id);
CREATE INDEX events_of_kind ON events (organisation, kind, id);
CREATE INDEX events_of_sandbox ON events (sandbox, id) WHERE sandbox IS NOT NULL;
