-- track: what it takes, what it refuses and why; calling twice does no harm
create table products (id uuid primary key, name text);
select tidemark.track('products');
select tidemark.track('products');
select table_name, relid, keys from tidemark.tables;

-- refused, each with its reason, and nothing is left behind
create table no_key (a int);
create table late_key (a int primary key deferrable);
create temp table passing (a int primary key);
create unlogged table light (a int primary key);
create view looked as select 1 as a;
create materialized view kept as select 1 as a;
create table parent (a int primary key);
create table child (primary key (a)) inherits (parent);
create table counted (id serial primary key);
create table identified (id bigint generated always as identity primary key);
create table with_money (a int primary key, b money);
create table with_timetz (a int primary key, b timetz);
create type pair as (x int, y int);
create table with_composite (a int primary key, b pair);
create table with_range (a int primary key, b int4range[]);
create domain address as inet;
create table with_domain (a int primary key, b address);
create table cased (a int primary key, "Name" text, name text);
create table ruled (a int primary key);
create rule r as on insert to ruled do also nothing;
create table sqlite_stat (a int primary key);
create table parts (a int primary key) partition by range (a);
create table parts_1 partition of parts for values from (0) to (10);
create table made (a int generated always as (1) stored primary key);
create collation ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table insensitive (a text collate ignoring primary key);
select t, refusal(format('select tidemark.track(%L)', t))
from unnest(array['no_key', 'late_key', 'passing', 'light', 'looked', 'kept', 'parent', 'child', 'counted', 'identified',
                  'with_money', 'with_timetz', 'with_composite', 'with_range', 'with_domain', 'cased', 'ruled', 'sqlite_stat',
                  'parts_1', 'made', 'insensitive', 'pg_class', 'tidemark._table', 'information_schema.sql_parts', 'missing']) t;
select refusal('select tidemark.track(null)');
select refusal('select tidemark.allow_bridge(null)');
set client_min_messages = error;  -- "tables were not subscribed"
create subscription subscribed connection '' publication published with (connect = false, slot_name = none);
reset client_min_messages;
create table replicated (a int primary key) partition by range (a);
create table replicated_1 partition of replicated for values from (0) to (10);
insert into pg_subscription_rel select oid, 'replicated_1'::regclass, 'r', null from pg_subscription where subname = 'subscribed';
select refusal('select tidemark.track($$replicated$$)');
drop subscription subscribed;
drop table replicated;
select refusal($$select tidemark.track('parent', "as" => 'PRODUCTS')$$);
select refusal($$select tidemark.track('counted', keys => 'maybe')$$);
select refusal($$select tidemark.track('products', "as" => 'goods')$$);
select refusal($$select tidemark.track('ruled', "as" => 'tidemark_x')$$);
select count(*) from tidemark.tables;
select count(*) from pg_trigger where tgname like 'tidemark%' and tgrelid <> 'products'::regclass;

-- counted keys, where somebody says how they are meant
select tidemark.track('counted', keys => 'given'), tidemark.track('identified', keys => 'hub');

-- another schema, another name; names that need quoting
create schema "Sales ""East""";
create table "Sales ""East"""."it's ""odd""" ("the ""key""" int primary key, "a 'value'" text);
select tidemark.track('"Sales ""East"""."it''s ""odd"""', "as" => 'odd');
insert into "Sales ""East"""."it's ""odd""" values (1, 'one');
update "Sales ""East"""."it's ""odd""" set "a 'value'" = 'uno';
select tidemark.sequence() > 0 as sequenced;
select * from logged('odd');
select check_log('odd');

-- not the owner
create role somebody;
grant usage on schema tidemark to somebody;
grant execute on all functions in schema tidemark to somebody;
set role somebody;
select refusal($$select tidemark.track('products')$$);
select refusal($$select tidemark.untrack('products')$$);
create temp table t as select 1;
reset role;
drop owned by somebody;
drop role somebody;

-- our triggers stay as they are, and are not in the way of others
create table guarded (id int, v text, primary key (id)) partition by list (id);
create table guarded_1 partition of guarded for values in (1);
create trigger theirs before update on guarded_1 for each row execute function suppress_redundant_updates_trigger();
select tidemark.track('guarded');
insert into guarded values (1, 'one');
select statement, refusal(statement)
from unnest(array['drop trigger tidemark_update on guarded', 'drop trigger tidemark_truncate on guarded_1',
                  'alter table guarded disable trigger tidemark_insert', 'alter table guarded_1 disable trigger all',
                  'alter table guarded disable trigger user', 'alter table guarded enable replica trigger tidemark_begin']) statement;
alter table guarded_1 enable trigger all;
alter trigger tidemark_update on guarded rename to renamed;
select refusal('drop trigger renamed on guarded');
alter table guarded add column w text;
alter trigger renamed on guarded rename to tidemark_update;
alter table guarded_1 disable trigger theirs;
drop trigger theirs on guarded_1;
select tgrelid::regclass, tgname, tgenabled from pg_trigger where tgrelid in ('guarded'::regclass, 'guarded_1'::regclass) order by 1, 2;

-- what is missing all the same is repaired, and devices load again
alter event trigger tidemark_after_drop disable;
drop trigger tidemark_update on guarded_1;
alter event trigger tidemark_after_drop enable always;
update guarded_1 set v = 'not logged';
alter table guarded drop column w;
select epoch from tidemark._hub \gset
select tidemark.track('guarded');
select epoch <> :'epoch' as begun_anew from tidemark._hub;
select epoch from tidemark._hub \gset
select tidemark.track('guarded');
select epoch <> :'epoch' as begun_anew from tidemark._hub;
update guarded_1 set v = 'logged';
select check_log('guarded');
alter event trigger tidemark_after_ddl disable;
alter table guarded disable trigger tidemark_update;
alter event trigger tidemark_after_ddl enable always;
select refusal('alter table guarded add column w text');
select tidemark.track('guarded');
select epoch <> :'epoch' as begun_anew from tidemark._hub;
select count(*) from pg_trigger where tgrelid in ('guarded'::regclass, 'guarded_1'::regclass) and tgenabled = 'A';
select tidemark.untrack('guarded');
drop table guarded;

-- untrack: the log stays, the triggers go; tracking again makes devices load again
insert into products values ('00000000-0000-0000-0000-000000000001', 'one');
select tidemark.untrack('products');
select tidemark.untrack('products');
insert into products values ('00000000-0000-0000-0000-000000000002', 'two');
select count(*) from pg_trigger where tgrelid = 'products'::regclass;
select tidemark.sequence() > 0 as sequenced;
select * from logged('products');
select epoch from tidemark._hub \gset
select tidemark.track('products');
select epoch <> :'epoch' as begun_anew from tidemark._hub;
drop table products;
select table_name from tidemark.tables order by 1;
drop table counted, identified, "Sales ""East"""."it's ""odd""";
select table_name from tidemark.tables order by 1;
