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
select refusal('drop table ledger_2');
alter table ledger detach partition ledger_2;
drop table ledger_2;
select check_log('ledger');
drop table ledger, ledger_1;

-- what would make it unsyncable is refused, and the table stays as it is
select refusal('alter table form add column m money');
select refusal('alter table form drop constraint shape_pkey');
select refusal('alter table form alter c type inet using null');
select refusal('alter table form set unlogged');
select refusal('alter table form drop constraint shape_pkey, add primary key (id, z)');
select refusal('alter table form rename id to other');
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
