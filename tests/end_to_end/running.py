"""Running the transactions of a history, and saying what came of them."""

import sqlite3
from typing import Any

import psycopg2

from ledger import Tables
from shop import Rows, Statement
from support import DeviceProcess


def run(cursor: Any, statements: list[Statement]) -> Exception | None:
    """Runs the statements as one transaction; on an error rolls it back and gives the error."""
    try:
        cursor.execute("begin")
        for text, values in statements:
            cursor.execute(text, values)
        cursor.execute("commit")
    except (sqlite3.Error, psycopg2.Error) as error:
        has_ended = isinstance(cursor, sqlite3.Cursor) and not cursor.connection.in_transaction
        if not has_ended:
            cursor.execute("rollback")
        return error
    return None


def run_in(program: DeviceProcess, statements: list[Statement], begin: bool = True) -> Exception | None:
    """The same in a program of its own."""
    try:
        if begin:
            program.sql("begin")
        for text, values in statements:
            program.sql(text, values)
        if begin:
            program.sql("commit")
    except sqlite3.DatabaseError as error:
        if begin:
            program.begin("rollback")
            try:
                program.finish()
            except sqlite3.OperationalError:
                pass  # the statement that failed has rolled all back
        return error
    return None


def outcome(error: Exception | None) -> str:
    return f", refused: {str(error).strip().splitlines()[0]}" if error else ""


def keys_in(tables: Tables) -> Rows:
    return {table: sorted(rows, key=repr) for table, rows in tables.items()}


def without(rows: dict, table: str, places: set) -> dict:
    return {key: row for key, row in rows.items() if (table, key) not in places}


def database_was_away(error: Exception) -> bool:
    """The bridge had lost PostgreSQL, or was not connected again yet."""
    return "database was lost" in str(error) or "database cannot be reached" in str(error)
