-- Small functions, most of them in C++.

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

-- True if an ALTER TABLE may give the values of a column another form, where it
-- rewrites the table.
create function tidemark._recasts(command pg_ddl_command, column_number int2) returns boolean
language c stable strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_recasts';

-- True if an ALTER TYPE renames a value of an enum.
create function tidemark._renames_value(command pg_ddl_command) returns boolean
language c stable strict
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'tidemark_renames_value';

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
