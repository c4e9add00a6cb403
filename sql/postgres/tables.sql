-- The hub as it is today: everything `create extension tidemark` makes in the
-- schema tidemark. Private names start with an underscore.
\echo Use "create extension tidemark" to load this file. \quit

do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'tidemark needs a database in UTF8, this one is in %', current_setting('server_encoding')
      using errcode = 'feature_not_supported', hint = 'Create a database with encoding ''UTF8'' and template template0.';
  end if;
end;
$$;

-- Tables. Capture writes _change, _inbox and _version directly (pg_extension/
-- change_log.cc, transaction.cc, catalog.cc): the order of their columns counts.

create sequence tidemark._tx cache 1;         -- numbers transactions that log changes
create sequence tidemark._ticket cache 1;     -- orders them, see pg_extension/transaction.h
create sequence tidemark._table_id cache 1;
create sequence tidemark._version_id cache 1;

-- One row, written on first use, so that a restored dump brings its own.
create table tidemark._hub (
  only_row boolean primary key default true check (only_row),
  epoch    uuid not null                      -- names this log; another one makes devices load again
);

create table tidemark._table (
  id    int primary key,
  relid regclass unique,                      -- null: untracked, kept for the log
  name  text not null,                        -- on the wire
  keys  text not null check (keys in ('none', 'given', 'hub')),
  deletes text not null default 'delete_wins' check (deletes in ('delete_wins', 'update_wins'))
);
-- SQLite does not tell names apart by case.
create unique index on tidemark._table (lower(name)) where relid is not null;

-- The relations that have our triggers: tracked tables and their partitions.
create table tidemark._captured (
  relid regclass primary key,
  root  regclass not null                     -- the tracked table whose rows it holds
);

-- Each header (docs/protocol.md, "Tables and changes") that changes were encoded
-- with. Two backends may add the same one at once: that does no harm, and neither
-- waits for the other.
create table tidemark._version (
  id          int primary key,
  table_id    int not null,
  description text not null
);

-- How changes of a column are reconciled (common/policy.h). The column '' stands for
-- all that have no policy of their own.
create table tidemark._policy (
  table_id    int  not null,
  column_name text not null,
  policy      text not null,
  primary key (table_id, column_name)
);

create table tidemark._change (
  tx      bigint not null,
  n       int    not null,                    -- counts the changes of a transaction
  version int    not null,
  at      bigint not null,                    -- ms since 1970 UTC
  op      "char" not null,                    -- i, u, d
  key     text   not null,                    -- JSON array, as are
  vals    text,                               -- the values and
  cols    text,                               -- the places of their columns
  primary key (tx, n)
);

-- What committed and has no seq yet. A push leaves two rows, the second of them,
-- like everybody's, written as the transaction commits.
create table tidemark._inbox (
  tx     bigint not null,
  ticket bigint not null,
  device uuid,
  push   bigint,
  exact  boolean not null            -- see _commit
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);

create table tidemark._commit (
  seq      bigint primary key,                -- 1, 2, 3 …
  tx       bigint not null unique,
  at       bigint not null,                   -- of its first change, ms since 1970 UTC
  device   uuid,
  push     bigint,
  exact    boolean not null,                  -- a push whose changes are as the device sent them
  taken_at timestamptz not null default clock_timestamp()
);

create table tidemark._user (
  name     text primary key,
  verifier text not null                      -- SCRAM-SHA-256, as in pg_authid
);

create table tidemark._grant (
  user_name text primary key references tidemark._user on delete cascade,
  can_read  boolean not null,
  can_write boolean not null
);

create table tidemark._device (
  id          uuid primary key,
  user_name   text not null,
  name        text,
  token_hash  bytea not null unique,          -- sha256 of the token
  enrolled_at timestamptz not null default clock_timestamp(),
  revoked_at  timestamptz,
  seen_at     timestamptz,
  cursor      text,                           -- how far it said it had read
  push        bigint not null default 0,      -- number of its last push,
  push_hash   bytea,                          -- sha256 of its body
  verdict     text                            -- and what was answered, but for "now"
);

-- Changes that were refused, until their device sends the row again.
create table tidemark._reject (
  device      uuid   not null references tidemark._device on delete cascade,
  table_name  text   not null,                -- as devices call it
  key         text   not null,                -- JSON array, as it was sent
  push        bigint not null,
  rejected_at timestamptz not null default clock_timestamp(),
  sqlstate    text   not null,
  message     text   not null,
  hint        text,
  column_name text,
  primary key (device, table_name, key)
);

do $$
declare
  name text;
begin
  foreach name in array array['_tx', '_ticket', '_table_id', '_version_id', '_hub', '_table', '_captured', '_version', '_policy', '_change',
                              '_inbox', '_commit', '_user', '_grant', '_device', '_reject'] loop
    perform pg_extension_config_dump(('tidemark.' || name)::regclass, '');
  end loop;
end;
$$;
