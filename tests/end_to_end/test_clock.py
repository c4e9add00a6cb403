"""Who wrote later is told by the hub's clock: neither a slow line nor a wrong clock changes it."""

from support import Fault, FaultProxy, Fleet


def test_a_slow_answer_does_not_move_the_clock(fleet: Fleet) -> None:
    fleet.hub("create table t (id text primary key, n integer)")
    fleet.track("t")
    with FaultProxy(fleet.bridge.port, choose=lambda request: Fault.DELAY) as line:
        line.delay_s = 0.3
        a = fleet.device("a", "t", url=line.url)
        a.sync()
        a.sql("insert into t values ('x', 1)")
        a.sync()
        assert abs(a.status()["clock_offset_ms"]) < 50
