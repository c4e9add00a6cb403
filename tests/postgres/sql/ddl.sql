-- a tracked table that changes
create table shape (id int primary key, a text, b int);
select tidemark.track('shape');
insert into shape values (1, 'a', 1);
alter table shape add column c text;
insert into shape values (2, 'a', 1, 'c');
alter table shape drop column b;
update shape set c = 'd' where id = 1;
alter table shape rename column a to z;
update shape set z = 'y';
alter table shape rename to form;
insert into form values (3, 'z', 'c');
alter table form alter c type varchar(10);
update form set c = 'e' where id = 3;
select tidemark.sequence() > 0 as sequenced;
select * from logged('shape');

-- values that no statement wrote: a default of a new column, a rewritten type
alter table form add column d numeric(8,2) default 1.5;
alter table form add column e text;
alter table form alter d type numeric(8,3) using d * 2;
select tidemark.sequence() as head \gset
select * from logged('shape', :head - 2);
select check_log('shape') like '%"b"%' as but_for_what_was_dropped;

-- a name that comes again stands for other values, in one command, in one transaction, and by renaming
create table again (id text primary key, a text, b text, c int);
select tidemark.track('again');
insert into again values ('x', 'A', 'B', 1), ('y', null, 'B', 2), ('z', 'A', null, null);
alter table again drop column c, add column c int default 77;
select check_log('again');
begin;
alter table again drop column c;
alter table again add column c int;
commit;
select check_log('again');
begin;
alter table again rename a to d;
alter table again rename b to a;
alter table again rename d to b;
commit;
alter table again add column d text;
select check_log('again');
begin;
alter table again drop column d;
alter table again rename a to d;
alter table again rename b to a;
alter table again rename d to b;
commit;
alter table again add column d text;
select check_log('again');

-- a key is what devices know a row by
select refusal('alter table again alter id type text using upper(id)');
select refusal('alter table again alter id type varchar(10)');
select refusal('alter table again drop column id, add column id text primary key default tidemark.uuid()::text');
alter table again alter a type text using id || a;
create table counts (id smallint primary key, other int);
select tidemark.track('counts');
select refusal('alter table counts alter id type int using other');
select refusal('alter table counts alter id type int using id::real');
alter table counts alter id type int;
alter table counts alter id type bigint using id::bigint;
create table limited (id varchar(10) primary key);
select tidemark.track('limited');
alter table limited alter id type varchar(20);
alter table limited alter id type text;
select refusal('alter table limited alter id type varchar(10)');
drop table again, counts, limited;

-- a value of an enum that gets another name
create type feeling as enum ('sad', 'ok');
create domain feelings as feeling[];
create table felt (id int primary key, a feeling default 'ok', b feelings);
create table felt_by_mood (a feeling primary key);
select tidemark.track('felt');
insert into felt values (1, 'ok', '{sad,ok}'), (2, null, null);
select tidemark._schema() as before \gset
alter type feeling add value 'happy';
alter type feeling rename value 'ok' to 'fine';
select check_log('felt'), tidemark._schema() <> :'before' as described_anew;
select tidemark.track('felt_by_mood');
select refusal($$alter type feeling rename value 'fine' to 'ok'$$);
drop table felt, felt_by_mood;
drop type feeling cascade;

-- a column that goes with its type, and comes again; a key's may not go
create schema types;
create type types.size as enum ('s', 'm');
create domain grams as int;
create table shirt (id text primary key, size types.size, weight grams, name text);
select tidemark.track('shirt');
insert into shirt values ('a', 's', 100, 'A'), ('b', 'm', null, 'B');
select tidemark.policy('shirt', 'size', 'ask');
drop schema types cascade;
select column_name from tidemark._policy join tidemark._table t on t.id = table_id where t.name = 'shirt';
alter table shirt add column size text default 'x';
select check_log('shirt');
drop domain grams cascade;
alter table shirt add column weight int;
select check_log('shirt');
create domain label as text;
create table labelled (id label, shop int, note label, primary key (shop, id));
select tidemark.track('labelled');
select refusal('drop domain label cascade');
select tidemark.untrack('labelled');
drop domain label cascade;
drop table shirt, labelled;

-- a default that cannot be told without an insert
create function must_give(what text) returns numeric immutable language plpgsql as
  $$ begin raise exception '% must be given', what using errcode = 'object_not_in_prerequisite_state'; end $$;
alter table form add column f numeric, add column g int, add column h numeric default 2.5 / 2;
alter table form alter f set default must_give('f'), alter g set default 1 / 0;
select token('reader') is not null;
select c from json_array_elements(tidemark.table_list(token('reader'))::json -> 'tables') t, json_array_elements(t -> 'columns') c
where t ->> 'table' = 'shape' and c ->> 0 in ('f', 'g', 'h');
alter table form drop column f, drop column g, drop column h;
drop function must_give;

