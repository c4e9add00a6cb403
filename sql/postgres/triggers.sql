-- Our triggers on tracked tables.

-- The triggers that a table and its partitions must have, and those that they have:
-- `present` is null where one is missing; `enabled` as in pg_trigger, ours are to be A.
create function tidemark._triggers(target regclass)
returns table (relation regclass, name name, event text, transition_tables text, present name, enabled "char")
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select r.relid, ours.name, ours.event, ours.tables, g.tgname, g.tgenabled
  from (select relid, isleaf as is_leaf from pg_partition_tree(target)
        union
        select target, relkind = 'r' from pg_class where oid = target) r
  cross join (values ('tidemark_begin', 30, 'before insert or update or delete', ''),
                     ('tidemark_insert', 4, 'after insert', 'referencing new table as new_rows'),
                     ('tidemark_update', 16, 'after update', 'referencing old table as old_rows new table as new_rows'),
                     ('tidemark_delete', 8, 'after delete', 'referencing old table as old_rows'),
                     ('tidemark_truncate', 34, 'before truncate', '')) as ours (name, type, event, tables)
  left join pg_trigger g
    on g.tgrelid = r.relid and g.tgfoid = 'tidemark._capture()'::regprocedure and g.tgtype = ours.type
  where is_leaf or ours.name <> 'tidemark_truncate'  -- a truncated root truncates its leaves
$$;

-- True if a table or partition that had our triggers lacks one.
create function tidemark._lacks_triggers(target regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from tidemark._triggers(target) t join tidemark._captured c on c.relid = t.relation
                 where t.present is null)
$$;

-- Puts the triggers that are missing on the table and its partitions, and makes all
-- fire always. True if there was anything to do where we had been: changes may have
-- been missed.
create function tidemark._install_triggers(target regclass) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  spec     record;
  repaired boolean := false;
begin
  perform set_config('tidemark.installing', 'on', true);  -- _after_ddl need not look at what this does
  for spec in
    select * from tidemark._triggers(target) t where t.present is null or t.enabled <> 'A'
  loop
    repaired := repaired or exists (select from tidemark._captured c where c.relid = spec.relation);
    if spec.present is null then
      execute format('create trigger %I %s on %s %s for each statement execute function tidemark._capture()',
                     spec.name, spec.event, spec.relation, spec.transition_tables);
      execute format('alter trigger %I on %s depends on extension tidemark', spec.name, spec.relation);
    end if;
    execute format('alter table only %s enable always trigger %I', spec.relation, coalesce(spec.present, spec.name));
  end loop;
  insert into tidemark._captured
  select distinct t.relation, target from tidemark._triggers(target) t
  on conflict do nothing;
  perform set_config('tidemark.installing', '', true);
  return repaired;
end;
$$;

create function tidemark._remove_triggers(relation regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  name name;
begin
  delete from tidemark._captured c where c.relid = relation;  -- or _after_drop would refuse
  for name in
    select tgname from pg_trigger where tgrelid = relation and tgfoid = 'tidemark._capture()'::regprocedure
  loop
    execute format('drop trigger %I on %s', name, relation);
  end loop;
end;
$$;
