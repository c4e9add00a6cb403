"""Where the built parts are. TIDEMARK_BUILD names another build, such as one with sanitizers."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TIDEMARK_BUILD") or ROOT / "build").resolve()

DEVICE_EXTENSION = BUILD / "sqlite_extension" / "tidemark.so"
WRONG_CLOCK = BUILD / "tests" / "support" / "wrong_clock.so"
BRIDGE_PROGRAM = BUILD / "bridge" / "tidemark"


def require(path: Path) -> Path:
    """The path, if it is there; an error that says what to do if not."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build the project first (scripts/test build)")
    return path
