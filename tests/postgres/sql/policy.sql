-- policies: what can be declared, what devices are told, differences, circles of unique values, rejects
create domain positive as integer check (value >= 0);
create table stock (shop text, item text, quantity positive not null default 0, amount numeric(10,2), weight real, small smallint,
                    note text, extra jsonb, at timestamptz, twice integer generated always as (quantity * 2) stored, primary key (shop, item));
select tidemark.track('stock');

select tidemark.policy('stock', 'quantity', 'sum'), tidemark.policy('stock', 'amount', 'sum'), tidemark.policy('stock', 'weight', 'sum'),
       tidemark.policy('stock', 'small', 'max'), tidemark.policy('stock', 'extra', 'json'),
       tidemark.policy('stock', 'note', 'coalesce(:mine, :theirs) || ''!'''), tidemark.policy('stock', 'hub'), tidemark.policy('stock', 'update_wins');
select deletes, policy, column_policies from tidemark.tables;
select token('p') as token \gset
select t -> 'deletes' as deletes, t -> 'policy' as policy_of_table, c ->> 0 as column, c -> 2 ->> 'policy' as policy
from jsonb_array_elements(tidemark.table_list(:'token')::jsonb -> 'tables') t, jsonb_array_elements(t -> 'columns') c;
-- nothing changes, nothing is told
select tidemark.table_list(:'token')::json ->> 'schema' as schema \gset
select tidemark.policy('stock', 'quantity', 'sum');
select tidemark.table_list(:'token')::json ->> 'schema' = :'schema' as same;
select tidemark.policy('stock', 'small', null), tidemark.policy('stock', null::text);
select tidemark.table_list(:'token')::json ->> 'schema' = :'schema' as same;
select deletes, policy, column_policies from tidemark.tables;

select refusal(format('select tidemark.policy(%L, %L, %L)', 'stock', c, p))
from (values ('quantity', 'lastest'), ('quantity', ''), ('note', 'sum'), ('at', 'json'), ('extra', 'max'), ('note', 'update_wins'), ('item', 'hub'),
             ('twice', 'hub'), ('nothing', 'hub'), (null, 'sum'), ('note', ':mine + '), ('note', ':mine, :theirs'), ('note', ':mine; select 1'),
             ('note', ':mine) from sqlite_master --'), ('note', '(select count(*) from sqlite_master) || :mine'), ('note', ':mine || :other'),
             ('note', ':mine || ?'), ('note', 'load_extension(:mine)'), ('note', 'no_such_function(:mine)')) v (c, p);
select refusal($$select tidemark.policy('pg_class', 'relname', 'hub')$$), refusal($$select tidemark.policy('stock', null, 'lastest')$$);
create role somebody;
grant usage on schema tidemark to somebody;
grant execute on function tidemark.policy(regclass, text, text) to somebody;
set role somebody;
select tidemark.policy('public.stock', 'note', 'hub');
reset role;
revoke all on schema tidemark from somebody;
revoke all on function tidemark.policy(regclass, text, text) from somebody;
drop role somebody;

-- differences: added, in any order, never behind
insert into stock values ('s', 'i', 10, 1.50, 0.5, 1, 'n');
\set tables '[{"table":"stock","key":[["shop","text"],["item","text"]],"columns":[["quantity","integer"],["amount","numeric"],["weight","real"],["small","smallint"],["note","text"]]}]'
select tidemark.sequence() as head \gset
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":-3},{"add":"0.25"},{"add":0.25}],[0,1,2]]]', :'head');
select push('b', :'tables', '[[0,"u",["s","i"],[{"add":-2},{"add":"-10"}],[0,1]]]', :'head');
select push('c', :'tables', '[[0,"u",["s","i"],[{"add":1},"mine"],[0,4]]]', :'head');
select quantity, amount, weight, note from stock;
select operation, changed from logged('stock', :'head');
update stock set quantity = 100, amount = null where item = 'i';
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":-1},{"add":"5"}],[0,1]]]', :'head') as over_a_new_value;
select quantity, amount from stock;
select push('b', :'tables', '[[0,"u",["s","i"],[7],[0]]]', :'head') as a_value_is_behind;
select push('b', :'tables', '[[0,"u",["s","i"],[{"add":1},"theirs"],[0,4]]]', :'head') as for_another_column;
-- refused: by the domain, out of range, not a number
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":-1000}],[0]]]');
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":99999999999}],[0]]]');
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":"x"}],[0]]]');
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":1}],[4]]]');
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":40000}],[3]]]');
-- the hub lists what it refused last, until the row is sent again
select user_name, device_name, push, table_name, key, sqlstate, message, column_name from tidemark.rejects where table_name = 'stock';
-- a difference that changes nothing is told all the same
update stock set weight = 1e30;
select tidemark.sequence() as head \gset
select push('a', :'tables', '[[0,"u",["s","i"],[{"add":0.5}],[2]]]', :'head');
select tidemark.sequence() - :head as commits;
select operation, changed from logged('stock', :'head');
select push('a', :'tables', '[[0,"u",["s","gone"],[{"add":1}],[0]]]') as of_no_row;
select exact from tidemark._commit order by seq desc limit 1;

