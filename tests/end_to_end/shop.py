"""The shop that the random histories run on: its tables, and dice that write SQL for them."""

import random
import uuid
from decimal import Context, Decimal
from typing import Any

SCHEMA = (
    """create table categories (
         id        uuid primary key,
         parent_id uuid references categories (id),
         name      text not null)""",
    """create table products (
         id          uuid primary key,
         sku         text unique,
         name        text not null,
         price       numeric(10,2) not null check (price >= 0),
         category_id uuid references categories (id),
         updated     timestamptz,
         thumb       bytea,
         active      boolean not null default true)""",
    """create table stock (
         shop_id    text,
         product_id uuid references products (id) on delete cascade,
         quantity   integer not null default 0,
         note       text,
         primary key (shop_id, product_id))""",
    """create table price_list (
         list       text,
         valid_from date,
         position   bigint,
         factor     double precision,
         remark     text,
         primary key (list, valid_from, position))""",
    """create table counters (
         id     text primary key,
         pieces bigint not null,
         amount numeric not null)""",
)
TABLES = ("categories", "products", "stock", "price_list", "counters")
# Only ever counted up and down, so that in the end it must add up.
COUNTERS = {"a": (0, Decimal(0)), "b": (1000, Decimal("0.50")), "c": (-7, Decimal("123456789012345678901234567890.25"))}
EXACT = Context(prec=1000)  # to reckon with their amounts
POLICIES = (
    ("counters", "pieces", "sum"),
    ("counters", "amount", "sum"),
    ("stock", "quantity", "sum"),
    ("products", "name", "text"),
    ("products", "price", "min"),
    ("products", "thumb", "ask"),
    ("products", "updated", "max"),
    ("products", "active", "device"),
    ("categories", "name", "hub"),
    ("price_list", "remark", ":mine || ' / ' || :theirs"),
    ("price_list", None, "update_wins"),
)

Statement = tuple[str, tuple]
Rows = dict[str, list[tuple]]  # the keys that are there, by table

_FREE_COLUMNS = (
    ("products", "sku"), ("products", "name"), ("products", "price"), ("products", "updated"), ("categories", "name"),
    ("stock", "note"), ("price_list", "remark"),
)  # fmt: skip
_NAMES = ("Käse", "茶", "Brot", "хлеб", "🧀", "it's", 'a "b"', "")


