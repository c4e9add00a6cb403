-- every way of writing ends in the log, and the log replayed is the table
create table item (
  shop int, code text, name text default 'new', price numeric(8,2), size double precision, note text,
  doubled numeric generated always as (price * 2) stored,
  primary key (shop, code));
select tidemark.track('item');
insert into item (shop, code, price, size) values (1, 'a', 1, 0.5), (1, 'b', 2.5, 0.0);
update item set price = price + 1;
update item set name = name;                      -- nothing changed, nothing logged
update item set size = '-0' where code = 'b';     -- not the same number to a device
update item set size = '-0' where code = 'b';
delete from item where code = 'a';
select tidemark.sequence() > 0 as sequenced;
select * from logged('item');

copy item (shop, code, name) from stdin;
2	x	from copy
2	y	\N
\.
insert into item (shop, code, name) values (2, 'x', 'upserted'), (2, 'z', 'inserted')
  on conflict (shop, code) do update set name = excluded.name;
insert into item (shop, code) values (2, 'z') on conflict do nothing;
merge into item using (values (2, 'x', 'merged'), (2, 'y', null), (3, 'n', 'fresh')) as s (shop, code, name)
  on item.shop = s.shop and item.code = s.code
  when matched and s.name is null then delete
  when matched then update set name = s.name
  when not matched then insert (shop, code, name) values (s.shop, s.code, s.name);
select check_log('item');

-- a changed key is a delete and an insert, in chains as well
create table chain (n int primary key, v text);
select tidemark.track('chain');
insert into chain select i, 'v' || i from generate_series(1, 4) i;
update chain set n = n - 1;
update chain set n = case n when 0 then 10 else n end, v = v || '!';
select tidemark.sequence() > 0 as sequenced;
select * from logged('chain');
select check_log('chain');

-- one MERGE that deletes a key and inserts it again
merge into chain using (values (1, true), (1, false)) as s (n, old) on chain.n = s.n and s.old
  when matched then delete
  when not matched then insert values (s.n, 'again');
select * from chain order by n;
select check_log('chain');
with gone as (delete from chain where n = 2 returning *) insert into chain select n, 'moved' from gone;
select check_log('chain');

-- savepoints: what is rolled back is not in the log, what follows is
begin;
insert into chain values (100, 'kept');
savepoint a;
insert into chain values (101, 'lost');
savepoint b;
update chain set v = 'lost' where n = 100;
rollback to b;
rollback to a;
update chain set v = 'kept too' where n = 100;
commit;
begin;
savepoint a;
insert into chain values (102, 'lost');
rollback to a;
commit;
do $$
begin
  begin
    insert into chain values (103, 'lost');
    raise exception 'undo';
  exception when raise_exception then
    insert into chain values (104, 'kept');
  end;
end;
$$;
select check_log('chain');
select count(*) from tidemark._commit c where not exists (select from tidemark._change h where h.tx = c.tx) and device is null;

-- a transaction that is prepared is in the log when it is committed, in its place
begin;
insert into chain values (200, 'prepared');
prepare transaction 'tidemark_test';
insert into chain values (201, 'before');
select check_log('chain') like '%200%';
commit prepared 'tidemark_test';
select check_log('chain');

-- truncate logs its deletes, by foreign keys too
create table leaf_of_chain (id int primary key, n int references chain);
select tidemark.track('leaf_of_chain');
insert into leaf_of_chain values (1, 200);
truncate chain cascade;
select check_log('chain'), check_log('leaf_of_chain');
select count(*) from logged('leaf_of_chain') where operation = 'delete';

-- foreign keys that cascade, also within one table
create table tree (id int primary key, parent int references tree on delete cascade on update cascade, v text);
select tidemark.track('tree');
insert into tree values (1, null), (2, 1), (3, 2), (4, null);
update tree set id = 10 where id = 1;
select check_log('tree');
delete from tree where id = 10;
select * from tree;
select check_log('tree');

-- triggers that write to the same rows, before and after their own statement is logged
create table busy (id int primary key, v int, touched int default 0);
select tidemark.track('busy');
create function touch() returns trigger language plpgsql as $$
begin
  update busy set touched = touched + 1 where id = new.id or id = 1;
  return null;
end;
$$;
create trigger touch after insert or update of v on busy for each row execute function touch();
insert into busy (id, v) values (1, 1), (2, 2);
update busy set v = v + 1;
select * from busy order by id;
select check_log('busy');
create function replace() returns trigger language plpgsql as $$
begin
  delete from busy where id = new.id;
  return new;
end;
$$;
create trigger replace before insert on busy for each row execute function replace();
insert into busy (id, v) values (2, 20), (3, 30);
select * from busy order by id;
select check_log('busy');

-- a client that says its triggers are off is captured all the same
set session_replication_role = replica;
insert into busy values (9, 9);
reset session_replication_role;
select check_log('busy');

-- a row too large for a page, and one that is only moved
create table wide (id int primary key, a text, b text);
select tidemark.track('wide');
alter table wide alter a set storage external;
insert into wide values (1, repeat('x', 20000), 'b');
update wide set b = 'c';
update wide set a = a || '';
update wide set id = 2;
delete from wide;
select tidemark.sequence() > 0 as sequenced;
select operation, key, length(changed ->> 'a') as a, changed ->> 'b' as b from logged('wide');

-- many rows in one statement
create table many (id int primary key, v text);
select tidemark.track('many');
insert into many select i, repeat('v', 50) from generate_series(1, 20000) i;
update many set v = 'w' where id % 2 = 0;
delete from many where id % 3 = 0;
select check_log('many');

-- whoever writes needs no right to the log
create role clerk;
grant select, insert, update, delete, truncate on chain to clerk;
set role clerk;
insert into chain values (1, 'by a clerk');
delete from chain;
reset role;
select check_log('chain');
revoke all on chain from clerk;
drop role clerk;
drop table item, leaf_of_chain, chain, tree, busy, wide, many;
