-- Users and devices.

create function tidemark.create_user(name text, secret text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(name, '') = '' or coalesce(secret, '') = '' or name ~ '[:[:cntrl:]]' then
    raise exception 'a user needs a name without colons and a secret'
      using errcode = 'invalid_parameter_value', hint = 'For example: select tidemark.create_user(''till'', ''…'').';
  end if;
  perform tidemark._begin_epoch();
  insert into tidemark._user values (create_user.name, tidemark._secret_verifier(secret));
exception when unique_violation then
  raise exception 'user "%" exists already', name
    using errcode = 'duplicate_object',
          hint = 'tidemark.change_secret(name, secret) gives it another secret; its devices stay.';
end;
$$;
comment on function tidemark.create_user(text, text) is 'create a user whose name and secret enrol devices; it has no right yet';

create function tidemark._existing_user(name text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from tidemark._user u where u.name = _existing_user.name) then
    raise exception 'user "%" does not exist', name
      using errcode = 'undefined_object', hint = 'tidemark.create_user(name, secret) makes one.';
  end if;
  return name;
end;
$$;

create function tidemark.change_secret(name text, secret text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(secret, '') = '' then
    raise exception 'a secret must not be empty' using errcode = 'invalid_parameter_value', hint = 'Give one.';
  end if;
  update tidemark._user u set verifier = tidemark._secret_verifier(secret)
  where u.name = tidemark._existing_user(change_secret.name);
end;
$$;
comment on function tidemark.change_secret(text, text) is 'give a user another secret; its devices stay enrolled';

create function tidemark.drop_user(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from tidemark._user u where u.name = drop_user.name;
  if not found then
    raise notice 'user "%" does not exist', name;
  end if;
  update tidemark._device d set revoked_at = clock_timestamp()
  where d.user_name = drop_user.name and d.revoked_at is null;
end;
$$;
comment on function tidemark.drop_user(text) is 'drop a user and revoke its devices';

create function tidemark.grant(name text, rights text default 'read,write') returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted text[] := regexp_split_to_array(coalesce(rights, ''), '\s*,\s*');
begin
  if not wanted <@ array['read', 'write'] then
    raise exception 'rights must be ''read'', ''write'' or ''read,write'', not %', coalesce(quote_literal(rights), 'null')
      using errcode = 'invalid_parameter_value', hint = 'tidemark.revoke(name) takes all rights away.';
  end if;
  insert into tidemark._grant values (tidemark._existing_user(name), 'read' = any (wanted), 'write' = any (wanted))
  on conflict (user_name) do update set can_read = excluded.can_read, can_write = excluded.can_write;
end;
$$;
comment on function tidemark.grant(text, text) is 'give a user''s devices the right to read, to write, or both; replaces what it had';

create function tidemark.revoke(name text) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ delete from tidemark._grant where user_name = tidemark._existing_user(name) $$;
comment on function tidemark.revoke(text) is 'take all rights from a user''s devices; they stay enrolled';

create function tidemark.revoke_device(id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update tidemark._device d set revoked_at = coalesce(d.revoked_at, clock_timestamp()) where d.id = revoke_device.id;
  if not found then
    raise exception 'device % does not exist', id
      using errcode = 'undefined_object', hint = 'The view tidemark.devices lists them.';
  end if;
end;
$$;
comment on function tidemark.revoke_device(uuid) is 'lock a device out; its pending changes stay in its file';

-- The device of a token, which may not be revoked. `need`: read, write, or null.
create function tidemark._authenticate(token text, need text) returns tidemark._device
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device;
  rights tidemark._grant;
begin
  select * into device from tidemark._device d where d.token_hash = sha256(convert_to(token, 'UTF8'));
  if device is null or device.id is null then
    raise exception 'unknown token' using errcode = 'TM401', hint = 'Connect the device again.';
  end if;
  if device.revoked_at is not null then
    raise exception 'this device was revoked'
      using errcode = 'TM402', hint = 'Its pending changes are safe in its file. Ask who runs the hub.';
  end if;
  select * into rights from tidemark._grant g where g.user_name = device.user_name;
  if need = 'read' and rights.can_read is not true or need = 'write' and rights.can_write is not true then
    raise exception 'user "%" has no right to %', device.user_name, need
      using errcode = 'TM403', hint = format('On the hub: select tidemark.grant(%L)', device.user_name);
  end if;
  return device;
end;
$$;

create function tidemark._enrol(user_name text, device_name text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  id    uuid := tidemark.uuid();
  token text := tidemark._new_token();
begin
  if length(device_name) > 200 then
    raise exception 'the device''s name is too long' using errcode = 'TM400', hint = 'Use 200 characters at most.';
  end if;
  perform tidemark._begin_epoch();
  insert into tidemark._device (id, user_name, name, token_hash, seen_at)
  values (id, user_name, device_name, sha256(convert_to(token, 'UTF8')), clock_timestamp());
  return json_build_object('device', id, 'token', token, 'user', user_name, 'epoch', (select epoch from tidemark._hub),
                           'schema', tidemark._schema(), 'head', tidemark._head(),
                           'now', tidemark._ms(clock_timestamp()));
end;
$$;

create function tidemark.enrol(user_name text, secret text, device_name text default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not tidemark._secret_matches(coalesce(user_name, ''), coalesce(secret, ''),
                                  (select u.verifier from tidemark._user u where u.name = enrol.user_name)) then
    raise exception 'wrong user or secret' using errcode = 'TM401', hint = 'tidemark.create_user makes users on the hub.';
  end if;
  return tidemark._enrol(user_name, device_name);
end;
$$;
comment on function tidemark.enrol(text, text, text) is 'enrol a device: its id and token as JSON. The bridge calls this';

create function tidemark.enrol_again(token text, device_name text default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device := tidemark._authenticate(token, null);
begin
  return tidemark._enrol(device.user_name, coalesce(device_name, device.name));
end;
$$;
comment on function tidemark.enrol_again(text, text) is
  'a new identity for a copied or restored device file, by its old token. The bridge calls this';

create function tidemark.device_status(token text) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device := tidemark._authenticate(token, null);
begin
  return json_build_object(
    'now', tidemark._ms(clock_timestamp()), 'epoch', (select epoch from tidemark._hub), 'schema', tidemark._schema(),
    'head', tidemark._head(), 'device', device.id, 'user', device.user_name, 'name', device.name,
    'rights', (select to_json(array_remove(array[case when g.can_read then 'read' end, case when g.can_write then 'write' end], null))
               from (select) one left join tidemark._grant g on g.user_name = device.user_name),
    'cursor', coalesce(device.cursor, '0'), 'push', device.push, 'enrolled_at', tidemark._ms(device.enrolled_at),
    'seen_at', tidemark._ms(device.seen_at));
end;
$$;
comment on function tidemark.device_status(text) is 'a device''s standing as JSON. The bridge calls this';

create function tidemark.seen(token text, "cursor" text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  device tidemark._device := tidemark._authenticate(token, null);
begin
  if seen.cursor !~ '^\d{1,18}(\.\d{1,10})?$' then
    raise exception 'malformed cursor' using errcode = 'TM400', hint = 'Give the cursor of an earlier answer, or 0.';
  end if;
  update tidemark._device d set cursor = seen.cursor, seen_at = clock_timestamp()
  where d.id = device.id
    and (d.cursor is distinct from seen.cursor or d.seen_at is null or d.seen_at < clock_timestamp() - interval '1 minute');
end;
$$;
comment on function tidemark.seen(text, text) is
  'note that a device was here and how far it has read; writes at most once a minute if nothing moved. The bridge calls this';
