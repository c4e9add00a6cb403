"""Compressed bodies in both directions, good ones and hostile ones."""

import ctypes
import gzip
import hashlib
import json
from typing import Callable

import pytest

from http_client import Client
from support import Bridge
from support.waiting import wait_until

_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_compressBound.restype = _zstd.ZSTD_compress.restype = _zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
_zstd.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
_zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

MEBIBYTE = 1 << 20
LIMIT = MEBIBYTE


def zstd(data: bytes) -> bytes:
    room = ctypes.create_string_buffer(_zstd.ZSTD_compressBound(len(data)))
    size = _zstd.ZSTD_compress(room, len(room), data, len(data), 3)
    return room.raw[:size]


def unzstd(data: bytes, size: int) -> bytes:
    room = ctypes.create_string_buffer(size)
    assert _zstd.ZSTD_decompress(room, size, data, len(data)) == size
    return room.raw


PACK = {"zstd": zstd, "gzip": gzip.compress, "x-gzip": gzip.compress, "identity": bytes, "ZSTD": zstd}


@pytest.fixture
def till(scripted_hub, start_bridge: Callable[..., Bridge]) -> Client:
    """A device of a hub whose push answers with the size and hash of what it was given."""
    scripted_hub.sql("""
        do $$ begin
          if to_regprocedure('tidemark._real_push(text, text)') is null then
            alter function tidemark.push(text, text) rename to _real_push;
          end if;
        end $$;
        create or replace function tidemark.push(token text, body text) returns text language sql
        as $$ select json_build_object('size', octet_length(body), 'md5', md5(body))::text $$""")
    return Client(start_bridge(scripted_hub.dsn, "--max-body", str(LIMIT)), "token")


def verdict_on(body: bytes) -> dict:
    return {"size": len(body), "md5": hashlib.md5(body).hexdigest()}


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("size", [1, 1000, 131072, 500001, LIMIT])
def test_a_push_arrives_as_it_was_before_compression(till: Client, encoding: str, size: int) -> None:
    body = (b"0123456789" * (size // 10 + 1))[:size]
    answer = till.push(PACK[encoding](body), {"Content-Encoding": encoding})
    assert answer.status == 200 and answer.json == verdict_on(body)


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_several_frames_are_one_body(till: Client, encoding: str) -> None:
    body = PACK[encoding](b"one, ") + PACK[encoding](b"two")
    assert till.push(body, {"Content-Encoding": encoding}).json == verdict_on(b"one, two")


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_a_body_one_byte_over_the_limit_is_too_large(till: Client, encoding: str) -> None:
    body = PACK[encoding](b"x" * (LIMIT + 1))
    assert till.push(body, {"Content-Encoding": encoding}).problem == (413, "too_large")


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_a_bomb_costs_no_more_than_the_limit(till: Client, encoding: str) -> None:
    bomb = PACK[encoding](bytes(256 * MEBIBYTE))
    assert len(bomb) < LIMIT
    assert till.push(bomb, {"Content-Encoding": encoding}).problem == (413, "too_large")
    assert peak_kib(till.bridge) < 128 * 1024 or "Sanitizer" in till.bridge.log.read_text()


def peak_kib(bridge: Bridge) -> int:
    """The most memory the process ever had."""
    with open(f"/proc/{bridge.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


# A frame that announces a window of 1 GiB: RFC 8878, 3.1.1.1.2.
HUGE_WINDOW = b"\x28\xb5\x2f\xfd\x00" + bytes([20 << 3]) + b"\x01\x00\x00"


@pytest.mark.parametrize(
    "encoding, body",
    [
        ("zstd", b""),
        ("gzip", b""),
        ("zstd", b"nonsense"),
        ("gzip", b"nonsense"),
        ("zstd", zstd(b"x" * 1000)[:-3]),
        ("gzip", gzip.compress(b"x" * 1000)[:-3]),
        ("zstd", zstd(b"x") + b"trailing"),
        ("gzip", gzip.compress(b"x") + b"trailing"),
        ("gzip", gzip.compress(b"x")[:-8] + bytes(8)),
        ("zstd", gzip.compress(b"x")),
        ("gzip", zstd(b"x")),
        ("zstd", HUGE_WINDOW),
        ("zstd", zstd(b"\xff\xfe")),
        ("gzip", gzip.compress(b"a\0b")),
    ],
)
def test_a_broken_body_is_refused(till: Client, encoding: str, body: bytes) -> None:
    assert till.push(body, {"Content-Encoding": encoding}).problem == (400, "invalid")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd", "zstd;q=1", "aes128gcm"])
def test_another_encoding_is_unsupported(till: Client, encoding: str) -> None:
    answer = till.push(b"{}", {"Content-Encoding": encoding})
    assert answer.problem == (415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "zstd, gzip"


@pytest.mark.parametrize(
    "accept, expected",
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0.5,zstd;q=0.5", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
        ("zstd;q=0, gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0", None),
        ("gzip;q=0.1, *;q=0", "gzip"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("zstd;q=nonsense", None),
        ("zstd;q=", None),
        (" gzip ; q=0.3 ,, ;", "gzip"),
    ],
)
def test_the_answer_is_in_the_best_encoding_accepted(till: Client, accept: str | None, expected: str | None) -> None:
    size = 100000
    headers = {"Accept-Encoding": accept if accept is not None else "identity"}
    answer = Client(till.bridge, f"large:{size}").get("/v1/status", headers)
    assert answer.status == 200 and answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Encoding"] == expected
    body = {None: bytes, "gzip": gzip.decompress, "zstd": lambda data: unzstd(data, size)}[expected](answer.body)
    assert body == b'"' + b"x" * (size - 2) + b'"'
    assert expected is None or len(answer.body) < size / 100


@pytest.mark.parametrize("size", [3, 1000, 50000])
def test_no_byte_can_change_on_the_way(till: Client, size: int) -> None:
    """zstd's content checksum is in every frame, of short answers too."""
    answer = Client(till.bridge, f"large:{size}").get("/v1/status", {"Accept-Encoding": "zstd"})
    assert answer.headers["Content-Encoding"] == "zstd"
    descriptor = answer.body[4]
    assert descriptor & 0b100, "RFC 8878, 3.1.1.1.1.5: Content_Checksum_flag"


def test_metrics_tell_bytes_before_and_after_compression(till: Client) -> None:
    till.push(zstd(json.dumps(["x" * 50000]).encode()), {"Content-Encoding": "zstd"})
    Client(till.bridge, "large:60000").get("/v1/status", {"Accept-Encoding": "zstd"})
    wait_until(lambda: saved_bytes(till, "sent") > 59000, "the answer in the metrics")
    assert saved_bytes(till, "received") > 49000


def saved_bytes(till: Client, direction: str) -> int:
    """How much less went over the wire than was said."""
    lines = Client(till.bridge).get("/metrics").body.decode().splitlines()
    plain, wire = (
        next(int(line.rpartition(" ")[2]) for line in lines if f'{direction}_bytes_total{{form="{form}"' in line)
        for form in ("plain", "wire")
    )
    return plain - wire