-- partitions that come and go with rows
create table bystander (id int primary key);
select tidemark.track('bystander');
create table ledger (shop int, id int, note text, primary key (shop, id)) partition by list (shop);
create table ledger_1 partition of ledger for values in (1);
select tidemark.track('ledger');
insert into ledger values (1, 1, 'one');
create table ledger_2 (note text, id int not null, shop int not null);
insert into ledger_2 values ('came with it', 1, 2);
alter table ledger attach partition ledger_2 for values in (2);
select check_log('ledger');
alter table ledger detach partition ledger_1;
select check_log('ledger');
insert into ledger_1 values (1, 2, 'on its own');
select check_log('ledger');
alter table ledger alter note type varchar(20) using upper(note);
select check_log('ledger');
alter table ledger drop column note, add column note varchar(20) default 'new';
select check_log('ledger');
select refusal('alter table ledger alter shop type int using shop');
select refusal('alter table ledger alter id type int using -id');
select refusal('drop table ledger_2');
select refusal('drop table ledger_2, bystander');
alter table ledger detach partition ledger_2;
drop table ledger_2;
select check_log('ledger');
drop table ledger, ledger_1, bystander;

-- a tracked table below another: what is written through that one fires no trigger of the tracked one
create table above (shop int, id int, primary key (shop, id)) partition by list (shop);
create table above_all (shop int, id int, primary key (shop, id)) partition by list (id);
create table below (shop int, id int, primary key (shop, id));
select tidemark.track('below');
select refusal('alter table above attach partition below for values in (1)');
select tidemark.untrack('below');
select tidemark.track('above');
select tidemark.track('below', "as" => 'beside');
select refusal('alter table above attach partition below for values in (1)');
select refusal('alter table above_all attach partition above for values in (7)');
drop table above, above_all, below;

-- what would make it unsyncable is refused, and the table stays as it is
select refusal('alter table form add column m money');
select refusal('alter table form drop constraint shape_pkey');
select refusal('alter table form alter c type inet using null');
select refusal('alter table form set unlogged');
select refusal('alter table form drop constraint shape_pkey, add primary key (id, z)');
select refusal('alter table form rename id to other');
select refusal('create rule r as on update to form do also nothing');
select refusal('create table heir () inherits (form)');
select refusal('create schema nursery create table heir () inherits (form)');
create table stray (like form);
select refusal('alter table stray inherit form');
select refusal('alter table form inherit stray');
create foreign data wrapper nowhere;
create server nowhere foreign data wrapper nowhere;
select refusal('create foreign table heir () inherits (form) server nowhere');
create foreign table stranger (id int not null, z text, c varchar(10), d numeric(8,3), e text) server nowhere;
select refusal('alter foreign table stranger inherit form');
drop foreign data wrapper nowhere cascade;
drop table stray;
create rule r as on update to test_device do also nothing;
drop rule r on test_device;
create table plain (id int primary key);
alter table plain add column m money;
alter table plain drop column m;
alter table form alter id type bigint;
insert into form (id, z, c) values (4, 'still', 'works');
select check_log('shape') is not null as can_be_loaded;

-- a version made in a transaction that is rolled back is made again
begin;
alter table form add column n int;
insert into form (id, z, c, n) values (5, 'lost', 'lost', 1);
rollback;
begin;
savepoint a;
alter table form add column n int;
insert into form (id, z, c, n) values (5, 'lost', 'lost', 1);
rollback to a;
insert into form (id, z, c) values (5, 'kept', 'kept');
commit;
alter table form add column n int;
insert into form (id, z, c, n) values (6, 'x', 'x', 6);
select count(*) from tidemark._change c where not exists (select from tidemark._version v where v.id = c.version);
select tidemark.sequence() > 0 as sequenced;
select * from logged('shape') where key in ('[5]', '[6]');

-- dropped
drop table form;
select count(*) from tidemark.tables where table_name = 'shape';
select * from tidemark.history('plain');
select tidemark.track('plain');
insert into plain values (1), (2);
delete from plain where id = 2;
select tidemark.sequence() > 0 as sequenced;
select operation, key, changed from tidemark.history('plain', '2');
select operation, key, changed from tidemark.history('plain');
select refusal($$select * from tidemark.history('plain', '2', '3')$$);
select refusal($$select * from tidemark.history('plain', 'x')$$);
select key from json_each(tidemark.status());
drop table plain;
