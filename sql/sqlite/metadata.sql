-- Tables that Tidemark keeps beside the application's own. Made by the first
-- tidemark_connect() or tidemark_track(); `version` in tidemark_meta says which
-- shape they have.
create table if not exists tidemark_meta (
  key   text primary key,
  value
) without rowid;

create table if not exists tidemark_table (
  number      integer primary key,          -- of its log, tidemark_log_<number>
  name        text not null unique collate nocase,
  columns     text not null,                -- JSON array of names, in the order of a log's bits
  hub         text,                         -- JSON: the hub's description, when last heard
  state       text not null,                -- new: to be loaded; loading; ready; refused
  problem     text,                         -- why it is refused
  load_after  text,                         -- where loading goes on
  policies    text,                         -- JSON object: column -> policy in force; for people to read
  deletes     text not null default 'delete_wins',
  since       integer not null default -1,  -- commits up to this one are in the loaded rows; -1: none is loaded
  sweep       integer not null default 0,   -- 1: loaded again, rows that the hub no longer has are listed;
                                            -- 2: rows that differ as well (its triggers were missing)
  heard       integer not null default 0,   -- the log row up to which the times are those of the last answer's clock
  until       integer not null default -1,  -- the rows are of one moment once the log is read up to here; -1: they are
  gained      text                          -- JSON array: only these columns are loaded, of the rows that are here
);

-- Policies that hold on this device instead of the hub's; the column '' stands for all that
-- have none of their own, or, with of_rows, for the rows.
create table if not exists tidemark_override (
  table_name  text not null collate nocase,
  column_name text not null collate nocase,
  of_rows     integer not null,
  policy      text not null,
  primary key (table_name, column_name, of_rows)
) without rowid;

-- The rows that a table loaded again has seen so far.
create table if not exists tidemark_seen (
  table_number integer not null,
  key          blob not null,
  primary key (table_number, key)
) without rowid;

-- Rows, cell by cell, that made room for a row of another moment while their table was loaded, and
-- find none until more of the log is read.
create table if not exists tidemark_displaced (
  table_number integer not null,
  key          blob not null,
  place        integer not null,            -- of the key's columns, then of the log's
  value,
  primary key (table_number, key, place)
) without rowid;

-- A push that was sealed: waiting for an answer, or accepted and not read back yet. If tidemark_meta has
-- `former_device`, it was made under that name, and is in the log up to `former_head` if the hub has it.
create table if not exists tidemark_push (
  number    integer primary key,
  state     text not null,                  -- sealed, accepted; unknown: of a former name, without an answer
  sealed_at integer not null,               -- ms
  changes   integer not null,
  body      blob,                           -- zstd, until it is answered
  exact     integer not null                -- its values would come back just as they are here
);

-- What a push covers: the log rows of each table up to this one.
create table if not exists tidemark_sealed (
  number       integer not null,            -- of the push
  table_number integer not null,
  upto         integer not null,            -- tidemark_log_<n>.seq
  primary key (number, table_number)
) without rowid;

-- What met, what lost, what was refused. See docs/sql-reference.md, tidemark_conflicts.
create table if not exists tidemark_conflict (
  id           integer primary key,
  table_name   text not null,
  key          text not null,               -- JSON array
  column_name  text,                        -- null: the whole row
  kind         text not null,               -- update, delete, unique, reject, constraint,
                                            -- dangling, lost
  base, mine, theirs, result,
  policy       text,
  state        text not null default 'open', -- open, waiting, merged, resolved, dismissed, retried
  mine_at      integer,                     -- ms, hub's clock
  theirs_at    integer,
  device       text,                        -- who wrote theirs; null: the hub itself
  seq          integer,                     -- the hub's commit
  sqlstate     text,
  message      text,
  hint         text,
  held         integer,                     -- the log row that is not sent again
  waits_for    integer,                     -- of a reject: the reject of the row it refers to
  noticed_at   integer not null,            -- ms
  settled_at   integer,                     -- ms, hub's clock: the first sync after it was settled
  unique (table_name, key, held)            -- CREATE INDEX would expire the statement that Rollback needs
);

-- Pages of a commit that has not come whole yet.
create table if not exists tidemark_page (
  id   integer primary key,
  body blob not null,                       -- zstd
  have integer not null                     -- what it was asked with
);
