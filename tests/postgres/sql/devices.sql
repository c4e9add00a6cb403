-- users, rights and devices
select refusal($$select tidemark.create_user('test', 'other')$$);
select refusal($$select tidemark.create_user('', 'x')$$);
select refusal($$select tidemark.grant('nobody')$$);
select refusal($$select tidemark.grant('test', 'everything')$$);
select refusal($$select tidemark.revoke('nobody')$$);
select tidemark.create_user('till', 'old secret');
select verifier like 'SCRAM-SHA-256$%' as is_scram from tidemark._user where name = 'till';
select refusal($$select tidemark.enrol('till', 'wrong')$$);
select refusal($$select tidemark.enrol('nobody', 'old secret')$$);
select tidemark.change_secret('till', 'new secret');
select refusal($$select tidemark.enrol('till', 'old secret')$$);
select tidemark.enrol('till', 'new secret', 'till 1')::json as answer \gset
select key from json_each(:'answer');
select :'answer'::json ->> 'token' as token, :'answer'::json ->> 'device' as device \gset
select count(*) from tidemark._device d where d.token_hash = sha256(:'token'::bytea);

-- no right is the default
select refusal(format('select tidemark.pull(%L, ''0'')', :'token'));
select tidemark.device_status(:'token')::jsonb - '{now,epoch,schema,head,device,enrolled_at,seen_at}'::text[];
select tidemark.grant('till', 'read');
select tidemark.pull(:'token', '0') is not null as may_read;
select refusal(format('select tidemark.push(%L, ''{}'')', :'token'));
select tidemark.grant('till', 'read'), tidemark.grant('till', 'read, write');
select refusal(format('select tidemark.push(%L, ''{}'')', :'token'));
select tidemark.device_status(:'token')::jsonb -> 'rights' as rights;
select refusal($$select tidemark.pull('not a token', '0')$$);

select tidemark.seen(:'token', '0');
select seen_at as before from tidemark._device where id = :'device' \gset
select tidemark.seen(:'token', '0');
select seen_at = :'before' as not_written_again from tidemark._device where id = :'device';
select refusal(format('select tidemark.seen(%L, ''x'')', :'token'));
select tidemark.device_status(:'token')::jsonb -> 'cursor' as cursor;

-- a new identity by the old token
select (tidemark.enrol_again(:'token')::json ->> 'device') <> :'device' as is_another;
select user_name, name, revoked_at is null as live from tidemark.devices where user_name = 'till';

select tidemark.revoke_device(:'device'), tidemark.revoke_device(:'device');
select refusal(format('select tidemark.pull(%L, ''0'')', :'token'));
select refusal(format('select tidemark.enrol_again(%L)', :'token'));
select refusal($$select tidemark.revoke_device('00000000-0000-0000-0000-000000000000')$$);
select tidemark.revoke('till');
select tidemark.drop_user('till');
select tidemark.drop_user('till');
select count(*) from tidemark.devices where user_name = 'till' and revoked_at is null;

-- the bridge's role: it can do its work and read no table
create role bridge;
select tidemark.allow_bridge('bridge'), tidemark.allow_bridge('bridge');
create table secret_table (id int primary key, v text);
select tidemark.track('secret_table');
insert into secret_table values (1, 'v');
select token('bridged') as token \gset
set role bridge;
select tidemark.sequence() > 0 as sequenced;
select tidemark.pull(:'token', '0') like '%secret_table%' as pulled;
select tidemark.rows(:'token', 'secret_table') like '%"v"%' as loaded;
select tidemark.table_list(:'token') like '%secret_table%' as listed;
select tidemark.push(:'token', format('{"push":1,"cursor":"%s","tables":[{"table":"secret_table","key":[["id","integer"]],"columns":[["v","text"]]}],"changes":[[0,"u",[1],["w"],[0]]]}',
                     tidemark.device_status(:'token')::json ->> 'head')) like '%"accepted":1%' as pushed;
select tidemark.seen(:'token', '0'), tidemark.version() is not null as version;
select * from secret_table;
select * from tidemark._device;
select * from tidemark.log;
select tidemark.track('secret_table');
select tidemark.status();
reset role;
drop owned by bridge;
drop role bridge;
-- everybody may make keys, because defaults of columns do, and nothing else
select proname from pg_proc p
where pronamespace = 'tidemark'::regnamespace and has_function_privilege('public', p.oid, 'execute') order by 1;
select relname from pg_class c
where relnamespace = 'tidemark'::regnamespace and relkind in ('r', 'v', 'S') and has_table_privilege('public', c.oid, 'select');
-- every function has its search path pinned but for the trigger, which looks up nothing
select proname from pg_proc where pronamespace = 'tidemark'::regnamespace and proconfig is null;
select count(*) from pg_proc where pronamespace = 'tidemark'::regnamespace and proname !~ '^_' and obj_description(oid) is null;
drop table secret_table;
