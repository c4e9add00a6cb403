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