select count(*) from tidemark.rejects where table_name = 'stock';

-- values that go round: two, many, with somebody outside who clashes
create table coded (id int primary key, code text not null unique, number int unique, owner uuid not null unique default gen_random_uuid());
select tidemark.track('coded');
insert into coded select i, 'c' || i, i from generate_series(1, 20) i;
select tidemark.sequence() as head \gset
select push('a', header('coded'), '[[0,"u",[1],["c2",2],[0,1]],[0,"u",[2],["c1",1],[0,1]]]') as swap;
select id, code, number from coded where id < 4 order by id;
select push('a', header('coded'), (select json_agg(json_build_array(0, 'u', json_build_array(i), json_build_array('c' || (case when i = 20 then 3 else i + 1 end)), array[0]))::text
                                   from generate_series(3, 20) i)) as circle;
select id, code from coded where id in (3, 4, 20) order by id;
select push('a', header('coded'), '[[0,"u",[5],["c7"],[0]],[0,"u",[6],["c6"],[0]],[0,"u",[7],["c1"],[0]]]') as one_clashes;
select id, code from coded where id in (1, 2, 5, 6, 7) order by id;
update coded set owner = ('00000000-0000-0000-0000-0000000000' || lpad(id::text, 2, '0'))::uuid;
select push('a', header('coded'), '[[0,"u",[8],["00000000-0000-0000-0000-000000000009"],[2]],[0,"u",[9],["00000000-0000-0000-0000-000000000008"],[2]]]') as uuids;
select id, owner from coded where id in (8, 9) order by id;
select check_log('coded'), check_log('stock');

-- a push and the sequencer in one transaction, with a savepoint between: what is not committed has no place yet
begin;
select push('a', header('coded'), '[[0,"u",[1],["once"],[0]]]');
select push('b', header('coded'), '[[0,"u",[2],["twice"],[0]]]');
select tidemark.sequence() = tidemark._head() as waits;
commit;
select tidemark.sequence() > 0 as goes_on, count(*) = count(distinct tx) as in_one_place from tidemark._commit;

-- a column that is dropped takes its policy along; a table that is tracked again under its name has the others again
alter table stock drop column small, drop column amount;
select column_policies from tidemark.tables where table_name = 'stock';
select tidemark.policy('stock', 'update_wins'), tidemark.policy('stock', 'hub');
select tidemark.untrack('stock');
alter table stock drop column extra;
select tidemark.track('stock');
select deletes, policy, column_policies from tidemark.tables where table_name = 'stock';
select tidemark.policy('stock', 'weight', null);
select tidemark.untrack('stock');
alter table stock rename to storage;
select tidemark.track('storage', "as" => 'STOCK');
select deletes, policy, column_policies from tidemark.tables where table_name = 'STOCK';
select tidemark.untrack('storage');
select tidemark.track('storage', "as" => 'another');
select deletes, policy, column_policies from tidemark.tables where table_name = 'another';
alter table storage rename to stock;
select tidemark.untrack('stock'), tidemark.untrack('coded');
drop table stock, coded;
drop domain positive;
