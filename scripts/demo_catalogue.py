"""The catalogue of the demo: tables, and rows with names in several scripts and a picture each."""

import random
import struct
import uuid
import zlib

SCHEMA = (
    """create table categories (
         id        uuid primary key,
         parent_id uuid references categories (id),
         name      text not null)""",
    """create table products (
         id          uuid primary key default tidemark.uuid(),
         category_id uuid references categories (id),
         sku         text not null unique,
         name        text not null,
         price       numeric(10,2) not null check (price >= 0),
         active      boolean not null default true,
         updated     timestamptz not null default now(),
         thumbnail   bytea)""",
    """create table stock (
         shop       text,
         product_id uuid references products (id) on delete cascade,
         quantity   integer not null default 0,
         primary key (shop, product_id))""",
)
TABLES = ("categories", "products", "stock")
SHOPS = ("berlin", "tokyo", "cairo")

_CATEGORIES = {
    "Food": ("Käse & Milch", "お茶", "خبز", "Фрукты", "Γλυκά"),
    "Household": ("Lampen", "文房具", "أدوات المطبخ", "Игрушки"),
}
_WORDS = ("Käse", "Brot", "緑茶", "ほうじ茶", "خبز", "تمر", "Яблоко", "Пряник", "Ελιές", "Μέλι", "🧀 Brie", "Crème brûlée")


def rows(products: int) -> tuple[list[tuple], list[tuple], list[tuple]]:
    """Categories (parents first), products and stock: the same ones every time."""
    dice = random.Random(2026)
    categories, leaves = [], []
    for parent, children in _CATEGORIES.items():
        parent_id = new_uuid(dice)
        categories.append((parent_id, None, parent))
        for name in children:
            leaves.append(new_uuid(dice))
            categories.append((leaves[-1], parent_id, name))

    catalogue = [
        (
            new_uuid(dice), dice.choice(leaves), f"SKU-{number:05}", f"{dice.choice(_WORDS)} {number}",
            f"{dice.randrange(50, 9_999) / 100:.2f}", dice.random() < 0.95, picture(dice),
        )
        for number in range(1, products + 1)
    ]  # fmt: skip
    stock = [(shop, product[0], dice.randrange(5, 60)) for shop in SHOPS for product in catalogue]
    return categories, catalogue, stock


def new_uuid(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def picture(dice: random.Random) -> bytes:
    """A PNG of eight by eight pixels."""
    lines = b"".join(b"\0" + dice.randbytes(8) for _ in range(8))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