class Dice:
    """Rolls transactions. SQL that both PostgreSQL and SQLite take, unless `on_device`."""

    def __init__(self, random_source: random.Random) -> None:
        self.random = random_source
        self.serial = 0

    def unique(self, who: str) -> str:
        """A text that nothing else in this history is equal to."""
        self.serial += 1
        return f"{self.random.choice(_NAMES)} {who} {self.serial}"

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def transaction(self, who: str, keys: Rows, on_device: bool) -> list[Statement]:
        """One to six statements, now and then with a savepoint that is rolled back."""
        statements: list[Statement] = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            statements += self.write(who, keys, on_device)
        if self.random.random() < 0.1:
            statements = [
                *statements, ("savepoint s", ()), *self.write(who, keys, on_device), ("rollback to savepoint s", ()),
                *self.write(who, keys, on_device),
            ]  # fmt: skip
        return statements

    def opening(self, who: str) -> list[Statement]:
        """What head office has when the shops open."""
        keys: Rows = {table: [] for table in TABLES}
        statements: list[Statement] = []
        for _ in range(self.random.randrange(8)):
            statements += [self._insert_category(who, self._some(keys, "categories")), self._insert_price(who)]
            keys["categories"].append((statements[-2][1][0],))
        for number in range(self.random.randrange(12)):
            values = self._product_values(who, keys)
            product = (self.new_uuid(), f"first sku {number}", values[1], "1.00", *values[3:])
            statements.append(("insert into products values (?, ?, ?, ?, ?, ?, ?, ?)", product))
            keys["products"].append((product[0],))
            statements += self._upsert_stock(who, keys)
        return statements

    def count(self) -> tuple[str, int, Decimal]:
        """A counter, and by how much its two columns change."""
        return self.random.choice("abc"), self.random.randrange(-20, 20), Decimal(self.random.randrange(-9999, 9999)).scaleb(-2)

    def policy(self) -> tuple[str, str, str | None]:
        """A column that is no sum's, and a rule for it; None for none of its own."""
        table, column = self.random.choice(_FREE_COLUMNS)
        return table, column, self.random.choice((None, "latest", "hub", "device", "ask", "max", "min"))

    def harmless_insert(self, who: str) -> list[Statement]:
        """Inserts that lock nothing that others may want."""
        return [self._insert_category(who, None), self._insert_price(who)]

    def write(self, who: str, keys: Rows, on_device: bool) -> list[Statement]:
        actions = [
            (3, lambda: [self._insert_product(who, keys)]),
            (6, lambda: self._update_product(who, keys)),
            (2, lambda: self._delete("products", ("id",), keys)),
            (1, lambda: [self._insert_category(who, self._some(keys, "categories"))]),
            (1, lambda: self._update_category(who, keys)),
            (1, lambda: self._delete("categories", ("id",), keys)),
            (4, lambda: self._upsert_stock(who, keys)),
            (2, lambda: self._delete("stock", ("shop_id", "product_id"), keys)),
            (2, lambda: [self._insert_price(who)]),
            (2, lambda: self._change_price_key(keys)),
            (1, lambda: self._change_product_key(keys)),
            (1, lambda: self._delete_and_insert_again(who, keys)),
            (1, self._swap_skus),
            (1, self._move_skus_on),
            (1, lambda: [("update stock set quantity = quantity + 1 where shop_id = ?", (self._shop(),))]),
        ]
        if on_device:
            actions += [(2, lambda: self._replace_product(who, keys)), (1, lambda: self._replace_stock(who, keys))]
        weights, choices = zip(*actions)
        return self.random.choices(choices, weights)[0]()

    # -- values -----------------------------------------------------------------------------------------

    def _some(self, keys: Rows, table: str) -> Any:
        """The first key column of some row, or None."""
        return self.random.choice(keys[table])[0] if keys[table] else None

    def _shop(self) -> str:
        return f"shop {self.random.randrange(3)}"

    def _price(self) -> str:
        return f"{self.random.randrange(-200, 10_000) / 100:.2f}"  # some are below 0: CHECK refuses them

    def _sku(self) -> str | None:
        return self.random.choice((None, f"sku {self.random.randrange(40)}"))  # some clash

    def _time(self) -> str:
        return f"2026-11-{self.random.randrange(10, 30)} 09:30:00.{self.random.randrange(10**6):06}+00"

    def _thumb(self) -> bytes | None:
        return self.random.choice((None, b"", self.random.randbytes(self.random.randrange(1, 40))))

    # -- statements -------------------------------------------------------------------------------------

    def _insert_category(self, who: str, parent: str | None) -> Statement:
        return "insert into categories values (?, ?, ?)", (self.new_uuid(), parent, self.unique(who))

    def _update_category(self, who: str, keys: Rows) -> list[Statement]:
        category = self._some(keys, "categories")
        if self.random.random() < 0.3:
            return [("update categories set parent_id = ? where id = ?", (self._some(keys, "categories"), category))]
        return [("update categories set name = ? where id = ?", (self.unique(who), category))]

    def _product_values(self, who: str, keys: Rows) -> tuple:
        return (
            self._sku(), self.unique(who), self._price(), self.random.choice((None, self._some(keys, "categories"))),
            self._time(), self._thumb(), self.random.random() < 0.5,
        )  # fmt: skip

    def _insert_product(self, who: str, keys: Rows) -> Statement:
        return "insert into products values (?, ?, ?, ?, ?, ?, ?, ?)", (
            self.new_uuid(), *self._product_values(who, keys))  # fmt: skip

    def _update_product(self, who: str, keys: Rows) -> list[Statement]:
        product = self._some(keys, "products")
        values = {
            "name": self.unique(who), "price": self._price(), "updated": self._time(), "thumb": self._thumb(),
            "active": self.random.random() < 0.5, "sku": self._sku(),
        }  # fmt: skip
        columns = self.random.sample(sorted(values), self.random.choice((1, 1, 2, 3)))
        assignments = ", ".join(f"{column} = ?" for column in columns)
        return [(f"update products set {assignments} where id = ?", (*(values[column] for column in columns), product))]

    def _delete(self, table: str, key: tuple[str, ...], keys: Rows) -> list[Statement]:
        if not keys[table]:
            return []
        condition = " and ".join(f"{column} = ?" for column in key)
        return [(f"delete from {table} where {condition}", tuple(self.random.choice(keys[table])))]

    def _upsert_stock(self, who: str, keys: Rows) -> list[Statement]:
        return [(
            "insert into stock values (?, ?, ?, ?) on conflict (shop_id, product_id)"
            " do update set quantity = excluded.quantity, note = excluded.note",
            (self._shop(), self._some(keys, "products"), self.random.randrange(100), self.unique(who)),
        )]  # fmt: skip

    def _insert_price(self, who: str) -> Statement:
        return "insert into price_list values (?, ?, ?, ?, ?)", (
            f"list {self.random.randrange(2)}", f"2026-12-{self.random.randrange(10, 20)}",
            self.random.randrange(2**60), self.random.uniform(-2, 2), self.unique(who),
        )  # fmt: skip

    def _change_price_key(self, keys: Rows) -> list[Statement]:
        if not keys["price_list"]:
            return []
        key = self.random.choice(keys["price_list"])
        return [(
            "update price_list set position = ? where list = ? and valid_from = ? and position = ?",
            (self.random.randrange(2**60), *key),
        )]  # fmt: skip

    def _change_product_key(self, keys: Rows) -> list[Statement]:
        return [("update products set id = ? where id = ?", (self.new_uuid(), self._some(keys, "products")))]

    def _delete_and_insert_again(self, who: str, keys: Rows) -> list[Statement]:
        deletion = self._delete("products", ("id",), keys)
        if not deletion:
            return []
        insertion = "insert into products values (?, ?, ?, ?, ?, ?, ?, ?)"
        return [*deletion, (insertion, (deletion[0][1][0], *self._product_values(who, keys)))]

    def _swap_skus(self) -> list[Statement]:
        one, other = (f"sku {number}" for number in self.random.sample(range(40), 2))
        self.serial += 1
        between = f"sku between {self.serial} and {one}"
        return [("update products set sku = ? where sku = ?", pair) for pair in ((between, one), (one, other), (other, between))]

    def _move_skus_on(self) -> list[Statement]:
        """A list that is renumbered: each value becomes the next one's, the last first."""
        first, last = sorted(self.random.sample(range(40), 2))
        return [("update products set sku = ? where sku = ?", (f"sku {number + 1}", f"sku {number}"))
                for number in range(last, first - 1, -1)]  # fmt: skip

    def _replace_product(self, who: str, keys: Rows) -> list[Statement]:
        key = self.random.choice((self.new_uuid(), self._some(keys, "products") or self.new_uuid()))
        return [(
            "insert or replace into products values (?, ?, ?, ?, ?, ?, ?, ?)", (key, *self._product_values(who, keys))
        )]  # fmt: skip

    def _replace_stock(self, who: str, keys: Rows) -> list[Statement]:
        product = self._some(keys, "products")
        values = (self._shop(), product, self.random.randrange(100), self.unique(who))
        return [("replace into stock values (?, ?, ?, ?)", values)] if product else []
