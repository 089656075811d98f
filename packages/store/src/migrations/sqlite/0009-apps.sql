-- Variables that several apps share.
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  slug TEXT NOT NULL,
  description TEXT,
  -- JSON; values of secrets are sealed.
  env_vars TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Also tells whether it has changed since it was read: every change makes it larger.
  updated_at INTEGER NOT NULL,
  UNIQUE (organisation, slug)
) STRICT;

CREATE INDEX layers_of_organisation ON layers (organisation, updated_at, id);

CREATE TABLE layer_layers (
  layer TEXT NOT NULL REFERENCES layers (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  included TEXT NOT NULL REFERENCES layers (id),
  PRIMARY KEY (layer, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX layer_layers_by_included ON layer_layers (included);

CREATE TABLE apps (
  id TEXT PRIMARY KEY,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  -- First label of its host name, so no two organisations have the same.
  slug TEXT NOT NULL UNIQUE,
  labels TEXT NOT NULL,
  -- JSON; values of secrets are sealed.
  env_vars TEXT NOT NULL,
  config TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- As for layers.
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX apps_of_organisation ON apps (organisation, updated_at, id);

CREATE TABLE app_labels (
  app TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (app, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX app_labels_by_value ON app_labels (key, value);

CREATE TABLE app_layers (
  app TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer TEXT NOT NULL REFERENCES layers (id),
  PRIMARY KEY (app, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX app_layers_by_layer ON app_layers (layer);

-- Versions of apps. A row outlives its app until its disk is removed.
CREATE TABLE revisions (
  id TEXT PRIMARY KEY,
  organisation TEXT NOT NULL REFERENCES organisations (id),
  app TEXT NOT NULL,
  -- The control plane that deploys it: its start fails what it did not finish.
  owner TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('skipped', 'queued', 'building', 'succeeded', 'failed')),
  failure_reason TEXT CHECK (failure_reason IN ('error', 'cancelled', 'timed_out', 'skipped')),
  retention TEXT NOT NULL CHECK (retention IN ('auto', 'indefinite')),
  -- JSON: labels, layers, variables, config, policy and the like. It never changes.
  spec TEXT NOT NULL,
  -- Snapshot with its root.
  disk TEXT,
  -- JSON: how far the deployment is.
  progress TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  cancellation_requested_at INTEGER,
  build_finished_at INTEGER,
  deleted_at INTEGER
) STRICT;

CREATE INDEX revisions_of_app ON revisions (app, created_at, id);
CREATE INDEX revisions_by_disk ON revisions (disk) WHERE disk IS NOT NULL;

-- What deployments say.
CREATE TABLE build_logs (
  revision TEXT NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  -- JSON.
  line TEXT NOT NULL,
  PRIMARY KEY (revision, position)
) STRICT;

-- What the addresses of apps lead to.
CREATE TABLE timelines (
  app TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  slug TEXT NOT NULL,
  context TEXT NOT NULL,
  revision TEXT NOT NULL REFERENCES revisions (id),
  -- What it led to before.
  previous TEXT REFERENCES revisions (id),
  since INTEGER NOT NULL,
  PRIMARY KEY (app, slug)
) STRICT, WITHOUT ROWID;

CREATE INDEX timelines_by_revision ON timelines (revision);
CREATE INDEX timelines_by_previous ON timelines (previous) WHERE previous IS NOT NULL;

-- What apps print.
CREATE TABLE app_logs (
  id INTEGER PRIMARY KEY,
  app TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  revision TEXT NOT NULL,
  time INTEGER NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
  message TEXT NOT NULL
) STRICT;

CREATE INDEX app_logs_of_app ON app_logs (app, time, id);

-- Doors and apps share host names. The driver reports a violation as it does for other values that must be unique: one for another
-- database needs triggers and a code of its own.
CREATE TRIGGER doors_unlike_apps BEFORE INSERT ON doors
WHEN EXISTS (SELECT 1 FROM apps WHERE slug = NEW.name)
BEGIN SELECT RAISE(ABORT, 'an app has this host name'); END;

CREATE TRIGGER apps_unlike_doors BEFORE INSERT ON apps
WHEN EXISTS (SELECT 1 FROM doors WHERE name = NEW.slug)
BEGIN SELECT RAISE(ABORT, 'a door has this host name'); END;

CREATE TRIGGER renamed_apps_unlike_doors BEFORE UPDATE OF slug ON apps
WHEN NEW.slug <> OLD.slug AND EXISTS (SELECT 1 FROM doors WHERE name = NEW.slug)
BEGIN SELECT RAISE(ABORT, 'a door has this host name'); END;
