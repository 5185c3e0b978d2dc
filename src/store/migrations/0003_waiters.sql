-- The process that waits for a queued grant: when it is gone, so is the request.
CREATE TABLE waiters (
  grant_id TEXT PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
  pid INTEGER NOT NULL,
  start_ticks INTEGER NOT NULL
) WITHOUT ROWID;
