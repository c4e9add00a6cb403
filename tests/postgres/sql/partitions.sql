-- partitioned tables: written through the root or a partition, in whatever column order
create table sale (shop int, id int, amount numeric, note text, primary key (shop, id)) partition by list (shop);
create table sale_1 partition of sale for values in (1);
create table sale_2 (note text, gone int, amount numeric, id int not null, shop int not null);
alter table sale_2 drop column gone;
alter table sale attach partition sale_2 for values in (2);
select tidemark.track('sale');
insert into sale values (1, 1, 10, 'root'), (2, 1, 20, 'root');
insert into sale_1 values (1, 2, 11, 'leaf');
insert into sale_2 (shop, id, amount, note) values (2, 2, 22, 'leaf');
update sale set amount = amount + 1;
update sale_2 set note = 'odd columns';
select check_log('sale');

-- a row that moves to another partition, alone and among others
update sale set shop = 2, id = 10 where shop = 1 and id = 1;
update sale set shop = 3 - shop, id = id + 100;
select * from sale order by shop, id;
select check_log('sale');

-- partitions that come later, and a level more
create table sale_3 partition of sale for values in (3, 4) partition by list (shop);
create table sale_3_3 partition of sale_3 for values in (3);
create table sale_4 (like sale including all);
alter table sale_3 attach partition sale_4 for values in (4);
insert into sale values (3, 1, 1, 'deep'), (4, 1, 1, 'deep');
insert into sale_3_3 values (3, 2, 1, 'deep leaf');
insert into sale_3 values (4, 2, 1, 'middle');
update sale_4 set note = 'attached';
select check_log('sale');
truncate sale_3;
select check_log('sale');
truncate sale;
select check_log('sale');
select count(*) from sale;
drop table sale;
