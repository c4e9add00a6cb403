-- what a push does: accept, reject, behind, forked, repeat, echo
create table category (id int primary key, name text not null);
create table product (id int primary key, sku text unique, name text, price numeric(10,2) check (price >= 0), category int references category,
                      changed timestamptz default now());
select tidemark.track('category'), tidemark.track('product');
insert into category values (1, 'food');
insert into product values (1, 'a', 'apple', 1, 1), (2, 'b', 'bread', 2, 1), (3, 'c', 'cheese', 3, 1);
\set tables '[{"table":"product","key":[["id","integer"]],"columns":[["sku","text"],["name","text"],["price","numeric"],["category","integer"]]},{"table":"category","key":[["id","integer"]],"columns":[["name","text"]]}]'
select tidemark.sequence() as head \gset

-- children before parents in the push, and an operation of each kind
select push('a', :'tables', '[[0,"i",[4],["d","dates","4.5",2]],[1,"i",[2],["drink"]],[0,"u",[1],["9.99"],[2]],[0,"d",[3]]]');
select id, sku, name, price, category from product order by id;
select tidemark.sequence() - :head as commits;
select operation, key, changed - 'changed' as changed from logged('product', :head);
select c.push, d.name from tidemark._commit c join tidemark._device d on d.id = c.device where seq = :head + 1;

-- a repeat is answered from what is stored; the same number with another body, or a gap, is a fork
select push('a', :'tables', '[[0,"i",[5],["e","eggs","1",1]]]', :'head', 2);
select push('b', :'tables', '[[0,"u",[2],["rye"],[1]]]', number => 1) as first, push('b', :'tables', '[[0,"u",[2],["rye"],[1]]]', tidemark._head()::text, 1) as again;
select push('b', :'tables', '[[0,"u",[2],["oat"],[1]]]', number => 1);
select push('b', :'tables', '[[0,"u",[2],["oat"],[1]]]', number => 3);
select push('b', :'tables', '[[0,"u",[2],["oat"],[1]]]', number => 0);
select left(push('b', :'tables', '[]', '100000'), 5);
select left(push('b', :'tables', '[]', 'x'), 5);
-- the stored body byte by byte
select token('c') as token, format('{"push":1,"cursor":"%s","tables":%s,"changes":[[0,"u",[2],["spelt"],[1]]]}', tidemark.sequence(), :'tables') as body \gset
select tidemark.push(:'token', :'body')::jsonb - 'now' as once;
update product set name = 'untouched' where id = 2;
select tidemark.push(:'token', :'body')::jsonb - 'now' as twice;
select name from product where id = 2;

-- a push says which log it was made on; one of another log is not applied, but a push that was answered is so again
select format('{"push":%s,"cursor":"%s","epoch":"%s","tables":%s,"changes":[[0,"u",[2],["emmer"],[1]]]}', 2, tidemark.sequence(), epoch, :'tables') as body,
  format('{"push":%s,"cursor":"%s","epoch":"%s","tables":%s,"changes":[[0,"u",[2],["einkorn"],[1]]]}', 3, tidemark.sequence(), epoch, :'tables') as next from tidemark._hub \gset
select tidemark.push(:'token', :'body')::jsonb - 'now' as once;
select tidemark.new_epoch() is not null as begun_anew;
select tidemark.push(:'token', :'body')::jsonb - 'now' as twice;
select refusal(format('select tidemark.push(%L, %L)', :'token', :'next')) as of_another_log;
select name from product where id = 2;

-- rejects: the others go in
select push('a', :'tables', '[[0,"i",[10],["j","jam","1",1]],[0,"i",[11],["j","jelly","1",1]],[0,"i",[12],["k","kiwi","-1",1]],[0,"i",[13],["l","leek","1",99]],
   [1,"i",[3],[null]],[0,"u",[10000],["x"],[1]]]', tidemark.sequence()::text);
select push('a', :'tables', '[[0,"i",[10],["j","jam","1",1]],[0,"i",[11],["j","jelly","1",1]],[0,"i",[12],["k","kiwi","-1",1]],[0,"i",[13],["l","leek","1",99]],
   [1,"i",[3],[null]],[1,"d",[1]]]');
