-- What the other files stand on: the extension, a user, and three helpers.
\set ECHO none
set client_min_messages = warning;
create extension tidemark;
select tidemark.create_user('test', 'secret');
select tidemark.grant('test');

-- What a statement is refused with: SQLSTATE, message, hint.
create function refusal(statement text) returns text language plpgsql as $$
declare
  message text;
  hint    text;
begin
  execute statement;
  return 'not refused';
exception when others then
  get stacked diagnostics message = message_text, hint = pg_exception_hint;
  return format('%s: %s%s', sqlstate, message, coalesce(E'\n  ' || nullif(hint, ''), ''));
end;
$$;

create table test_device (name text primary key, token text not null);
create function token(device text) returns text language plpgsql as $$
begin
  insert into test_device values (device, tidemark.enrol('test', 'secret', device)::json ->> 'token')
  on conflict do nothing;
  return (select t.token from test_device t where t.name = device);
end;
$$;

-- The log of one table, as text that is the same every time.
create function logged(table_name text, after bigint default 0) returns table (operation text, key jsonb, changed jsonb)
language sql as $$
  select operation, key, changed from tidemark.log l
  where l.table_name = logged.table_name and l.seq > after order by seq, n
$$;

-- Replays a table's log and compares with the table as a device loads it, page by page.
create function check_log(wire_name text) returns text language plpgsql as $$
declare
  change   record;
  page     jsonb;
  place    text;
  columns  text[];
  problems text;
  token    text := token('checker');
begin
  perform tidemark.sequence();
  create temp table replayed (key jsonb primary key, content jsonb);
  create temp table loaded (key jsonb primary key, content jsonb);
  for change in select * from tidemark.log l where l.table_name = wire_name order by l.seq, l.n loop
    case change.operation
      when 'insert' then
        insert into replayed values (change.key, coalesce(change.changed, '{}'))
        on conflict (key) do update set content = excluded.content;
      when 'update' then
        update replayed set content = content || change.changed where key = change.key;
        if not found then
          problems := concat_ws(', ', problems, 'update of a missing row ' || change.key::text);
        end if;
      else
        delete from replayed where key = change.key;
    end case;
  end loop;
  loop
    page := tidemark.rows(token, wire_name, place, 1000)::jsonb;
    select array_agg(c ->> 0 order by i) into columns
    from jsonb_array_elements(page -> 'tables' -> 0 -> 'columns') with ordinality as e (c, i);
    insert into loaded
    select c -> 2, coalesce((select jsonb_object_agg(columns[i], v) from jsonb_array_elements(c -> 3) with ordinality as e (v, i)), '{}')
    from jsonb_array_elements(page -> 'changes') c;
    place := page ->> 'after';
    exit when place is null;
  end loop;
  select concat_ws(', ', problems, string_agg(format('%s: log %s, table %s', key, r.content, l.content), ', ' order by key))
  into problems
  from replayed r full join loaded l using (key)
  where r.content is distinct from l.content;
  drop table replayed, loaded;
  return coalesce(nullif(problems, ''), 'equal');
end;
$$;

-- Pushes; an error comes back as text. `number`: the one after the device's last by default.
create function push(device text, tables text, changes text, "cursor" text default null, number bigint default null)
returns text language plpgsql as $$
declare
  message text;
  token   text := token(device);
  verdict jsonb;
begin
  perform tidemark.sequence();
  verdict := tidemark.push(token, format('{"push":%s,"cursor":"%s","tables":%s,"changes":%s}',
    coalesce(number, (tidemark.device_status(token)::json ->> 'push')::bigint + 1),
    coalesce("cursor", tidemark.device_status(token)::json ->> 'head'), tables, changes));
  return verdict - 'now';
exception when others then
  get stacked diagnostics message = message_text;
  return sqlstate || ': ' || message;
end;
$$;

-- The "tables" of a body with one table.
create function header(wire_name text) returns text language sql as $$
  select format('[%s]', v.description)
  from tidemark._version v join tidemark._table t on t.id = v.table_id
  where t.name = wire_name and t.relid is not null order by v.id desc limit 1
$$;

-- Like push, for the isolation tests: with the cursor given, and nothing sequenced.
create function send(device text, wire_name text, "cursor" bigint, changes text, epoch uuid default null) returns text language plpgsql as $$
declare
  message text;
  token   text := token(device);
begin
  return tidemark.push(token, format('{"push":%s,"cursor":"%s"%s,"tables":%s,"changes":%s}',
    (tidemark.device_status(token)::json ->> 'push')::bigint + 1, "cursor", ',"epoch":"' || epoch || '"', header(wire_name), changes))::jsonb - 'now' - 'push';
exception when others then
  get stacked diagnostics message = message_text;
  return sqlstate || ': ' || message;
end;
$$;
