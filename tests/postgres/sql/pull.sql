-- pages of the log
create table page (id int primary key, a text, b int default 7, c timestamptz default now(), d int default (random() * 0)::int,
                   e text not null default 'it''s', f int references page, unique (a), unique (b, e));
select tidemark.track('page');
select tidemark.sequence() as start \gset
select token('puller') as token \gset
insert into page (id, a, b, c) select i, 'a' || i, i, '2026-01-01 00:00+00' from generate_series(1, 5) i;
update page set b = 8 where id = 2;
delete from page where id = 3;
select tidemark.pull(:'token', :'start')::jsonb #> '{commits}' = '[]' as not_before_it_is_sequenced;
select tidemark.sequence() - :start as commits;

-- all at once; the opening members
select key, case when key in ('now', 'epoch', 'schema', 'cursor', 'head', 'commits') then '…' else value::text end
from json_each(tidemark.pull(:'token', :'start')::json);
select c -> 0 = to_jsonb(:start + i) as seq, jsonb_typeof(c -> 1) as at, c -> 2 as device, c -> 3 as push, c -> 4 as changes
from jsonb_array_elements(tidemark.pull(:'token', :'start')::jsonb -> 'commits') with ordinality as e (c, i);

-- a walk in the smallest pages: every change once, in order
create function walk(token text, cursor text, max_bytes int)
returns table (seq bigint, changes int, open boolean, more boolean) language plpgsql as $$
declare
  page  jsonb;
  start bigint := cursor;
begin
  loop
    page := tidemark.pull(token, cursor, max_bytes)::jsonb;
    return query select (c ->> 0)::bigint - start, jsonb_array_length(c -> 4), (page -> 'open')::boolean, (page -> 'more')::boolean
                 from jsonb_array_elements(page -> 'commits') c;
    cursor := page ->> 'cursor';
    exit when not (page -> 'more')::boolean;
  end loop;
end;
$$;
select * from walk(:'token', :'start', 1);
select * from walk(:'token', :'start', 200);

-- cursors that are none
select c, refusal(format('select tidemark.pull(%L, %L)', :'token', c))
from unnest(array['', 'x', '-1', '1.', '1.0', '1.x', '1e3', '99999999999999999999', '0x1']) c;
select left(refusal(format('select tidemark.pull(%L, %L)', :'token', tidemark._head() + 1)), 6);

-- first load in pages
create function load(token text, name text, max_bytes int) returns table (rows int, last boolean) language plpgsql as $$
declare
  page  jsonb;
  place text;
begin
  loop
    page := tidemark.rows(token, name, place, max_bytes)::jsonb;
    place := page ->> 'after';
    return query select jsonb_array_length(page -> 'changes'), place is null;
    exit when place is null;
  end loop;
end;
$$;
select * from load(:'token', 'page', 1);
select * from load(:'token', 'page', 100000);
select refusal(format('select tidemark.rows(%L, ''nothing'')', :'token'));
select refusal(format('select tidemark.rows(%L, ''page'', ''!!'')', :'token'));
select refusal(format('select tidemark.rows(%L, ''page'', ''WzEsMl0'')', :'token'));

-- the tables' description, and a schema that changes with it
create table page_line (page int references page, line int, t text, primary key (page, line));
select tidemark.track('page_line');
select jsonb_pretty(t) from jsonb_array_elements(tidemark.table_list(:'token')::jsonb -> 'tables') t where t ->> 'table' like 'page%';
select tidemark._schema() as schema_1 \gset
insert into page_line values (1, 1);
alter table page_line add column note text;
select tidemark._schema() as schema_2 \gset
alter table page_line alter note set default 'n';
select tidemark._schema() as schema_3 \gset
create unique index on page_line (note);
select tidemark._schema() as schema_4 \gset
insert into page_line values (1, 2);
select :'schema_1' <> :'schema_2' and :'schema_2' <> :'schema_3' and :'schema_3' <> :'schema_4' and tidemark._schema() = :'schema_4' as follows;

-- nothing of this writes: it works where nothing may be written
begin transaction read only;
select tidemark.pull(:'token', '0', 100) is not null and tidemark.rows(:'token', 'page') is not null
   and tidemark.table_list(:'token') is not null and tidemark.device_status(:'token') is not null as reads_only;
commit;
drop table page_line, page;
