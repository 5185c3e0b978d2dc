-- What happened, bounded by the store, and single facts by name.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  unix_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  grant_name TEXT NOT NULL,
  message TEXT NOT NULL
);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
