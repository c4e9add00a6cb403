"""A PostgreSQL installation of our own with the extension in it, so that no other build's is measured
and nothing of the system is changed: PostgreSQL finds its files from where its programs are."""

import os
import shutil
import subprocess
from pathlib import Path


def private_installation(build: Path, folder: Path) -> Path:
    """Makes it below `folder`; the folder of its programs, for PATH."""
    root = folder / "root"
    programs = place("--bindir")
    shutil.copytree(programs, below(root, programs))
    for source in (place("--pkglibdir"), place("--sharedir"), place("--sharedir") / "extension"):
        mirror(source, below(root, source))
    subprocess.run(["cmake", "--install", build], env=os.environ | {"DESTDIR": str(root)}, check=True,
                   capture_output=True)
    return below(root, programs)


def place(option: str) -> Path:
    return Path(subprocess.run(["pg_config", option], capture_output=True, text=True, check=True).stdout.strip())


def below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def mirror(source: Path, target: Path) -> None:
    """Links everything in `source` but an installed Tidemark into the new folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if not entry.name.startswith("tidemark") and entry.name != "extension":
            (target / entry.name).symlink_to(entry)
