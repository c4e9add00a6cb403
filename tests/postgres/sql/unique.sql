-- unique values that the changes of a push pass on: long lists, what is logged, triggers, and what has no way
create table listed (id int primary key, place int not null unique check (place > 0), touched int not null default 0);
select tidemark.track('listed');
insert into listed select i, i from generate_series(1, 3000) i;
create function moved(first int) returns text language sql as $$
  select json_agg(json_build_array(0, 'u', json_build_array(id), json_build_array(place + 1), array[0]) order by id)::text
  from listed where id between first and 3000
$$;

-- a list moves on by one; then its end is in the way, and nothing moves; then there is a gap
set statement_timeout = '60s';
select push('u', header('listed'), moved(1)) as moved;
select tidemark.sequence() > 0 as sequenced;
select exact, (select count(*) from tidemark.log l where l.seq = c.seq) as logged, (select min(changed::text) from tidemark.log l where l.seq = c.seq) as least
from tidemark._commit c order by seq desc limit 1;
insert into listed values (3001, 3002);
select v - 'rejected' - 'push' as blocked, jsonb_array_length(v -> 'rejected') as rejected from (select push('u', header('listed'), moved(1))::jsonb as v) x;
delete from listed where id = 1500;
select v - 'rejected' - 'push' as below_the_gap, jsonb_array_length(v -> 'rejected') as rejected from (select push('u', header('listed'), moved(1))::jsonb as v) x;
select count(*), count(distinct place), min(place), max(place) from listed;
-- no other value is allowed: they go one behind the other
delete from listed where id > 3000;
update listed set place = place + 10000 where id >= 1500;
alter table listed add check (place < 20000);
select push('u', header('listed'), moved(1)) as one_by_one;
reset statement_timeout;

-- a trigger that notes each update: what it wrote is logged
delete from listed where id > 4;
alter table listed drop constraint listed_place_check1;
create function note_update() returns trigger language plpgsql as $$ begin new.touched := old.touched + 1; return new; end; $$;
create trigger note_update before update on listed for each row execute function note_update();
select tidemark.sequence() as head \gset
select push('u', header('listed'), '[[0,"u",[1],[5],[0]],[0,"u",[2],[4],[0]]]') as noted;
select * from listed order by id;
select check_log('listed');
-- one that keeps a row from the second update: then there is no first one
create function keep_third() returns trigger language plpgsql as $$ begin return case when new.id = 3 and old.place > 100000 then null else new end; end; $$;
create trigger keep_third before update on listed for each row execute function keep_third();
select push('u', header('listed'), '[[0,"u",[3],[7],[0]],[0,"u",[4],[6],[0]]]') as kept_from_it;
select id, place from listed order by id;
drop trigger keep_third on listed;
drop trigger note_update on listed;

-- values of which each is taken, and no other is allowed
create type colour as enum ('red', 'green', 'blue');
create table painted (colour colour not null unique, stock boolean, parent text, name text not null, id int primary key, sums int unique,
                      unique (parent, name), unique nulls not distinct (stock, name));
create unique index on painted (lower(name));
select tidemark.track('painted');
insert into painted values ('red', true, 'p', 'A', 1, 10), ('green', true, 'p', 'B', 2, 20);
\set painted '[{"table":"painted","key":[["id","integer"]],"columns":[["colour","text"],["stock","boolean"],["parent","text"],["name","text"],["sums","integer"]]}]'
select push('u', :'painted', '[[0,"u",[1],["green"],[0]],[0,"u",[2],["red"],[0]]]') as enums;
select push('u', :'painted', '[[0,"u",[1],["b"],[3]],[0,"u",[2],["a"],[3]]]') as by_an_expression;
select push('u', :'painted', '[[0,"u",[1],[{"add":10}],[4]],[0,"u",[2],[{"add":-10}],[4]]]') as sums;
select * from painted order by id;

-- a row is deleted and made again while others refer to it, in one table and with one that is bad
create table branch (id int primary key, parent int references branch, name text not null unique);
select tidemark.track('branch');
insert into branch values (1, null, 'root'), (2, 1, 'left'), (3, 1, 'right');
select push('u', header('branch'), '[[0,"d",[1]],[0,"i",[9],[null,"root"]],[0,"u",[2],[9],[0]],[0,"u",[3],[9],[0]],[0,"i",[10],[77,"bad"]]]') as made_again;
select * from branch order by id;
-- rows that refer to each other in a circle, one that is bad beside them, and many, the children first
select push('u', header('branch'), '[[0,"i",[20],[21,"a"]],[0,"i",[21],[22,"b"]],[0,"i",[22],[20,"c"]],[0,"i",[23],[77,"d"]]]') as circle;
select v - 'push' from (select push('u', header('branch'), (select json_agg(json_build_array(0, 'i', json_build_array(i), json_build_array(nullif(i + 1, 3000), 't' || i)))::text
                                                          from generate_series(100, 2999) i))::jsonb as v) x;
select id, parent from branch where id in (20, 21, 22, 23, 100, 2999) order by id;
select check_log('listed'), check_log('painted'), check_log('branch');

select tidemark.untrack('listed'), tidemark.untrack('painted'), tidemark.untrack('branch');
drop table listed, painted, branch;
drop type colour;
drop function moved, note_update, keep_third;
