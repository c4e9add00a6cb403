-- Tracking tables, and their policies.

-- Says why a table cannot be synced, by raising; says nothing if it can.
create function tidemark._refuse_unsyncable(target regclass, keys text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  class  pg_class;
  schema name;
  key    pg_index;
  found  record;
begin
  select c.* into class from pg_class c where c.oid = target;
  select nspname into schema from pg_namespace where oid = class.relnamespace;

  if class.relkind not in ('r', 'p') then
    raise exception '"%" is not a table', class.relname
      using errcode = 'wrong_object_type', hint = 'Only tables can be tracked. Track the tables it is made of.';
  end if;
  if schema ~ '^pg_' and schema !~ '^pg_temp' or schema in ('information_schema', 'tidemark') then
    raise exception 'table "%" is a system table', class.relname
      using errcode = 'reserved_name', hint = 'Only tables of your own can be tracked.';
  end if;
  if class.relpersistence <> 'p' then
    raise exception 'table "%" is %', class.relname, case class.relpersistence when 't' then 'temporary' else 'unlogged' end
      using errcode = 'wrong_object_type', hint = 'Its rows do not outlive a crash. Make it an ordinary table.';
  end if;
  if class.relispartition then
    raise exception 'table "%" is a partition', class.relname
      using errcode = 'wrong_object_type', hint = 'Track the partitioned table instead of it: the partitions come with it.';
  end if;
  if exists (select from pg_inherits where inhrelid = target)
     or class.relkind = 'r' and exists (select from pg_inherits where inhparent = target) then
    raise exception 'table "%" inherits or is inherited from', class.relname
      using errcode = 'feature_not_supported', hint = 'Use partitions instead of inheritance.';
  end if;
  if exists (select from pg_rewrite where ev_class = target) then
    raise exception 'table "%" has rules', class.relname
      using errcode = 'feature_not_supported', hint = 'Use triggers instead of rules.';
  end if;

  select i.* into key from pg_index i where i.indrelid = target and i.indisprimary;
  if key is null then
    raise exception 'table "%" has no primary key', class.relname
      using errcode = 'invalid_table_definition', hint = 'Add one: it tells which row is meant on every device.';
  end if;
  if not key.indimmediate then
    raise exception 'the primary key of table "%" is deferrable', class.relname
      using errcode = 'invalid_table_definition', hint = 'Make it NOT DEFERRABLE.';
  end if;

  for found in
    select a.attname, a.attgenerated, format_type(a.atttypid, a.atttypmod) as type, tidemark._kind(a.atttypid) as kind,
           a.attnum = any (key.indkey[0:key.indnkeyatts - 1]) as in_key, coalesce(l.collisdeterministic, true) as deterministic,
           a.attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\(', false) as counted
    from pg_attribute a
    left join pg_collation l on l.oid = a.attcollation
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = target and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  loop
    if found.in_key and found.attgenerated <> '' then
      raise exception 'key column "%" of table "%" is generated', found.attname, class.relname
        using errcode = 'feature_not_supported', hint = 'A device could not write its key.';
    end if;
    if found.kind is null and found.attgenerated = '' then
      raise exception 'column "%" of table "%" has type %, which cannot be synced', found.attname, class.relname, found.type
        using errcode = 'feature_not_supported', hint = 'Change its type, for example to text. docs/protocol.md lists the types.';
    end if;
    if found.in_key and not found.deterministic then
      raise exception 'key column "%" of table "%" has a collation in which different texts are equal', found.attname, class.relname
        using errcode = 'feature_not_supported', hint = 'Give it a deterministic collation.';
    end if;
    if found.in_key and found.counted and keys = 'none' then
      raise exception 'key column "%" of table "%" counts up', found.attname, class.relname
        using errcode = 'feature_not_supported',
              hint = 'Two devices would give the same key to different rows. Use a uuid key (default tidemark.uuid()), '
                     'or say keys => ''given'' if rows always bring their key, or keys => ''hub'' if only the hub inserts.';
    end if;
  end loop;

  select min(attname) as one, max(attname) as other into found
  from pg_attribute
  where attrelid = target and attnum > 0 and not attisdropped and attgenerated = ''
  group by lower(attname collate "C")
  having count(*) > 1;
  if found is not null then
    raise exception 'columns "%" and "%" of table "%" differ only in case', found.one, found.other, class.relname
      using errcode = 'feature_not_supported', hint = 'SQLite takes them for the same. Rename one.';
  end if;
end;
$$;

-- Notes the columns that a tracked table has now, and forgets the policies of others.
create function tidemark._note_columns(tracked tidemark._table) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  forgotten text;
begin
  for forgotten in
    delete from tidemark._policy p
    where p.table_id = tracked.id and p.column_name <> ''
      and not exists (select from pg_attribute a
                      where a.attrelid = tracked.relid and a.attname = p.column_name and not a.attisdropped)
    returning p.column_name
  loop
    raise warning 'column "%" of table % is gone, and its policy with it', forgotten, tracked.relid
      using hint = 'If it has another name now, declare its policy again: tidemark.policy(table, column, policy).';
  end loop;
  perform tidemark._note_definition(tracked.relid);
end;
$$;

create function tidemark.track(target regclass, "as" text default null, keys text default 'none') returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  wire_name text := coalesce("as", (select relname from pg_class where oid = target));
  present   tidemark._table;
  former    tidemark._table;
begin
  if target is null then
    raise exception 'no table is given' using errcode = 'null_value_not_allowed', hint = 'Name a table of your own.';
  end if;
  if not tidemark._caller_owns(target) then
    raise exception 'must be owner of table %', target
      using errcode = 'insufficient_privilege', hint = 'Ask its owner, or a superuser, to track it.';
  end if;
  if keys is null or keys not in ('none', 'given', 'hub') then
    raise exception 'keys must be ''none'', ''given'' or ''hub'', not %', coalesce(quote_literal(keys), 'null')
      using errcode = 'invalid_parameter_value',
            hint = 'none: the key does not count up; given: rows always bring their key; hub: only the hub inserts.';
  end if;

  if exists (select from pg_subscription_rel s
             where s.srrelid = target or s.srrelid in (select relid from pg_partition_tree(target))) then
    raise exception 'table % is written by a subscription', target
      using errcode = 'feature_not_supported',
            hint = 'What logical replication writes fires no statement trigger, so devices would not get it. '
                   'Track it on the publisher, or take it out of the publication and refresh the subscription.';
  end if;

  perform tidemark._begin_epoch();
  select * into present from tidemark._table t where t.relid = target;
  if present is not null then
    if "as" is not null and "as" <> present.name then
      raise exception 'table % is tracked as "%" already', target, present.name
        using errcode = 'duplicate_object', hint = 'Run tidemark.untrack first to give it another name.';
    end if;
    perform tidemark._refuse_unsyncable(target, keys);
    update tidemark._table t set keys = track.keys where t.relid = target and t.keys <> track.keys;
    if tidemark._install_triggers(target) then
      perform tidemark.new_epoch();
      raise notice 'triggers of table % were missing or disabled: all devices will load their tables again', target;
    else
      raise notice 'table % is tracked already', target;
    end if;
    perform tidemark._note_definition(target);
    return present.name;
  end if;

  perform tidemark._refuse_unsyncable(target, keys);
  if wire_name = '' or wire_name ~* '^(tidemark_|sqlite_)' then
    raise exception 'the name "%" is reserved', wire_name
      using errcode = 'reserved_name', hint = 'Give it another name on devices with "as" => ''…''.';
  end if;
  if exists (select from tidemark._table t where lower(t.name) = lower(wire_name) and t.relid is not null) then
    raise exception 'another table is tracked as "%" already', wire_name
      using errcode = 'duplicate_object', hint = 'Give this one another name on devices with "as" => ''…''.';
  end if;
  select * into former from tidemark._table t where lower(t.name) = lower(wire_name) order by t.id desc limit 1;
  if former.id is not null then
    -- What was written meanwhile is not in the log.
    perform tidemark.new_epoch();
    raise notice 'a table was tracked as "%" before: its policies hold again, and all devices will load their tables again', wire_name;
  end if;

  insert into tidemark._table
  values (nextval('tidemark._table_id'), target, wire_name, keys, coalesce(former.deletes, 'delete_wins'))
  returning * into present;
  update tidemark._policy p set table_id = present.id where p.table_id = former.id;
  perform tidemark._install_triggers(target);
  perform tidemark._note_columns(present);
  return wire_name;
end;
$$;
comment on function tidemark.track(regclass, text, text) is
  'start logging the changes of a table, for devices to follow; gives its name on devices';

create function tidemark.untrack(target regclass) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not tidemark._caller_owns(target) then
    raise exception 'must be owner of table %', target
      using errcode = 'insufficient_privilege', hint = 'Ask its owner, or a superuser, to untrack it.';
  end if;
  update tidemark._table set relid = null where relid = target;
  if not found then
    raise notice 'table % is not tracked', target;
    return;
  end if;
  perform tidemark._remove_triggers(relid) from (select relid from pg_partition_tree(target) union select target) r;
end;
$$;
comment on function tidemark.untrack(regclass) is 'stop logging the changes of a table; what was logged stays in the log';

create function tidemark.policy(target regclass, column_name text, policy text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  is_row_policy boolean := policy in ('delete_wins', 'update_wins');
  wanted        text := coalesce(column_name, '');
  tracked       tidemark._table;
  found_column  record;
begin
  if not tidemark._caller_owns(target) then
    raise exception 'must be owner of table %', target
      using errcode = 'insufficient_privilege', hint = 'Ask its owner, or a superuser, to declare policies.';
  end if;
  select * into tracked from tidemark._table t where t.relid = target;
  if tracked is null or tracked.id is null then
    raise exception 'table % is not tracked', target
      using errcode = 'undefined_object', hint = format('Run tidemark.track(%L) first.', target);
  end if;
  if is_row_policy and wanted <> '' then
    raise exception 'policy "%" is for whole tables', policy
      using errcode = 'invalid_parameter_value', hint = format('select tidemark.policy(%L, %L)', target, policy);
  end if;

  for found_column in
    select a.attname, a.attgenerated <> '' as is_generated, a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) as in_key,
           tidemark._kind(a.atttypid) as kind
    from pg_attribute a
    join pg_index i on i.indrelid = a.attrelid and i.indisprimary
    where a.attrelid = target and a.attnum > 0 and not a.attisdropped and (wanted = '' or a.attname = wanted)
  loop
    if wanted <> '' and (found_column.in_key or found_column.is_generated) then
      raise exception 'column "%" of table % is %', wanted, target,
          case when found_column.in_key then 'part of the key' else 'generated' end
        using errcode = 'invalid_parameter_value', hint = 'Only columns that devices change can have a policy.';
    end if;
    if not coalesce(is_row_policy, false) and not found_column.in_key and not found_column.is_generated then
      perform tidemark._check_policy(policy, found_column.attname, found_column.kind);
    end if;
  end loop;
  if not found then
    raise exception 'column "%" of table % does not exist', wanted, target
      using errcode = 'undefined_column', hint = 'Names are as PostgreSQL has them, without quotes.';
  end if;

  if is_row_policy or policy is null and wanted = '' then
    update tidemark._table t set deletes = coalesce(policy.policy, 'delete_wins') where t.id = tracked.id;
  end if;
  if policy is null then
    delete from tidemark._policy p where p.table_id = tracked.id and p.column_name = wanted;
  elsif not is_row_policy then
    insert into tidemark._policy values (tracked.id, wanted, policy)
    on conflict on constraint _policy_pkey do update set policy = excluded.policy;
  end if;
  perform tidemark._note_definition(target);  -- devices learn of it with their next pull
end;
$$;
comment on function tidemark.policy(regclass, text, text) is
  'declare how changes of a column are reconciled: latest, hub, device, ask, sum, max, min, json, text, or an SQL expression over :base, :mine and :theirs; null for the default';

create function tidemark.policy(target regclass, policy text) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select tidemark.policy(target, null, policy) $$;
comment on function tidemark.policy(regclass, text) is
  'declare a policy for all columns of a table that have none of their own, or whether delete_wins or update_wins; null for the defaults';
