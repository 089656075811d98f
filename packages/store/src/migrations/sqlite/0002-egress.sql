-- What the proxy must be told again when a sandbox outlives the server: JSON, in which the values of secrets are encrypted
-- with a key that is not in here. There only while a sandbox with a stop time runs.
CREATE TABLE sandbox_egress (
  sandbox TEXT PRIMARY KEY REFERENCES sandboxes (id) ON DELETE CASCADE,
  spec TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: something sealed with the key of secrets, to know at the start whether the key is still the same.
CREATE TABLE sealing (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  probe TEXT NOT NULL
) STRICT;

-- Of these a sandbox can cause any number, so each has a bound of its own.
CREATE INDEX events_of_egress ON events (sandbox, id) WHERE kind IN ('http', 'connection', 'dns');
