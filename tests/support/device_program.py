"""The program that DeviceProcess runs: reads statements as lines of JSON, runs them, writes the rows.

Reads only the standard library, so that it starts fast: tests kill it a thousand times.
"""

import json
import sqlite3
import sys


def main(path: str, extension: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    answer("ready")
    for line in sys.stdin:
        statement, parameters = json.loads(line)
        try:
            answer({"rows": connection.execute(statement, parameters).fetchall()})
        except sqlite3.Error as error:
            answer({"error": str(error)})
    connection.close()


def answer(value: object) -> None:
    print(json.dumps(value, default=repr), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
