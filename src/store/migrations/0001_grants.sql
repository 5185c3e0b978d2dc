-- Grants with their lists. Enumerators are stored by name, as core/names.h spells them.
CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  owner_uid INTEGER NOT NULL,
  state TEXT NOT NULL,
  created_unix_ms INTEGER NOT NULL,
  ended_unix_ms INTEGER NOT NULL,
  exit_code INTEGER,
  reason TEXT NOT NULL,
  keep_seconds INTEGER NOT NULL,
  wait_until_unix_ms INTEGER NOT NULL,
  request_memory_mib INTEGER,
  request_memory_permille INTEGER,
  request_compute_permille INTEGER,
  request_share TEXT,
  request_weight INTEGER NOT NULL,
  request_max_compute_permille INTEGER,
  request_priority TEXT NOT NULL,
  request_count INTEGER NOT NULL,
  request_device TEXT NOT NULL,
  request_type TEXT NOT NULL,
  request_unenforced INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE slices (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  device TEXT NOT NULL,
  memory_mib INTEGER NOT NULL,
  compute_permille INTEGER NOT NULL,
  ceiling_permille INTEGER NOT NULL,
  PRIMARY KEY (grant_id, position)
) WITHOUT ROWID;

CREATE TABLE arguments (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (grant_id, position)
) WITHOUT ROWID;

CREATE TABLE processes (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  start_ticks INTEGER NOT NULL,
  PRIMARY KEY (grant_id, position)
) WITHOUT ROWID;
