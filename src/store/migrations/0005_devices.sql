-- What is kept of devices; single facts by name had no user.
DROP TABLE meta;

CREATE TABLE devices (
  key TEXT PRIMARY KEY,
  memory_mib INTEGER NOT NULL
) WITHOUT ROWID;
