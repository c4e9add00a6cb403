-- the extension goes, with its triggers, and can come again
create table stays (id int primary key);
select tidemark.track('stays');
begin;
insert into stays values (1);
drop extension tidemark;
commit;
insert into stays values (2);
select count(*) from pg_trigger where tgrelid = 'stays'::regclass;
select count(*) from pg_event_trigger where evtname like 'tidemark%';
create extension tidemark;
select tidemark.track('stays');
insert into stays values (3);
select tidemark.sequence();
select operation, key from tidemark.log;
drop table stays;
