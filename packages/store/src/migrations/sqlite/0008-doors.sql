-- Ways into sandboxes from outside.
CREATE TABLE doors (
  id TEXT PRIMARY KEY,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  kind TEXT NOT NULL CHECK (kind IN ('http', 'vscode', 'ssh', 'terminal')),
  -- First label of the host name, or the user name of SSH. It is what an address is found by, and often all that protects it.
  name TEXT NOT NULL UNIQUE,
  -- NULL: a name that its organisation keeps, and nothing is behind it now.
  sandbox TEXT REFERENCES sandboxes (id) ON DELETE CASCADE,
  -- NULL: not known yet.
  port INTEGER,
  pid INTEGER,
  auth TEXT NOT NULL CHECK (auth IN ('none', 'token')),
  -- SHA-256, hexadecimal, of the token that opens it.
  token_hash TEXT,
  token_expires_at INTEGER,
  -- Whether its organisation keeps the name when the sandbox has ended.
  stable INTEGER NOT NULL,
  -- JSON: what only doors of this kind have.
  details TEXT,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX doors_of_sandbox ON doors (sandbox) WHERE sandbox IS NOT NULL;
CREATE INDEX doors_of_organisation ON doors (organisation, created_at);
