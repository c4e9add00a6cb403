-- Who may do what.

create function tidemark.allow_bridge(role regrole) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if role is null then
    raise exception 'no role is given' using errcode = 'null_value_not_allowed', hint = 'Name the role that the bridge connects as.';
  end if;
  execute format('grant usage on schema tidemark to %s', role);
  execute format('grant execute on function tidemark.enrol(text, text, text), tidemark.enrol_again(text, text), '
                 'tidemark.device_status(text), tidemark.seen(text, text), tidemark.table_list(text), '
                 'tidemark.pull(text, text, int, bigint), tidemark.rows(text, text, text, int), tidemark.push(text, text), '
                 'tidemark.sequence(), tidemark.version() to %s', role);
end;
$$;
comment on function tidemark.allow_bridge(regrole) is 'let a role run the bridge: it may execute the functions for it and read no table';

revoke all on all functions in schema tidemark from public;
revoke all on all tables in schema tidemark from public;
revoke all on schema tidemark from public;
-- A table may have tidemark.uuid() as its key's default, whoever inserts.
grant usage on schema tidemark to public;
grant execute on function tidemark.uuid(), tidemark.version() to public;
