-- The order of the log.

-- Gives each transaction that has committed its place in the log; see
-- pg_extension/transaction.h for why the order is right. One at a time.
create function tidemark.sequence() returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  head  bigint;
  added bigint;
begin
  if not exists (select from tidemark._inbox) then
    return tidemark._head();
  end if;

  perform pg_advisory_xact_lock(8386936427155452011);
  head := tidemark._head();  -- once: asked for each row, it would step over all that were inserted before
  with taken as (
    delete from tidemark._inbox where tx <> tidemark._transaction()  -- our own only when it has committed
    returning tx, ticket, device, push, exact
  ), transactions as (
    select tx, max(ticket) as ticket, max(device::text)::uuid as device, max(push) as push,
           bool_or(exact) as exact
    from taken
    group by tx
  )
  insert into tidemark._commit (seq, tx, at, device, push, exact)
  select head + row_number() over (order by t.ticket), t.tx,
         coalesce(first.at, tidemark._ms(clock_timestamp())), t.device, t.push, t.exact
  from transactions t
  left join lateral (
    select c.at from tidemark._change c where c.tx = t.tx order by c.n limit 1
  ) first on true
  where first.at is not null or t.device is not null;  -- all of it was rolled back to a savepoint
  get diagnostics added = row_count;
  return head + added;
end;
$$;
comment on function tidemark.sequence() is
  'put the transactions that have committed into the log; gives its head. The bridge calls this';