select id from product order by id;
select push('a', '[{"table":"nothing","key":[["id","integer"]],"columns":[]},{"table":"product","key":[["id","integer"]],"columns":[["colour","text"],["name","text"]]},
   {"table":"product","key":[["sku","text"]],"columns":[["name","text"]]}]', '[[0,"d",[1]],[1,"u",[1],["red"],[0]],[1,"u",[1],["Apfel"],[1]],[2,"u",["a"],["x"],[0]]]');
select name from product where id = 1;

-- everything rejected is a commit too, which the device waits for
select push('a', :'tables', '[[0,"i",[12],["k","kiwi","-1",1]]]');
select push('a', :'tables', '[]');
select tidemark.sequence() as head \gset
select push, (select count(*) from tidemark._change h where h.tx = c.tx) as changes from tidemark._commit c order by seq desc limit 2;

-- one bad row among many
select push('a', :'tables', (select json_agg(json_build_array(0, 'i', json_build_array(1000 + i), json_build_array('s' || i, 'n', case when i = 777 then '-1' else '1' end, 1)))::text
                             from generate_series(1, 2000) i));
select count(*) from product where id > 1000;
delete from product where id > 1000;

-- unique values that are swapped, and taken over from a row that goes
select push('a', :'tables', '[[0,"i",[20],["b","taken over","1",1]],[0,"d",[2]]]');
select id, sku from product where sku = 'b';

-- behind: the same column of the same row, a delete by either side, an insert of the same key, a missing row
select tidemark.sequence() as head \gset
update product set name = 'by head office' where id = 1;
select push('a', :'tables', '[[0,"u",[1],["mine"],[1]]]', :'head') as same_column;
select push('a', :'tables', '[[0,"u",[1],["7.77"],[2]]]', :'head') as other_column;
select push('a', :'tables', '[[0,"u",[1],["8.88"],[2]]]', :'head') as after_its_own_unread_push;
select push('a', :'tables', '[[0,"d",[1]]]', :'head') as delete_of_changed;
delete from product where id = 4;
select push('a', :'tables', '[[0,"u",[4],["mine"],[1]]]', :'head') as update_of_deleted;
select push('a', :'tables', '[[0,"u",[4],["mine"],[1]]]') as update_of_long_gone;
select push('a', :'tables', '[[0,"d",[4]]]') as delete_of_long_gone;
insert into product values (30, 'z', 'zest');
select push('a', :'tables', '[[0,"i",[30],["zz","mine","1",1]]]', :'head') as insert_of_inserted;
select push('a', :'tables', '[[0,"u",[1],["behind"],[1]],[0,"i",[31],["y","yam","1",1]]]', :'head') as nothing_is_done;
select id, name from product where id in (1, 31);
-- before it is sequenced
update product set name = 'unsequenced' where id = 1;
select tidemark.push(token('a'), format('{"push":%s,"cursor":"%s","tables":%s,"changes":[[0,"u",[1],["mine"],[1]]]}',
  (tidemark.device_status(token('a'))::json ->> 'push')::int + 1, tidemark._head(), :'tables'));

