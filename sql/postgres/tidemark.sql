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

------------------------------------------------------------------------------
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
  relid regclass primary key
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

------------------------------------------------------------------------------
-- Small things.

create function tidemark.version() returns text
language c immutable parallel safe
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_version';
comment on function tidemark.version() is 'version of the extension''s library';

create function tidemark.uuid() returns uuid
language c volatile parallel safe
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_uuid';
comment on function tidemark.uuid() is 'a new version 7 UUID: a key that sorts by the time it was made';

-- The kind on the wire of a type; null for one that cannot be synced.
create function tidemark._kind(type oid) returns text
language c stable strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_kind';

-- Fires for every statement; looks up no name by the search path, so it can do
-- without the price of setting one.
create function tidemark._capture() returns trigger
language c
as 'MODULE_PATHNAME', 'tidemark_capture';

-- After a tracked table's definition may have changed: notes a new version, logs
-- what stands in new columns, refuses another key.
create function tidemark._note_definition(target regclass) returns void
language c volatile strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_note_definition';

-- Raises if a column of that kind on the wire cannot have the policy.
create function tidemark._check_policy(policy text, column_name text, kind text) returns void
language c stable strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_check_policy';

-- Logs all rows of a table that is, or was, a partition of a tracked one, or is
-- it: as they are (i), or as deleted (d).
create function tidemark._log_rows(relation regclass, tracked regclass, operation "char") returns void
language c volatile strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_log_rows';

-- The canonical JSON of a key given as texts.
create function tidemark._key(target regclass, key text[]) returns text
language c stable strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_key';

-- True if whoever called the function that calls this one owns the table.
create function tidemark._caller_owns(target regclass) returns boolean
language c stable strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_caller_owns';

create function tidemark._secret_verifier(secret text) returns text
language c volatile strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_secret_verifier';

-- With a null verifier (no such user) false, after as much work.
create function tidemark._secret_matches(user_name text, secret text, verifier text) returns boolean
language c volatile
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_secret_matches';

create function tidemark._new_token() returns text
language c volatile
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_new_token';

-- Changes whenever tidemark.table_list would answer otherwise.
create function tidemark._schema() returns text
language c stable
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_schema';

create function tidemark._head() returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select coalesce(max(seq), 0) from tidemark._commit $$;

-- The number of the transaction that we are in; 0 if it has logged nothing.
create function tidemark._transaction() returns bigint
language c volatile
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_transaction';

create function tidemark._ms(at timestamptz) returns bigint
language sql immutable
set search_path = pg_catalog, pg_temp
as $$ select floor(extract(epoch from at) * 1000)::bigint $$;

create function tidemark._begin_epoch() returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$ insert into tidemark._hub (epoch) values (gen_random_uuid()) on conflict do nothing $$;

create function tidemark.new_epoch() returns uuid
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into tidemark._hub (epoch) values (gen_random_uuid())
  on conflict (only_row) do update set epoch = excluded.epoch
  returning epoch
$$;
comment on function tidemark.new_epoch() is
  'make every device load its tables again, keeping its pending changes; for after this database was restored from a backup';

------------------------------------------------------------------------------
-- Tracking.

