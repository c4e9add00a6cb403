-- What a person looks at.

create view tidemark.tables as
select t.name as table_name, t.relid, t.keys, t.deletes,
       (select p.policy from tidemark._policy p where p.table_id = t.id and p.column_name = '') as policy,
       (select jsonb_object_agg(p.column_name, p.policy)
        from tidemark._policy p where p.table_id = t.id and p.column_name <> '') as column_policies
from tidemark._table t
where t.relid is not null;
comment on view tidemark.tables is 'the tracked tables, their names on devices, and how their changes are reconciled';

create view tidemark.devices as
select d.id, d.user_name, d.name, d.enrolled_at, d.revoked_at, d.seen_at, d.cursor,
       tidemark_head.seq - split_part(d.cursor, '.', 1)::bigint as unread, d.push as pushes
from tidemark._device d
cross join (select coalesce(max(seq), 0) as seq from tidemark._commit) tidemark_head;
comment on view tidemark.devices is 'the enrolled devices, when they were last here and how far they have read';

create view tidemark.rejects as
select r.rejected_at, d.user_name, r.device, d.name as device_name, r.push, r.table_name, r.key::jsonb as key,
       r.sqlstate, r.message, r.hint, r.column_name
from tidemark._reject r
join tidemark._device d on d.id = r.device
where d.revoked_at is null;
comment on view tidemark.rejects is
  'changes of devices that the hub has refused; each is listed until its device sends the row again, or is revoked';

create view tidemark.log as
select c.seq, h.n, c.taken_at as committed_at, to_timestamp(h.at / 1000.0) as changed_at, d.user_name, c.device,
       d.name as device_name, c.push, t.name as table_name,
       case h.op when 'i' then 'insert' when 'u' then 'update' else 'delete' end as operation,
       h.key::jsonb as key,
       (select jsonb_object_agg(v.description::json -> 'columns' -> coalesce(p.place, (e.i - 1)::int) ->> 0, e.value)
        from jsonb_array_elements(h.vals::jsonb) with ordinality as e (value, i)
        left join lateral (select (h.cols::json ->> (e.i - 1)::int)::int) as p (place) on true) as changed
from tidemark._commit c
join tidemark._change h on h.tx = c.tx
join tidemark._version v on v.id = h.version
join tidemark._table t on t.id = v.table_id
left join tidemark._device d on d.id = c.device;
comment on view tidemark.log is 'the log as an audit trail: one row for each change';

create function tidemark.history(target regclass, variadic row_key text[] default '{}')
returns table (seq bigint, committed_at timestamptz, changed_at timestamptz, user_name text, device_name text,
               operation text, key jsonb, changed jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  tracked tidemark._table;
  wanted  text := case when row_key <> '{}' then tidemark._key(target, row_key) end;
begin
  select * into tracked from tidemark._table t where t.relid = target;
  if tracked is null then
    raise exception 'table % is not tracked', target
      using errcode = 'undefined_object', hint = format('Run tidemark.track(%L) first.', target);
  end if;
  return query
    select l.seq, l.committed_at, l.changed_at, l.user_name, l.device_name, l.operation, l.key, l.changed
    from tidemark.log l
    where l.table_name = tracked.name and (wanted is null or l.key = wanted::jsonb)
    order by l.seq, l.n;
end;
$$;
comment on function tidemark.history(regclass, text[]) is
  'what happened to a row of a tracked table, or to all: tidemark.history(''prices'', ''de'', ''42'')';

create function tidemark.status() returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object(
    'version', tidemark.version(),
    'epoch', (select epoch from tidemark._hub),
    'head', tidemark._head(),
    'tables', (select count(*) from tidemark._table where relid is not null),
    'inbox', (select count(distinct tx) from tidemark._inbox),
    'users', (select count(*) from tidemark._user),
    'devices', (select count(*) from tidemark._device where revoked_at is null),
    'revoked_devices', (select count(*) from tidemark._device where revoked_at is not null),
    'oldest_writer', (
      select json_build_object('pid', a.pid, 'user', a.usename, 'since', a.xact_start, 'state', a.state)
      from pg_locks l
      join pg_stat_activity a on a.pid = l.pid
      where l.relation = 'tidemark._change'::regclass and l.mode = 'RowExclusiveLock'
        and l.database = (select oid from pg_database where datname = current_database()) and a.pid <> pg_backend_pid()
      order by a.xact_start
      limit 1))
$$;
comment on function tidemark.status() is 'the hub''s standing: head of the log, devices, the oldest transaction that has logged and not committed';
