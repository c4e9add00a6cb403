-- every type there and back: encoded, pushed to an empty table as it was encoded, and compared
create type mood as enum ('sad', 'it''s "ok"', 'happy');
create domain percent as numeric(5,2) check (value between 0 and 100);
create table value (
  id int primary key, a smallint, b integer, c bigint, d real, e double precision, f numeric, g numeric(10,2), h text,
  i varchar(20), j char(5), k bytea, l boolean, m uuid, n date, o time, p timestamp, q timestamptz, r interval,
  s json, t jsonb, u mood, v int[], w percent, x timestamptz[], y text[], z name, aa double precision[], ab bytea[], ac percent[]);
create table value_back (like value including all);
select tidemark.track('value'), tidemark.track('value_back');
insert into value values
  (1, -32768, -2147483648, -9223372036854775808, 0.1, 0.1, 1e40, 12.5, 'Käse 奶酪 🧀 جبن', 'a', 'ab', '\x00ff', true,
   'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '0044-03-15 BC', '24:00', '0044-03-15 12:00:00.1 BC', '0044-03-15 12:00:00 BC',
   '1 year 2 mons -3 days 04:05:06.789', '{"a":  1, "a": 2}', '{"a":  1, "b": [1.50]}', 'it''s "ok"', '{1,NULL,3}', 99.9,
   '{2026-01-01 12:00+02,infinity}', array['', 'NULL', null, 'a"b\c,{}'], 'n', '{0.1,NaN,-Infinity}', array['\x00'::bytea], '{1,2.5}'),
  (2, 32767, 2147483647, 9223372036854775807, 'NaN', 'NaN', 'NaN', -0.00, '', '', '', '', false,
   '00000000-0000-0000-0000-000000000000', 'infinity', '00:00:00.000001', 'infinity', 'infinity', '-178000000 years', 'null',
   'null', 'sad', '{}', 0, '{}', '{}', '', '{}', '{}', '{}'),
  (3, 0, 0, 0, 'Infinity', 'Infinity', 'Infinity', null, E'\x01\x1f\t\n\r\b\f"\\/\x7f', null, null, null, null, null, '-infinity', null,
   '-infinity', '-infinity', '00:00', '"\u0041"', '"\u0041"', 'happy', '{{1,2},{3,4}}', 100, null, '{{a},{b}}', null, null, null, null),
  (4, null, null, null, '-Infinity', '-Infinity', '-Infinity', 99999999.99, repeat('ü', 5000), 'x  ', 'x', decode(repeat('00ff7f80', 1000), 'hex'),
   true, null, '5874897-12-31', '23:59:59.999999', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '-00:00:00.000001',
   '[]', '{}', null, '[5:6]={1,2}', null, null, null, null, null, null, null),
  (5, 1, 1, 1, '-0', '-0', 0.000000000000000000001000, 0, 'a', 'a', 'a', 'a', true, null, '0001-01-01', '12:00', '0001-01-01', '0001-01-01 00:00+00',
   '1 mon -1 day', '1', '1', 'sad', '{1}', 1, null, null, null, null, null, null),
  (6, 1, 1, 1, '1.17549435e-38', '2.2250738585072014e-308', 12345678901234567890123456789.123456789, 1, 'a', 'a', 'a', 'a', true, null, '2000-01-01', '12:00',
   '2000-01-01', '2000-01-01 00:00+00', '-1 year -2 mons +3 days -04:05:06', '1', '1', 'sad', '{1}', 1, null, null, null, null, null, null),
  (7, 1, 1, 1, '1.4e-45', '4.9e-324', 1.10, 1, 'a', 'a', 'a', 'a', true, null, '2000-01-01', '12:00', '2000-01-01', '2000-01-01 00:00+00', '1 day',
   '1', '1', 'sad', '{1}', 1, null, null, null, null, null, null),
  (8, 1, 1, 1, '3.4028235e38', '1.7976931348623157e308', 1, 1, 'a', 'a', 'a', 'a', true, null, '2000-01-01', '12:00', '2000-01-01', '2000-01-01 00:00+00', '1 day',
   '1', '1', 'sad', '{1}', 1, null, null, null, null, null, null),
  (9, 1, 1, 1, '16777216', '1e15', 1, 1, 'a', 'a', 'a', 'a', true, null, '2000-01-01', '12:00', '2000-01-01', '2000-01-01 00:00+00', '1 day',
   '1', '1', 'sad', '{1}', 1, null, null, null, null, null, null),
  (10, 1, 1, 1, '1e15', '123456789012345680', 1, 1, 'a', 'a', 'a', 'a', true, null, '2000-01-01', '12:00', '2000-01-01', '2000-01-01 00:00+00', '1 day',
   '1', '1', 'sad', '{1}', 1, null, null, null, null, null, null);
select tidemark.sequence() > 0 as sequenced;

select key, name, value
from tidemark.log l, jsonb_each_text(l.changed) as e (name, value)
where l.table_name = 'value' and length(value) < 200 and (key in ('[1]', '[2]', '[3]', '[5]') or name in ('d', 'e', 'f', 'r'))
order by key, length(name), name;

-- the session's settings have no say
select token('values') is not null as enrolled;
set datestyle = 'sql, dmy';
set timezone = 'Asia/Kathmandu';
set intervalstyle = 'sql_standard';
set bytea_output = 'escape';
set extra_float_digits = -10;
select tidemark.rows(token('values'), 'value')::jsonb -> 'changes' as settings_a \gset
reset datestyle; reset timezone; reset intervalstyle; reset bytea_output; reset extra_float_digits;
select tidemark.rows(token('values'), 'value')::jsonb -> 'changes' as settings_b \gset
select :'settings_a' = :'settings_b' as same;
select check_log('value');

create function push_back() returns text language sql as $$
  select push('values', replace((page -> 'tables')::text, '"value"', '"value_back"'), (page -> 'changes')::text)
  from (select tidemark.rows((select token from test_device where name = 'values'), 'value')::json as page) p
$$;
select push_back();
select count(*) from value one join value_back other on one *= other;
-- what went in as it came out needs no echo: ten inserts and nothing else
select tidemark.sequence() > 0 as sequenced;
select operation, count(*) from logged('value_back') group by 1;

-- U+0000, a blob for text, and values that the types refuse, each named
select push('values', '[{"table":"value_back","key":[["id","integer"]],"columns":[["h","text"],["b","integer"],["w","numeric"],["u","enum"],["q","timestamptz"],["i","text"]]}]',
  '[[0,"i",[100],["a\u0000b"],[0]],[0,"i",[101],[{"blob":"AAEC"}],[0]],[0,"i",[102],["x"],[1]],[0,"i",[103],[101],[2]],[0,"i",[104],["glad"],[3]],
    [0,"i",[105],["yesterday noon"],[4]],[0,"i",[106],["a text that is far too long"],[5]],[0,"i",[107],[3000000000],[1]],[0,"i",[108],["fine"],[0]],[0,"i",[null],[1],[1]]]');
drop table value, value_back;
