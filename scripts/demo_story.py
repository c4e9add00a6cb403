"""Plays the demo: see scripts/demo."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from psycopg2.extras import execute_values  # noqa: E402

from demo_catalogue import SCHEMA, SHOPS, TABLES, rows  # noqa: E402
from support import Bridge, Cluster, Database, Device, Fleet  # noqa: E402
from support.cluster import binary  # noqa: E402
from support.compare import device_rows, differences, hub_rows, shape_of  # noqa: E402

FOLDER = ROOT / "build" / "demo"
PRODUCTS = 1200


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with Cluster(FOLDER / "postgres") as cluster:
        if cluster.note:
            print(cluster.note)
        hub = head_office(cluster)
        with Bridge(hub.bridge_dsn(), FOLDER / "bridge.log") as bridge:
            fleet = Fleet(hub, bridge, FOLDER)
            shops = {name: open_shop(fleet, name) for name in SHOPS}
            line_goes_down(bridge, shops)
            everybody_writes(hub, shops)
            line_comes_back(bridge, shops)
            what_met(hub, shops)
            are_equal = compare(hub, shops)
            fleet.close()
        hub.close()
        dump(hub)
    title("For a look")
    say(f"the shops: sqlite3 {FOLDER.relative_to(ROOT)}/berlin.db 'select * from tidemark_conflicts' (and tokyo, cairo)")
    say(f"head office as SQL: {FOLDER.relative_to(ROOT)}/head_office.sql, the bridge's log: bridge.log beside it")
    return 0 if are_equal else 1


# -- the parts of the story -------------------------------------------------------------------------------


def head_office(cluster: Cluster) -> Database:
    title("Head office: a PostgreSQL database")
    hub = cluster.create_database("shop")
    for definition in SCHEMA:
        hub.sql(definition)
    for table in TABLES:
        run(hub, f"select tidemark.track('{table}')")
    run(hub, "select tidemark.create_user('till', 'secret')")
    run(hub, "select tidemark.grant('till')")

    categories, products, stock = rows(PRODUCTS)
    connection = hub.connect()
    with connection.cursor() as cursor:
        execute_values(cursor, "insert into categories (id, parent_id, name) values %s", categories)
        execute_values(
            cursor, "insert into products (id, category_id, sku, name, price, active, thumbnail) values %s", products
        )
        execute_values(cursor, "insert into stock (shop, product_id, quantity) values %s", stock)
    connection.close()
    say(f"{len(categories)} categories, {len(products)} products, {len(stock)} rows of stock")
    return hub


def open_shop(fleet: Fleet, name: str) -> Device:
    title(f"A shop opens: {name}.db, a SQLite file")
    shop = fleet.unconnected(name)
    started = time.monotonic()
    say(f"sqlite> select tidemark_connect('{fleet.bridge.url}', 'till', 'secret');")
    shop.connect(fleet.bridge.url, name=name)
    for table in TABLES:
        run(shop, f"select tidemark_track('{table}')")
    run(shop, "select tidemark_sync()")
    rows_here = ", ".join(f"{shop.value(f'select count(*) from {table}')} {table}" for table in TABLES)
    say(f"loaded in {time.monotonic() - started:.2f} s: {rows_here}")
    return shop


def line_goes_down(bridge: Bridge, shops: dict[str, Device]) -> None:
    title("The line goes down: the bridge is stopped")
    bridge.stop()
    try:
        shops["berlin"].sync()
    except sqlite3.Error as error:
        say(f"berlin: {error}")


def everybody_writes(hub: Database, shops: dict[str, Device]) -> None:
    """The order matters where two write the same column: the later write wins."""
    title("Meanwhile everybody writes")
    berlin, tokyo, cairo = (shops[name] for name in SHOPS)

    part("cairo, first of all: the sqlite3 program, without the extension")
    plain_sqlite3(cairo, "update products set price = '1.11' where sku = 'SKU-00003'")
    plain_sqlite3(cairo, "update products set name = 'تمر المدينة' where sku = 'SKU-00005'")
    plain_sqlite3(cairo, "update stock set quantity = quantity - 2 where shop = 'cairo' and product_id ="
                         " (select id from products where sku = 'SKU-00001')")  # fmt: skip
    plain_sqlite3(cairo, "delete from products where sku = 'SKU-00006'")

    part("head office")
    run(hub, "update products set price = 4.90, updated = now() where sku = 'SKU-00001'")
    run(hub, "update products set price = 2.75 where sku = 'SKU-00002'")
    run(hub, "update products set price = 3.33 where sku = 'SKU-00003'")
    run(hub, "delete from products where sku = 'SKU-00005'")
    run(hub, "insert into products (sku, name, price) values ('SKU-NEW-1', 'Stollen', 12.50), ('SKU-NEW-2', '月餅', 8.00)")
    run(hub, "update categories set name = 'Tee 茶' where name = 'お茶'")

    part("berlin")
    run(berlin, "update products set name = 'Käse, jetzt neu' where sku = 'SKU-00001'")
    run(berlin, "insert into products (sku, name, price) values ('B-1', 'Berliner Weiße', '3.20')")
    run(berlin, "update stock set quantity = quantity - 1 where shop = 'berlin' and product_id ="
                " (select id from products where sku = 'SKU-00001')")  # fmt: skip

    part("tokyo, last of all")
    run(tokyo, "update products set price = '2.95' where sku = 'SKU-00002'")
    run(tokyo, "insert into products (sku, name, price) values ('T-1', '玄米茶', '6.40')")
    run(tokyo, "update products set active = 0 where sku = 'SKU-00004'")
    run(tokyo, "delete from products where sku = 'SKU-00007'")

    print()
    for shop in shops.values():
        pending = shop.sql("select table_name, operation, count(*) from tidemark_pending group by 1, 2 order by 1, 2")
        say(f"{shop.name} has pending: " + ", ".join(f"{count} {table} {what}" for table, what, count in pending))


def line_comes_back(bridge: Bridge, shops: dict[str, Device]) -> None:
    title("The line comes back: the bridge runs again, everybody syncs")
    bridge.start()
    for number in range(4):
        reports = {name: shop.sync() for name, shop in shops.items()}
        if all(report["pulled"] + report["pushed"] == 0 for report in reports.values()):
            return
        for name, report in reports.items():
            told = ", ".join(f"{report[what]} {what}" for what in ("pulled", "pushed", "conflicts", "rejected"))
            say(f"round {number + 1}, {name}: {told}")


def what_met(hub: Database, shops: dict[str, Device]) -> None:
    title("What met, who won and why")
    show_product(hub, "SKU-00001", "berlin wrote its name, head office its price: both are kept, nothing met")
    for shop in shops.values():
        conflicts = shop.sql(
            "select table_name, key, column_name, kind, base, mine, theirs, result, policy, mine_at, theirs_at"
            " from tidemark_conflicts order by id"
        )
        for conflict in conflicts:
            say(f"{shop.name}: {explained(shop.name, *conflict)}")
    for sku, comment in (
        ("SKU-00002", "tokyo's price is later than head office's"),
        ("SKU-00003", "head office's price is later than cairo's"),
        ("SKU-00005", "deleted at head office, though cairo renamed it"),
        ("SKU-00006", "deleted in cairo with the sqlite3 program"),
        ("SKU-00007", "deleted in tokyo"),
        ("B-1", "new in berlin"), ("T-1", "new in tokyo"), ("SKU-NEW-2", "new at head office"),
    ):  # fmt: skip
        show_product(hub, sku, comment)


def explained(
    shop: str, table: str, key: str, column: str | None, kind: str, base: object, mine: object, theirs: object,
    result: object, policy: str, mine_at: int | None, theirs_at: int | None,
) -> str:  # fmt: skip
    place = f"{table} {', '.join(map(str, json.loads(key)))}"
    if kind == "delete":
        row = json.loads(str(mine))
        return (
            f"{place}\n      {shop} changed it at {clock(mine_at)}: {row['name']}, {row['price']}\n"
            f"      head office deleted it at {clock(theirs_at)}\n      the delete wins: policy {policy}"
        )
    who = shop if result == mine else "head office"
    return (
        f"{place}, {column}: was {base}\n"
        f"      {shop} wrote {mine} at {clock(mine_at)}, head office {theirs} at {clock(theirs_at)}\n"
        f"      {who} wins with {result}, the later write: policy {policy}"
    )


def compare(hub: Database, shops: dict[str, Device]) -> bool:
    title("All four databases, row by row")
    are_equal = True
    for table in TABLES:
        shape = shape_of(hub, table)
        expected = hub_rows(hub, shape)
        found = {
            name: differences(shape, "head office", expected, name, device_rows(shop, shape))
            for name, shop in shops.items()
        }
        for line in (line for lines in found.values() for line in lines):
            are_equal = False
            say(f"DIFFERS: {line}")
        if not any(found.values()):
            say(f"{table:<12} {len(expected):>5} rows of {len(shape.columns)} columns: equal in PostgreSQL and in all three shops")
    for name, shop in shops.items():
        left = shop.value("select count(*) from tidemark_pending")
        are_equal = are_equal and left == 0
        say(f"{name:<12} {left} changes pending")
    say("All four are equal." if are_equal else "They are NOT equal.")
    return are_equal


def dump(hub: Database) -> None:
    """PostgreSQL ends with the demo; what was in it stays readable."""
    with open(FOLDER / "head_office.sql", "w") as file:
        subprocess.run([binary("pg_dump"), "--dbname", hub.dsn], stdout=file, check=True)


# -- telling ----------------------------------------------------------------------------------------------


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def part(text: str) -> None:
    print(f"\n   -- {text}", flush=True)


def say(text: str) -> None:
    print(f"   {text}", flush=True)


def run(place: Database | Device, statement: str) -> None:
    """Runs a statement and shows it."""
    say(f"{'shop=#' if isinstance(place, Database) else 'sqlite>'} {statement};")
    place.sql(statement)


def plain_sqlite3(shop: Device, statement: str) -> None:
    """The statement, by the sqlite3 program, which knows nothing of us."""
    say(f"$ sqlite3 {shop.path.name} \"{statement}\"")
    subprocess.run(["sqlite3", str(shop.path), statement], check=True)


def show_product(hub: Database, sku: str, comment: str) -> None:
    found = hub.sql("select name, price from products where sku = %s", [sku])
    say(f"{sku}: {f'{found[0][0]}, {found[0][1]}' if found else 'gone'} -- {comment}")


def clock(unix_ms: int | None) -> str:
    if unix_ms is None:
        return "an unknown time"
    return datetime.fromtimestamp(unix_ms / 1000, timezone.utc).strftime("%H:%M:%S.%f")[:-3]


if __name__ == "__main__":
    sys.exit(main())