-- Says why a table cannot be synced, by raising; says nothing if it can.
create function tidemark._refuse_unsyncable(target regclass, keys text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  class  pg_class;
  schema name;
  key    pg_index;
  found  record;
begin
  select c.* into class from pg_class c where c.oid = target;
  select nspname into schema from pg_namespace where oid = class.relnamespace;

  if class.relkind not in ('r', 'p') then
    raise exception '"%" is not a table', class.relname
      using errcode = 'wrong_object_type', hint = 'Only tables can be tracked. Track the tables it is made of.';
  end if;
  if schema ~ '^pg_' and schema !~ '^pg_temp' or schema in ('information_schema', 'tidemark') then
    raise exception 'table "%" is a system table', class.relname
      using errcode = 'reserved_name', hint = 'Only tables of your own can be tracked.';
  end if;
  if class.relpersistence <> 'p' then
    raise exception 'table "%" is %', class.relname, case class.relpersistence when 't' then 'temporary' else 'unlogged' end
      using errcode = 'wrong_object_type', hint = 'Its rows do not outlive a crash. Make it an ordinary table.';
  end if;
  if class.relispartition then
    raise exception 'table "%" is a partition', class.relname
      using errcode = 'wrong_object_type', hint = 'Track the partitioned table: its partitions come with it.';
  end if;
  if exists (select from pg_inherits where inhrelid = target)
     or class.relkind = 'r' and exists (select from pg_inherits where inhparent = target) then
    raise exception 'table "%" inherits or is inherited from', class.relname
      using errcode = 'feature_not_supported', hint = 'Use partitions instead of inheritance.';
  end if;
  if exists (select from pg_rewrite where ev_class = target) then
    raise exception 'table "%" has rules', class.relname
      using errcode = 'feature_not_supported', hint = 'Use triggers instead of rules.';
  end if;

  select i.* into key from pg_index i where i.indrelid = target and i.indisprimary;
  if key is null then
    raise exception 'table "%" has no primary key', class.relname
      using errcode = 'invalid_table_definition', hint = 'Add one: it tells which row is meant on every device.';
  end if;
  if not key.indimmediate then
    raise exception 'the primary key of table "%" is deferrable', class.relname
      using errcode = 'invalid_table_definition', hint = 'Make it NOT DEFERRABLE.';
  end if;

  for found in
    select a.attname, a.attgenerated, format_type(a.atttypid, a.atttypmod) as type, tidemark._kind(a.atttypid) as kind,
           a.attnum = any (key.indkey) as in_key, coalesce(l.collisdeterministic, true) as deterministic,
           a.attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\(', false) as counted
    from pg_attribute a
    left join pg_collation l on l.oid = a.attcollation
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = target and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  loop
    if found.in_key and found.attgenerated <> '' then
      raise exception 'key column "%" of table "%" is generated', found.attname, class.relname
        using errcode = 'feature_not_supported', hint = 'A device could not write its key.';
    end if;
    if found.kind is null and found.attgenerated = '' then
      raise exception 'column "%" of table "%" has type %, which cannot be synced', found.attname, class.relname, found.type
        using errcode = 'feature_not_supported', hint = 'Change its type, for example to text. docs/protocol.md lists the types.';
    end if;
    if found.in_key and not found.deterministic then
      raise exception 'key column "%" of table "%" has a collation in which different texts are equal', found.attname, class.relname
        using errcode = 'feature_not_supported', hint = 'Give it a deterministic collation.';
    end if;
    if found.in_key and found.counted and keys = 'none' then
      raise exception 'key column "%" of table "%" counts up', found.attname, class.relname
        using errcode = 'feature_not_supported',
              hint = 'Two devices would give the same key to different rows. Use a uuid key (default tidemark.uuid()), '
                     'or say keys => ''given'' if rows always bring their key, or keys => ''hub'' if only the hub inserts.';
    end if;
  end loop;

  select min(attname) as one, max(attname) as other into found
  from pg_attribute
  where attrelid = target and attnum > 0 and not attisdropped and attgenerated = ''
  group by lower(attname collate "C")
  having count(*) > 1;
  if found is not null then
    raise exception 'columns "%" and "%" of table "%" differ only in case', found.one, found.other, class.relname
      using errcode = 'feature_not_supported', hint = 'SQLite takes them for the same. Rename one.';
  end if;
end;
$$;

-- Puts the triggers on the table and those of its partitions that have none yet.
create function tidemark._install_triggers(target regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  relation regclass;
  is_leaf  boolean;
  spec     record;
begin
  perform set_config('tidemark.installing', 'on', true);  -- _after_ddl need not look at what this does
  for relation, is_leaf in
    select r.relid, r.is_leaf
    from (select relid, isleaf as is_leaf from pg_partition_tree(target)
          union
          select target, relkind = 'r' from pg_class where oid = target) r
    where not exists (select from tidemark._captured c where c.relid = r.relid)
  loop
    for spec in
      select *
      from (values ('tidemark_begin', 'before insert or update or delete', ''),
                   ('tidemark_insert', 'after insert', 'referencing new table as new_rows'),
                   ('tidemark_update', 'after update', 'referencing old table as old_rows new table as new_rows'),
                   ('tidemark_delete', 'after delete', 'referencing old table as old_rows'),
                   ('tidemark_truncate', 'before truncate', '')) as t (name, event, tables)
      where is_leaf or name <> 'tidemark_truncate'  -- a truncated root truncates its leaves
    loop
      execute format('create trigger %I %s on %s %s for each statement execute function tidemark._capture()',
                     spec.name, spec.event, relation, spec.tables);
      execute format('alter table only %s enable always trigger %I', relation, spec.name);
      execute format('alter trigger %I on %s depends on extension tidemark', spec.name, relation);
    end loop;
    insert into tidemark._captured values (relation);
  end loop;
  perform set_config('tidemark.installing', '', true);
end;
$$;

create function tidemark._remove_triggers(relation regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  name name;
begin
  for name in
    select tgname from pg_trigger where tgrelid = relation and tgfoid = 'tidemark._capture()'::regprocedure
  loop
    execute format('drop trigger %I on %s', name, relation);
  end loop;
  delete from tidemark._captured c where c.relid = relation;
end;
$$;

create function tidemark.track(target regclass, "as" text default null, keys text default 'none') returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  wire_name text := coalesce("as", (select relname from pg_class where oid = target));
  present   tidemark._table;
begin
  if not tidemark._caller_owns(target) then
    raise exception 'must be owner of table %', target
      using errcode = 'insufficient_privilege', hint = 'Ask its owner, or a superuser, to track it.';
  end if;
  if keys is null or keys not in ('none', 'given', 'hub') then
    raise exception 'keys must be ''none'', ''given'' or ''hub'', not %', coalesce(quote_literal(keys), 'null')
      using errcode = 'invalid_parameter_value',
            hint = 'none: the key does not count up; given: rows always bring their key; hub: only the hub inserts.';
  end if;

  perform tidemark._begin_epoch();
  select * into present from tidemark._table t where t.relid = target;
  if present is not null then
    if "as" is not null and "as" <> present.name then
      raise exception 'table % is tracked as "%" already', target, present.name
        using errcode = 'duplicate_object', hint = 'Run tidemark.untrack first to give it another name.';
    end if;
    perform tidemark._refuse_unsyncable(target, keys);
    update tidemark._table t set keys = track.keys where t.relid = target and t.keys <> track.keys;
    perform tidemark._install_triggers(target);
    perform tidemark._note_definition(target);
    raise notice 'table % is tracked already', target;
    return present.name;
  end if;

  perform tidemark._refuse_unsyncable(target, keys);
  if wire_name = '' or wire_name ~* '^(tidemark_|sqlite_)' then
    raise exception 'the name "%" is reserved', wire_name
      using errcode = 'reserved_name', hint = 'Give it another name on devices with "as" => ''…''.';
  end if;
  if exists (select from tidemark._table t where lower(t.name) = lower(wire_name) and t.relid is not null) then
    raise exception 'another table is tracked as "%" already', wire_name
      using errcode = 'duplicate_object', hint = 'Give this one another name on devices with "as" => ''…''.';
  end if;
  if exists (select from tidemark._table t where lower(t.name) = lower(wire_name)) then
    -- What was written meanwhile is not in the log.
    perform tidemark.new_epoch();
    raise notice 'a table was tracked as "%" before: all devices will load their tables again', wire_name;
  end if;

  insert into tidemark._table values (nextval('tidemark._table_id'), target, wire_name, keys);
  perform tidemark._install_triggers(target);
  perform tidemark._note_definition(target);
  return wire_name;
end;
$$;
comment on function tidemark.track(regclass, text, text) is
  'start logging the changes of a table, for devices to follow; gives its name on devices';

create function tidemark.untrack(target regclass) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not tidemark._caller_owns(target) then
    raise exception 'must be owner of table %', target
      using errcode = 'insufficient_privilege', hint = 'Ask its owner, or a superuser, to untrack it.';
  end if;
  update tidemark._table set relid = null where relid = target;
  if not found then
    raise notice 'table % is not tracked', target;
    return;
  end if;
  perform tidemark._remove_triggers(relid) from (select relid from pg_partition_tree(target) union select target) r;
end;
$$;
comment on function tidemark.untrack(regclass) is 'stop logging the changes of a table; what was logged stays in the log';

create function tidemark.policy(target regclass, column_name text, policy text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  is_row_policy boolean := policy in ('delete_wins', 'update_wins');
  wanted        text := coalesce(column_name, '');
  tracked       tidemark._table;
  found_column  record;
begin
  if not tidemark._caller_owns(target) then
    raise exception 'must be owner of table %', target
      using errcode = 'insufficient_privilege', hint = 'Ask its owner, or a superuser, to declare policies.';
  end if;
  select * into tracked from tidemark._table t where t.relid = target;
  if tracked is null or tracked.id is null then
    raise exception 'table % is not tracked', target
      using errcode = 'undefined_object', hint = format('Run tidemark.track(%L) first.', target);
  end if;
  if is_row_policy and wanted <> '' then
    raise exception 'policy "%" is for whole tables', policy
      using errcode = 'invalid_parameter_value', hint = format('select tidemark.policy(%L, %L)', target, policy);
  end if;

  for found_column in
    select a.attname, a.attgenerated <> '' as is_generated, a.attnum = any (i.indkey) as in_key, tidemark._kind(a.atttypid) as kind
    from pg_attribute a
    join pg_index i on i.indrelid = a.attrelid and i.indisprimary
    where a.attrelid = target and a.attnum > 0 and not a.attisdropped and (wanted = '' or a.attname = wanted)
  loop
    if wanted <> '' and (found_column.in_key or found_column.is_generated) then
      raise exception 'column "%" of table % is %', wanted, target,
          case when found_column.in_key then 'part of the key' else 'generated' end
        using errcode = 'invalid_parameter_value', hint = 'Only columns that devices change can have a policy.';
    end if;
    if not coalesce(is_row_policy, false) and not found_column.in_key and not found_column.is_generated then
      perform tidemark._check_policy(policy, found_column.attname, found_column.kind);
    end if;
  end loop;
  if not found then
    raise exception 'column "%" of table % does not exist', wanted, target
      using errcode = 'undefined_column', hint = 'Names are as PostgreSQL has them, without quotes.';
  end if;

  if is_row_policy or policy is null and wanted = '' then
    update tidemark._table t set deletes = coalesce(policy.policy, 'delete_wins') where t.id = tracked.id;
  end if;
  if policy is null then
    delete from tidemark._policy p where p.table_id = tracked.id and p.column_name = wanted;
  elsif not is_row_policy then
    insert into tidemark._policy values (tracked.id, wanted, policy)
    on conflict on constraint _policy_pkey do update set policy = excluded.policy;
  end if;
  perform tidemark._note_definition(target);  -- devices learn of it with their next pull
end;
$$;
comment on function tidemark.policy(regclass, text, text) is
  'declare how changes of a column are reconciled: latest, hub, device, ask, sum, max, min, json, text, or an SQL expression over :base, :mine and :theirs; null for the default';

create function tidemark.policy(target regclass, policy text) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select tidemark.policy(target, null, policy) $$;
comment on function tidemark.policy(regclass, text) is
  'declare a policy for all columns of a table that have none of their own, or whether delete_wins or update_wins; null for the defaults';

-- The tables that hold a tracked table's rows: itself or its partitions.
create function tidemark._leaves(target regclass) returns setof regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select relid from pg_partition_tree(target) where isleaf
  union
  select target from pg_class where oid = target and relkind = 'r'
$$;

-- After a command that may have changed a tracked table: refuses what would make
-- it unsyncable, and logs what no statement wrote: new columns, rewritten values,
-- partitions that come or go with their rows.
create function tidemark._after_ddl() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tracked   tidemark._table;
  rewritten oid[] := string_to_array(nullif(current_setting('tidemark.rewritten', true), ''), ' ')::oid[];
  attached  regclass[];
  relation  regclass;
  forgotten text;
begin
  if current_setting('tidemark.installing', true) = 'on' then
    return;
  end if;
  perform set_config('tidemark.rewritten', '', true);
  for tracked in
    select distinct t.*
    from pg_event_trigger_ddl_commands() c
    cross join lateral (select c.objid as relid union select relid from pg_partition_ancestors(c.objid)) r
    join tidemark._table t on t.relid = r.relid
    where c.classid = 'pg_class'::regclass
      -- A dump that is being restored has the tables first, then our rows, then keys and triggers.
      and (select count(*) from pg_trigger g
           where g.tgrelid = t.relid and g.tgfoid = 'tidemark._capture()'::regprocedure and g.tgname <> 'tidemark_truncate') = 4
  loop
    perform tidemark._refuse_unsyncable(tracked.relid, tracked.keys);
    select array_agg(leaf) into attached
    from tidemark._leaves(tracked.relid) leaf
    where not exists (select from tidemark._captured c where c.relid = leaf);
    perform tidemark._install_triggers(tracked.relid);
    for forgotten in
      delete from tidemark._policy p
      where p.table_id = tracked.id and p.column_name <> ''
        and not exists (select from pg_attribute a
                        where a.attrelid = tracked.relid and a.attname = p.column_name and not a.attisdropped)
      returning p.column_name
    loop
      raise warning 'column "%" of table % is gone, and its policy with it', forgotten, tracked.relid
        using hint = 'If it has another name now, declare its policy again: tidemark.policy(table, column, policy).';
    end loop;
    perform tidemark._note_definition(tracked.relid);
    for relation in
      select leaf from tidemark._leaves(tracked.relid) leaf where leaf = any (attached) or leaf = any (rewritten)
    loop
      perform tidemark._log_rows(relation, tracked.relid, 'i');
    end loop;
    for relation in
      select c.relid
      from tidemark._captured c
      where not exists (select from tidemark._table t
                        where t.relid = c.relid or t.relid in (select relid from pg_partition_ancestors(c.relid)))
    loop
      if (select relkind = 'r' from pg_class where oid = relation) then
        perform tidemark._log_rows(relation, tracked.relid, 'd');
      end if;
      perform tidemark._remove_triggers(relation);
    end loop;
  end loop;
end;
$$;

-- Remembers a table whose values are being rewritten until the command's end.
create function tidemark._before_rewrite() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_event_trigger_table_rewrite_reason() & 4 <> 0 then  -- the type of a column
    perform set_config('tidemark.rewritten', concat_ws(' ', nullif(current_setting('tidemark.rewritten', true), ''),
                                                       pg_event_trigger_table_rewrite_oid()), true);
  end if;
end;
$$;

-- Lets go of dropped tables. The rows of a partition that is dropped alone could
-- not be logged any more.
create function tidemark._after_drop() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  partition text;
begin
  update tidemark._table t set relid = null
  from pg_event_trigger_dropped_objects() o
  where o.classid = 'pg_class'::regclass and o.objsubid = 0 and o.objid = t.relid;
  if not found then
    select o.object_name into partition
    from pg_event_trigger_dropped_objects() o
    join tidemark._captured c on c.relid = o.objid
    where o.classid = 'pg_class'::regclass and o.objsubid = 0
    limit 1;
    if partition is not null then
      raise exception 'table "%" is a partition of a tracked table', partition
        using errcode = 'object_not_in_prerequisite_state',
              hint = 'Detach it first: that deletes its rows on devices. Then drop it.';
    end if;
  end if;
  delete from tidemark._captured c
  using pg_event_trigger_dropped_objects() o
  where o.classid = 'pg_class'::regclass and o.objsubid = 0 and o.objid = c.relid;
end;
$$;

create event trigger tidemark_after_ddl on ddl_command_end
  when tag in ('ALTER TABLE', 'CREATE TABLE') execute function tidemark._after_ddl();
alter event trigger tidemark_after_ddl enable always;

create event trigger tidemark_before_rewrite on table_rewrite execute function tidemark._before_rewrite();
alter event trigger tidemark_before_rewrite enable always;

create event trigger tidemark_after_drop on sql_drop execute function tidemark._after_drop();
alter event trigger tidemark_after_drop enable always;

------------------------------------------------------------------------------
-- The order of the log.

-- Gives each transaction that has committed its place in the log; see
-- pg_extension/transaction.h for why the order is right. One at a time.
create function tidemark.sequence() returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  head  bigint;
  added bigint;
begin
  if not exists (select from tidemark._inbox) then
    return tidemark._head();
  end if;

  perform pg_advisory_xact_lock(8386936427155452011);
  head := tidemark._head();  -- once: asked for each row, it would step over all that were inserted before
  with taken as (
    delete from tidemark._inbox where tx <> tidemark._transaction()  -- our own only when it has committed
    returning tx, ticket, device, push, exact
  ), transactions as (
    select tx, max(ticket) as ticket, max(device::text)::uuid as device, max(push) as push,
           bool_or(exact) as exact
    from taken
    group by tx
  )
  insert into tidemark._commit (seq, tx, at, device, push, exact)
  select head + row_number() over (order by t.ticket), t.tx,
         coalesce(first.at, tidemark._ms(clock_timestamp())), t.device, t.push, t.exact
  from transactions t
  left join lateral (
    select c.at from tidemark._change c where c.tx = t.tx order by c.n limit 1
  ) first on true
  where first.at is not null or t.device is not null;  -- all of it was rolled back to a savepoint
  get diagnostics added = row_count;
  return head + added;
end;
$$;
comment on function tidemark.sequence() is
  'put the transactions that have committed into the log; gives its head. The bridge calls this';

------------------------------------------------------------------------------
-- Users and devices.

create function tidemark.create_user(name text, secret text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(name, '') = '' or coalesce(secret, '') = '' or name ~ '[:[:cntrl:]]' then
    raise exception 'a user needs a name without colons and a secret'
      using errcode = 'invalid_parameter_value', hint = 'For example: select tidemark.create_user(''till'', ''…'').';
  end if;
  perform tidemark._begin_epoch();
  insert into tidemark._user values (create_user.name, tidemark._secret_verifier(secret));
exception when unique_violation then
  raise exception 'user "%" exists already', name
    using errcode = 'duplicate_object',
          hint = 'tidemark.change_secret(name, secret) gives it another secret; its devices stay.';
end;
$$;
comment on function tidemark.create_user(text, text) is 'create a user whose name and secret enrol devices; it has no right yet';

create function tidemark._existing_user(name text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from tidemark._user u where u.name = _existing_user.name) then
    raise exception 'user "%" does not exist', name
      using errcode = 'undefined_object', hint = 'tidemark.create_user(name, secret) makes one.';
  end if;
  return name;
end;
$$;

create function tidemark.change_secret(name text, secret text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(secret, '') = '' then
    raise exception 'a secret must not be empty' using errcode = 'invalid_parameter_value', hint = 'Give one.';
  end if;
  update tidemark._user u set verifier = tidemark._secret_verifier(secret)
  where u.name = tidemark._existing_user(change_secret.name);
end;
$$;
comment on function tidemark.change_secret(text, text) is 'give a user another secret; its devices stay enrolled';

create function tidemark.drop_user(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from tidemark._user u where u.name = drop_user.name;
  if not found then
    raise notice 'user "%" does not exist', name;
  end if;
  update tidemark._device d set revoked_at = clock_timestamp()
  where d.user_name = drop_user.name and d.revoked_at is null;
end;
$$;
comment on function tidemark.drop_user(text) is 'drop a user and revoke its devices';

create function tidemark.grant(name text, rights text default 'read,write') returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted text[] := regexp_split_to_array(coalesce(rights, ''), '\s*,\s*');
begin
  if not wanted <@ array['read', 'write'] then
    raise exception 'rights must be ''read'', ''write'' or ''read,write'', not %', coalesce(quote_literal(rights), 'null')
      using errcode = 'invalid_parameter_value', hint = 'tidemark.revoke(name) takes all rights away.';
  end if;
  insert into tidemark._grant values (tidemark._existing_user(name), 'read' = any (wanted), 'write' = any (wanted))
  on conflict (user_name) do update set can_read = excluded.can_read, can_write = excluded.can_write;
end;
$$;
comment on function tidemark.grant(text, text) is 'give a user''s devices the right to read, to write, or both; replaces what it had';

create function tidemark.revoke(name text) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ delete from tidemark._grant where user_name = tidemark._existing_user(name) $$;
comment on function tidemark.revoke(text) is 'take all rights from a user''s devices; they stay enrolled';

create function tidemark.revoke_device(id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update tidemark._device d set revoked_at = coalesce(d.revoked_at, clock_timestamp()) where d.id = revoke_device.id;
  if not found then
    raise exception 'device % does not exist', id
      using errcode = 'undefined_object', hint = 'The view tidemark.devices lists them.';
  end if;
end;
$$;
comment on function tidemark.revoke_device(uuid) is 'lock a device out; its pending changes stay in its file';

-- The device of a token, which may not be revoked. `need`: read, write, or null.
create function tidemark._authenticate(token text, need text) returns tidemark._device
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device;
  rights tidemark._grant;
begin
  select * into device from tidemark._device d where d.token_hash = sha256(convert_to(token, 'UTF8'));
  if device is null or device.id is null then
    raise exception 'unknown token' using errcode = 'TM401', hint = 'Connect the device again.';
  end if;
  if device.revoked_at is not null then
    raise exception 'this device was revoked'
      using errcode = 'TM402', hint = 'Its pending changes are safe in its file. Ask who runs the hub.';
  end if;
  select * into rights from tidemark._grant g where g.user_name = device.user_name;
  if need = 'read' and rights.can_read is not true or need = 'write' and rights.can_write is not true then
    raise exception 'user "%" has no right to %', device.user_name, need
      using errcode = 'TM403', hint = format('On the hub: select tidemark.grant(%L)', device.user_name);
  end if;
  return device;
end;
$$;

create function tidemark._enrol(user_name text, device_name text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  id    uuid := tidemark.uuid();
  token text := tidemark._new_token();
begin
  if length(device_name) > 200 then
    raise exception 'the device''s name is too long' using errcode = 'TM400', hint = 'Use 200 characters at most.';
  end if;
  perform tidemark._begin_epoch();
  insert into tidemark._device (id, user_name, name, token_hash, seen_at)
  values (id, user_name, device_name, sha256(convert_to(token, 'UTF8')), clock_timestamp());
  return json_build_object('device', id, 'token', token, 'user', user_name, 'epoch', (select epoch from tidemark._hub),
                           'schema', tidemark._schema(), 'head', tidemark._head(),
                           'now', tidemark._ms(clock_timestamp()));
end;
$$;

create function tidemark.enrol(user_name text, secret text, device_name text default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not tidemark._secret_matches(coalesce(user_name, ''), coalesce(secret, ''),
                                  (select u.verifier from tidemark._user u where u.name = enrol.user_name)) then
    raise exception 'wrong user or secret' using errcode = 'TM401', hint = 'tidemark.create_user makes users on the hub.';
  end if;
  return tidemark._enrol(user_name, device_name);
end;
$$;
comment on function tidemark.enrol(text, text, text) is 'enrol a device: its id and token as JSON. The bridge calls this';

create function tidemark.enrol_again(token text, device_name text default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device := tidemark._authenticate(token, null);
begin
  return tidemark._enrol(device.user_name, coalesce(device_name, device.name));
end;
$$;
comment on function tidemark.enrol_again(text, text) is
  'a new identity for a copied or restored device file, by its old token. The bridge calls this';

create function tidemark.device_status(token text) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device := tidemark._authenticate(token, null);
begin
  return json_build_object(
    'now', tidemark._ms(clock_timestamp()), 'epoch', (select epoch from tidemark._hub), 'schema', tidemark._schema(),
    'head', tidemark._head(), 'device', device.id, 'user', device.user_name, 'name', device.name,
    'rights', (select to_json(array_remove(array[case when g.can_read then 'read' end, case when g.can_write then 'write' end], null))
               from (select) one left join tidemark._grant g on g.user_name = device.user_name),
    'cursor', coalesce(device.cursor, '0'), 'push', device.push, 'enrolled_at', tidemark._ms(device.enrolled_at),
    'seen_at', tidemark._ms(device.seen_at));
end;
$$;
comment on function tidemark.device_status(text) is 'a device''s standing as JSON. The bridge calls this';

create function tidemark.seen(token text, "cursor" text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device := tidemark._authenticate(token, null);
begin
  if seen.cursor !~ '^\d{1,18}(\.\d{1,10})?$' then
    raise exception 'malformed cursor' using errcode = 'TM400', hint = 'Give the cursor of an earlier answer, or 0.';
  end if;
  update tidemark._device d set cursor = seen.cursor, seen_at = clock_timestamp()
  where d.id = device.id
    and (d.cursor is distinct from seen.cursor or d.seen_at is null or d.seen_at < clock_timestamp() - interval '1 minute');
end;
$$;
comment on function tidemark.seen(text, text) is
  'note that a device was here and how far it has read; writes at most once a minute if nothing moved. The bridge calls this';

------------------------------------------------------------------------------
-- What devices read and write. Compiling queries (jit) never pays here.

create function tidemark.table_list(token text) returns text
language c stable strict security definer
set search_path = pg_catalog, pg_temp
set jit = off
as 'MODULE_PATHNAME', 'tidemark_table_list';
comment on function tidemark.table_list(text) is 'what can be tracked, as JSON. The bridge calls this';

create function tidemark.pull(token text, after text, max_bytes int default 1048576, have bigint default 0) returns text
language c stable strict security definer
set search_path = pg_catalog, pg_temp
set jit = off
as 'MODULE_PATHNAME', 'tidemark_pull';
comment on function tidemark.pull(text, text, int, bigint) is 'a page of the log as JSON. The bridge calls this';

-- A page is a few thousand rows of the key's index; sorting the table for each page would be the
-- planner's choice for a cursor on a large table.
create function tidemark.rows(token text, table_name text, after text default null, max_bytes int default 1048576) returns text
language c stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_sort = off
set enable_seqscan = off
set enable_bitmapscan = off
as 'MODULE_PATHNAME', 'tidemark_rows';
comment on function tidemark.rows(text, text, text, int) is 'a page of a table''s rows as JSON. The bridge calls this';

create function tidemark.push(token text, body text) returns text
language c volatile strict security definer
set search_path = pg_catalog, pg_temp
set jit = off
set work_mem = '64MB'  -- the pushed rows stand in memory until they are in the tables
as 'MODULE_PATHNAME', 'tidemark_push';
comment on function tidemark.push(text, text) is
  'apply what a device changed: a verdict as JSON, or an error that leaves nothing done. The bridge calls this';

------------------------------------------------------------------------------
-- What a person looks at.

create view tidemark.tables as
select t.name as table_name, t.relid, t.keys, t.deletes,
       (select p.policy from tidemark._policy p where p.table_id = t.id and p.column_name = '') as policy,
       (select jsonb_object_agg(p.column_name, p.policy)
        from tidemark._policy p where p.table_id = t.id and p.column_name <> '') as column_policies
from tidemark._table t
where t.relid is not null;
comment on view tidemark.tables is 'the tracked tables, their names on devices, and how their changes are reconciled';

create view tidemark.devices as
select d.id, d.user_name, d.name, d.enrolled_at, d.revoked_at, d.seen_at, d.cursor,
       tidemark_head.seq - split_part(d.cursor, '.', 1)::bigint as unread, d.push as pushes
from tidemark._device d
cross join (select coalesce(max(seq), 0) as seq from tidemark._commit) tidemark_head;
comment on view tidemark.devices is 'the enrolled devices, when they were last here and how far they have read';

create view tidemark.rejects as
select r.rejected_at, d.user_name, r.device, d.name as device_name, r.push, r.table_name, r.key::jsonb as key,
       r.sqlstate, r.message, r.hint, r.column_name
from tidemark._reject r
join tidemark._device d on d.id = r.device;
comment on view tidemark.rejects is
  'changes of devices that the hub has refused; each is listed until its device sends the row again';

create view tidemark.log as
select c.seq, h.n, c.taken_at as committed_at, to_timestamp(h.at / 1000.0) as changed_at, d.user_name, c.device,
       d.name as device_name, c.push, t.name as table_name,
       case h.op when 'i' then 'insert' when 'u' then 'update' else 'delete' end as operation,
       h.key::jsonb as key,
       (select jsonb_object_agg(v.description::json -> 'columns' -> coalesce(p.place, (e.i - 1)::int) ->> 0, e.value)
        from jsonb_array_elements(h.vals::jsonb) with ordinality as e (value, i)
        left join lateral (select (h.cols::json ->> (e.i - 1)::int)::int) as p (place) on true) as changed
from tidemark._commit c
join tidemark._change h on h.tx = c.tx
join tidemark._version v on v.id = h.version
join tidemark._table t on t.id = v.table_id
left join tidemark._device d on d.id = c.device;
comment on view tidemark.log is 'the log as an audit trail: one row for each change';

create function tidemark.history(target regclass, variadic row_key text[] default '{}')
returns table (seq bigint, committed_at timestamptz, changed_at timestamptz, user_name text, device_name text,
               operation text, key jsonb, changed jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  tracked tidemark._table;
  wanted  text := case when row_key <> '{}' then tidemark._key(target, row_key) end;
begin
  select * into tracked from tidemark._table t where t.relid = target;
  if tracked is null then
    raise exception 'table % is not tracked', target
      using errcode = 'undefined_object', hint = format('Run tidemark.track(%L) first.', target);
  end if;
  return query
    select l.seq, l.committed_at, l.changed_at, l.user_name, l.device_name, l.operation, l.key, l.changed
    from tidemark.log l
    where l.table_name = tracked.name and (wanted is null or l.key = wanted::jsonb)
    order by l.seq, l.n;
end;
$$;
comment on function tidemark.history(regclass, text[]) is
  'what happened to a row of a tracked table, or to all: tidemark.history(''prices'', ''de'', ''42'')';

create function tidemark.status() returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object(
    'version', tidemark.version(),
    'epoch', (select epoch from tidemark._hub),
    'head', tidemark._head(),
    'tables', (select count(*) from tidemark._table where relid is not null),
    'inbox', (select count(distinct tx) from tidemark._inbox),
    'users', (select count(*) from tidemark._user),
    'devices', (select count(*) from tidemark._device where revoked_at is null),
    'revoked_devices', (select count(*) from tidemark._device where revoked_at is not null),
    'oldest_writer', (
      select json_build_object('pid', a.pid, 'user', a.usename, 'since', a.xact_start, 'state', a.state)
      from pg_locks l
      join pg_stat_activity a on a.pid = l.pid
      where l.relation = 'tidemark._change'::regclass and l.mode = 'RowExclusiveLock'
        and l.database = (select oid from pg_database where datname = current_database()) and a.pid <> pg_backend_pid()
      order by a.xact_start
      limit 1))
$$;
comment on function tidemark.status() is 'the hub''s standing: head of the log, devices, the oldest transaction that has logged and not committed';

------------------------------------------------------------------------------
-- Who may do what.

create function tidemark.allow_bridge(role regrole) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('grant usage on schema tidemark to %s', role);
  execute format('grant execute on function tidemark.enrol(text, text, text), tidemark.enrol_again(text, text), '
                 'tidemark.device_status(text), tidemark.seen(text, text), tidemark.table_list(text), '
                 'tidemark.pull(text, text, int, bigint), tidemark.rows(text, text, text, int), tidemark.push(text, text), '
                 'tidemark.sequence(), tidemark.version() to %s', role);
end;
$$;
comment on function tidemark.allow_bridge(regrole) is 'let a role run the bridge: it may execute the functions for it and read no table';

revoke all on all functions in schema tidemark from public;
revoke all on all tables in schema tidemark from public;
revoke all on schema tidemark from public;
-- A table may have tidemark.uuid() as its key's default, whoever inserts.
grant usage on schema tidemark to public;
grant execute on function tidemark.uuid(), tidemark.version() to public;