-- keys that are not written as the hub writes them
create table keyed (a uuid, b numeric(10,1), c char(3), d timestamptz, v text, primary key (a, b, c, d));
select tidemark.track('keyed');
\set keyed '[{"table":"keyed","key":[["a","uuid"],["b","numeric"],["c","text"],["d","timestamptz"]],"columns":[["v","text"]]}]'
select jsonb_pretty(push('a', :'keyed', '[
  [0,"i",["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11","1.5","abc","2026-01-01 00:00:00.000000+00"],["upper case"]],
  [0,"i",["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","1.50","abc","2026-01-01 00:00:00.000000+00"],["scale"]],
  [0,"i",["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","1.5","a","2026-01-01 00:00:00.000000+00"],["not padded"]],
  [0,"i",["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","1.5","abc","2026-01-01T00:00:00Z"],["another form"]],
  [0,"i",["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",1.5,"abc","2026-01-01 00:00:00.000000+00"],["a number"]],
  [0,"i",["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","1.5","abc","2026-01-01 00:00:00.000000+00"],["as it is"]]]')::jsonb);
create table loose (a numeric primary key, v text);
insert into loose values (1.5, 'hub');
select tidemark.track('loose');
select push('a', '[{"table":"loose","key":[["a","numeric"]],"columns":[["v","text"]]}]', '[[0,"u",["1.50"],["equal, but written otherwise"],[0]],[0,"i",["1.500"],["so is this"]],[0,"i",["2.50"],["new"]],[0,"d",["1.5000"]]]');
select * from loose order by a;

-- echoes: what the hub made of the row reaches the device, and only that
create table echo (id int primary key, a text, b numeric(10,2), c text default 'filled', d int);
select tidemark.track('echo');
create function meddle() returns trigger language plpgsql as $$
begin
  if new.a = 'suppress' then return null; end if;
  if new.a = 'keep' then new.a := coalesce(old.a, 'none'); end if;
  if new.a = 'upper' then new.a := 'UPPER'; end if;
  return new;
end;
$$;
insert into echo values (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (4, 'four', 4), (5, 'five', 5);
select tidemark.sequence() as head \gset
\set echo '[{"table":"echo","key":[["id","integer"]],"columns":[["a","text"],["b","numeric"],["c","text"]]}]'
select push('e', :'echo', '[[0,"u",[1],["1.5"],[1]],[0,"u",[2],["2.0"],[1]],[0,"i",[10],["ten",10],[0,1]],[0,"i",[3],["drei","3.00"],[0,1]],[0,"u",[4],["4.00"],[1]]]');
select tidemark.sequence() > 0 as sequenced;
select * from logged('echo', :head);
create trigger meddle before insert or update on echo for each row execute function meddle();
select tidemark.sequence() as head \gset
select push('e', :'echo', '[[0,"u",[1],["keep"],[0]],[0,"u",[2],["suppress"],[0]],[0,"u",[3],["upper"],[0]],[0,"i",[20],["suppress","1"],[0,1]],[0,"i",[21],["keep","1.00"],[0,1]],[0,"u",[4],["vier"],[0]]]');
select tidemark.sequence() > 0 as sequenced;
select * from logged('echo', :head);
drop trigger meddle on echo;
create function keep_rows() returns trigger language plpgsql as $$ begin return null; end; $$;
create trigger keep_rows before delete on echo for each row execute function keep_rows();
select tidemark.sequence() as head \gset
select push('e', :'echo', '[[0,"d",[5]]]');
select tidemark.sequence() > 0 as sequenced;
select * from logged('echo', :head);
drop trigger keep_rows on echo;
create function mark_rows() returns trigger language plpgsql as $$ begin update echo set a = 'gone' where id = old.id; return null; end; $$;
create trigger mark_rows before delete on echo for each row execute function mark_rows();
select tidemark.sequence() as head \gset
select push('e', :'echo', '[[0,"d",[5]]]');
select tidemark.sequence() > 0 as sequenced;
select * from logged('echo', :head);
drop trigger mark_rows on echo;
select check_log('echo'), check_log('product'), check_log('category'), check_log('keyed');

-- users' triggers find their own tables, and run as the table's owner
create table audit (who name, id int);
create function note_who() returns trigger language plpgsql as $$ begin insert into audit values (current_user, new.id); return new; end; $$;
create role shop_owner;
create table owned (id int primary key, v text);
create trigger note_who before insert on owned for each row execute function note_who();
alter table owned owner to shop_owner;
grant all on audit to shop_owner;
select tidemark.track('owned');
select push('e', '[{"table":"owned","key":[["id","integer"]],"columns":[["v","text"]]}]', '[[0,"i",[1],["v"]]]');
select * from audit;
-- a trigger that says no
create function say_no() returns trigger language plpgsql as $$ begin raise exception 'not on Sundays' using hint = 'Come back on Monday.'; end; $$;
create trigger say_no before update on owned for each row execute function say_no();
select push('e', '[{"table":"owned","key":[["id","integer"]],"columns":[["v","text"]]}]', '[[0,"u",[1],["w"],[0]],[0,"i",[2],["w"]]]');
drop table owned, audit;
drop role shop_owner;

-- deferred constraints, of which only the whole tells
create table hen (id int primary key, egg int);
create table egg (id int primary key, hen int references hen deferrable initially deferred);
alter table hen add foreign key (egg) references egg deferrable initially deferred;
select tidemark.track('hen'), tidemark.track('egg');
\set hens '[{"table":"hen","key":[["id","integer"]],"columns":[["egg","integer"]]},{"table":"egg","key":[["id","integer"]],"columns":[["hen","integer"]]}]'
select push('e', :'hens', '[[0,"i",[1],[1]],[1,"i",[1],[1]]]');
select push('e', :'hens', '[[0,"i",[2],[null]],[1,"i",[2],[2]],[0,"i",[3],[99]]]');
select * from hen order by 1;

-- only the hub inserts; times from the future are cut; a push is one transaction and needs to see the present
create table numbered (id serial primary key, v text);
select tidemark.track('numbered', keys => 'hub');
insert into numbered (v) values ('one');
select push('e', '[{"table":"numbered","key":[["id","integer"]],"columns":[["v","text"]]}]', '[[0,"i",[7],["x"]],[0,"u",[1],["eins"],[0],1000]]');
select push('e', '[{"table":"numbered","key":[["id","integer"]],"columns":[["v","text"]]}]', '[[0,"u",[1],["uno"],[0],99999999999999]]');
select tidemark.sequence() > 0 as sequenced;
select changed, changed_at = to_timestamp(1) as as_it_said, changed_at <= now() as not_in_the_future from tidemark.log where table_name = 'numbered' order by seq, n;
begin isolation level repeatable read;
select tidemark.push(token('e'), '{}');
rollback;

-- who has a push in the very form of the log is not told it again: only that device, only that push, and only if
-- nothing was altered, filled in or written by a trigger, be it at the commit; what was refused is not in the log
create table sent (id int primary key, a numeric, b text, c int default 7);
create table side (id int primary key);
select tidemark.track('sent'), tidemark.track('side');
create function told(device text, have bigint) returns text language plpgsql as $$
begin
  perform tidemark.sequence();
  return (select string_agg((c ->> 2 is not null) || ' ' || jsonb_array_length(c -> 4), ', ' order by i)
    from jsonb_array_elements(tidemark.pull(token(device), (tidemark._head() - 1)::text, 100000, have)::jsonb -> 'commits') with ordinality e (c, i));
end
$$;
create function pushed(changes text) returns text language sql as $$
  select push('x', '[{"table":"sent","key":[["id","integer"]],"columns":[["a","numeric"],["b","text"],["c","integer"]]}]', changes)
$$;
select pushed('[[0,"i",[1],["1.5","x",1]],[0,"i",[2],["2.5","y",2]]]');
select told('x', 1) as known, told('x', 0) as not_said, told('x', 2) as another_push, told('e', 1) as another_device;
select pushed('[[0,"u",[1],["9",8],[0,2]],[0,"d",[2]]]');
select told('x', 2) as update_and_delete;
select pushed('[[0,"i",[3],["1","z"],[0,1]]]');
select told('x', 3) as filled_in;
select pushed('[[0,"u",[3],["01.0"],[0]]]');
select told('x', 4) as another_form;
select pushed('[[0,"u",[3],["2"],[0]],[0,"u",[1],["many"],[2]]]');
select told('x', 5) as the_rest_was_refused;
create function aside() returns trigger language plpgsql as $$ begin insert into side values (new.a) on conflict do nothing; return null; end $$;
create constraint trigger late after update on sent deferrable initially deferred for each row execute function aside();
select pushed('[[0,"u",[3],["77"],[0]]]');
select told('x', 6) as told_at_the_commit;
drop trigger late on sent;
create trigger early after update on sent for each row execute function aside();
select pushed('[[0,"u",[3],["78"],[0]]]');
select told('x', 7) as told_by_a_trigger;
drop table sent, side cascade;
drop function told, pushed, aside;

-- bodies that are none
select b, refusal(format('select tidemark.push(%L, %L)', token('m'), b))
from unnest(array['', '[]', '{"push":1}', '{"push":1,"cursor":"0","epoch":1}', '{"push":1,"cursor":"0"}', '{"push":1,"cursor":"0","tables":[],"changes":[[0,"i",[1]]]}',
  '{"push":1,"cursor":"0","tables":[{"table":"product","key":[["id","integer"]],"columns":[]}],"changes":[[0,"x",[1]]]}',
  '{"push":1,"cursor":"0","tables":[{"table":"product","key":[["id","integer"]],"columns":[]}],"changes":[[0,"d",[1]],[0,"d",[1]]]}',
  '{"push":1,"cursor":"0","tables":[{"table":"product","key":[["id","integer"]],"columns":[]}],"changes":[[0,"d",[[1]]]]}',
  '[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]']) b;
select tidemark.device_status(token('m'))::json ->> 'push' as pushes;
drop table product, category, keyed, loose, echo, hen, egg, numbered cascade;
