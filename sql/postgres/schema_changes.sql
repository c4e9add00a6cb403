-- What happens when the definition of a tracked table changes.

-- The tables that hold a tracked table's rows: itself or its partitions.
create function tidemark._leaves(target regclass) returns setof regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select relid from pg_partition_tree(target) where isleaf
  union
  select target from pg_class where oid = target and relkind = 'r'
$$;

-- Remembers until the command's end that a table's rows have other values.
create function tidemark._note_rewrite(relation oid) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select set_config('tidemark.rewritten', concat_ws(' ', nullif(current_setting('tidemark.rewritten', true), ''), relation), true)
$$;

-- Devices hold rows by their keys: rows with other keys would be other rows.
create function tidemark._refuse_other_keys(table_name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the primary key of table "%" cannot be changed while it is tracked', table_name
    using errcode = 'object_not_in_prerequisite_state',
          hint = 'Run tidemark.untrack, change it, and track the table again: devices will load it anew.';
end;
$$;

-- A change that no trigger of ours sees is one that devices never get.
create function tidemark._refuse_without_trigger(relation regclass, name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'table % is tracked and needs its trigger "%"', relation, name
    using errcode = 'object_not_in_prerequisite_state',
          hint = 'Run tidemark.untrack first; tidemark.track puts back what is missing or disabled.';
end;
$$;

-- After a command that may have changed a tracked table: refuses what would make
-- it unsyncable, and logs what no statement wrote: new columns, rewritten values,
-- partitions that come or go with their rows.
create function tidemark._after_ddl() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tracked   tidemark._table;
  rewritten oid[] := string_to_array(nullif(current_setting('tidemark.rewritten', true), ''), ' ')::oid[];
  attached  regclass[];
  relation  regclass;
  name      name;
begin
  if current_setting('tidemark.installing', true) = 'on' then
    return;
  end if;
  perform set_config('tidemark.rewritten', '', true);
  for tracked in
    select distinct t.*
    from pg_event_trigger_ddl_commands() c
    cross join lateral (
      select c.objid as relid where c.classid = 'pg_class'::regclass
      union select relid from pg_partition_ancestors(c.objid) where c.classid = 'pg_class'::regclass
      union select inhparent from pg_inherits where c.classid = 'pg_class'::regclass and inhrelid = c.objid
      -- A statement on the parent, which the command is told of, does not fire the child's triggers.
      union select inhrelid from pg_inherits where c.classid = 'pg_class'::regclass and inhparent = c.objid
      union select ev_class from pg_rewrite where c.classid = 'pg_rewrite'::regclass and oid = c.objid) r
    join tidemark._table t on t.relid = r.relid
    -- A dump that is being restored has the tables first, then our rows, then keys and triggers.
    where not tidemark._lacks_triggers(t.relid)
  loop
    perform tidemark._refuse_unsyncable(tracked.relid, tracked.keys);
    if exists (select from tidemark._leaves(tracked.relid) leaf where leaf = any (rewritten))
       and exists (select from pg_event_trigger_ddl_commands() c
                   join pg_index i on i.indrelid = c.objid and i.indisprimary
                   cross join unnest(i.indkey[0:i.indnkeyatts - 1]) k (number)
                   where c.objid = tracked.relid and tidemark._recasts(c.command, k.number)) then
      perform tidemark._refuse_other_keys(tracked.name);
    end if;
    select array_agg(leaf) into attached
    from tidemark._leaves(tracked.relid) leaf
    where not exists (select from tidemark._captured c where c.relid = leaf);
    for relation, name in
      select t.relation, t.present from tidemark._triggers(tracked.relid) t where t.enabled in ('D', 'R')
    loop
      perform tidemark._refuse_without_trigger(relation, name);
    end loop;
    perform tidemark._install_triggers(tracked.relid);
    perform tidemark._note_columns(tracked);
    for relation in
      select leaf from tidemark._leaves(tracked.relid) leaf where leaf = any (attached) or leaf = any (rewritten)
    loop
      perform tidemark._log_rows(relation, tracked.relid, 'i');
    end loop;
    for relation in
      select c.relid
      from tidemark._captured c
      where not exists (select from tidemark._table t
                        where t.relid = c.relid or t.relid in (select relid from pg_partition_ancestors(c.relid)))
    loop
      if (select relkind = 'r' from pg_class where oid = relation) then
        perform tidemark._log_rows(relation, tracked.relid, 'd');
      end if;
      perform tidemark._remove_triggers(relation);
    end loop;
  end loop;
end;
$$;

-- Remembers a table whose values are being rewritten until the command's end.
create function tidemark._before_rewrite() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_event_trigger_table_rewrite_reason() & 4 <> 0 then  -- the type of a column
    perform tidemark._note_rewrite(pg_event_trigger_table_rewrite_oid());
  end if;
end;
$$;

-- Lets go of dropped tables. The rows of a partition that is dropped alone could
-- not be logged any more. Keeps our triggers. A dropped column may have come again
-- in the same command, or gone with something else: its type, say.
create function tidemark._after_drop() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  partition text;
  renewed   record;
  tracked   tidemark._table;
begin
  update tidemark._table t set relid = null
  from pg_event_trigger_dropped_objects() o
  where o.classid = 'pg_class'::regclass and o.objsubid = 0 and o.objid = t.relid;
  select o.object_name into partition
  from pg_event_trigger_dropped_objects() o
  join tidemark._captured c on c.relid = o.objid
  join tidemark._table t on t.relid = c.root
  where o.classid = 'pg_class'::regclass and o.objsubid = 0
  limit 1;
  if partition is not null then
    raise exception 'table "%" is a partition of a tracked table', partition
      using errcode = 'object_not_in_prerequisite_state',
            hint = 'Detach it first: that deletes its rows on devices. Then drop it.';
  end if;
  delete from tidemark._captured c
  using pg_event_trigger_dropped_objects() o
  where o.classid = 'pg_class'::regclass and o.objsubid = 0 and o.objid = c.relid;

  perform tidemark._refuse_without_trigger(c.relid, o.address_names[3])
  from pg_event_trigger_dropped_objects() o
  join tidemark._captured c on c.relid = to_regclass(format('%I.%I', o.address_names[1], o.address_names[2]))
  where o.object_type = 'trigger' and tidemark._lacks_triggers(c.relid);

  for renewed in
    select t.relid, t.name, a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) as in_key
    from pg_event_trigger_dropped_objects() o
    join tidemark._table t on t.relid = o.objid
    join pg_attribute a on a.attrelid = t.relid and a.attname = o.address_names[3]
    left join pg_index i on i.indrelid = t.relid and i.indisprimary
    where o.object_type = 'table column'
  loop
    if renewed.in_key then
      perform tidemark._refuse_other_keys(renewed.name);
    end if;
    perform tidemark._note_rewrite(leaf) from tidemark._leaves(renewed.relid) leaf;
  end loop;

  if tg_tag = 'ALTER TABLE' then
    return;  -- _after_ddl hears of it
  end if;
  for tracked in
    select distinct t.*
    from pg_event_trigger_dropped_objects() o
    join tidemark._table t on t.relid = o.objid
    where o.object_type = 'table column'
  loop
    if not exists (select from pg_index i where i.indrelid = tracked.relid and i.indisprimary) then
      perform tidemark._refuse_other_keys(tracked.name);
    end if;
    perform tidemark._note_columns(tracked);
  end loop;
end;
$$;

-- Devices have the names of an enum's values: a value with another name is another
-- one, in all rows.
create function tidemark._after_renamed_value() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tracked record;
begin
  for tracked in
    with recursive made_of (type) as (
      select c.objid from pg_event_trigger_ddl_commands() c
      where c.classid = 'pg_type'::regclass and tidemark._renames_value(c.command)
      union
      select t.oid from made_of join pg_type t on t.typbasetype = type or t.typelem = type
    )
    select t.relid, t.name, bool_or(a.attnum = any (i.indkey[0:i.indnkeyatts - 1])) as in_key
    from made_of
    join pg_attribute a on a.atttypid = type and not a.attisdropped and a.attgenerated = ''
    join tidemark._table t on t.relid = a.attrelid
    join pg_index i on i.indrelid = t.relid and i.indisprimary
    group by t.relid, t.name
  loop
    if tracked.in_key then
      perform tidemark._refuse_other_keys(tracked.name);
    end if;
    execute format('lock table %s in share row exclusive mode', tracked.relid);  -- whoever writes the old name ends first
    perform tidemark._note_definition(tracked.relid);
    perform tidemark._log_rows(leaf, tracked.relid, 'i') from tidemark._leaves(tracked.relid) leaf;
  end loop;
end;
$$;

create event trigger tidemark_after_ddl on ddl_command_end
  when tag in ('ALTER TABLE', 'CREATE TABLE', 'CREATE SCHEMA', 'CREATE RULE', 'ALTER FOREIGN TABLE', 'CREATE FOREIGN TABLE')
  execute function tidemark._after_ddl();
alter event trigger tidemark_after_ddl enable always;

create event trigger tidemark_after_renamed_value on ddl_command_end
  when tag in ('ALTER TYPE') execute function tidemark._after_renamed_value();
alter event trigger tidemark_after_renamed_value enable always;

create event trigger tidemark_before_rewrite on table_rewrite execute function tidemark._before_rewrite();
alter event trigger tidemark_before_rewrite enable always;

create event trigger tidemark_after_drop on sql_drop execute function tidemark._after_drop();
alter event trigger tidemark_after_drop enable always;
