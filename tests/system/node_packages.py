"""Node programs of the tests: their packages, pinned in a lock file and installed once.

A new enough Node is among the packages; only npm itself must be there.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from harness import Program, Trouble

INSTALL_SECONDS = 400


def install(sources, folder):
    """Copies the scripts into the folder, and installs the packages when the lock file changed."""
    sources, folder = Path(sources), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock_text = (sources / "package-lock.json").read_bytes()
    stamp, wanted = folder / "installed", hashlib.sha256(lock_text).hexdigest()
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for source in sources.rglob("*"):
            if source.suffix in (".mjs", ".json"):
                copy = folder / source.relative_to(sources)
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(source, copy)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder,
                                  capture_output=True, text=True, check=False,
                                  timeout=INSTALL_SECONDS)
            if done.returncode != 0:
                raise Trouble(f"npm ci: {done.stdout}{done.stderr}")
            stamp.write_text(wanted)
    return folder


def node_program(folder):
    """The pinned Node."""
    found = list(folder.glob("node_modules/node-linux-*/bin/node"))
    if len(found) != 1:
        raise Trouble(f"there is no Node for this machine in {folder}: {found}")
    return found[0]


def environment(folder, **more):
    """For a program that starts others: the pinned Node comes first in the path."""
    # Proxies of the machine have no business with loopback.
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    return {**kept, "PATH": f"{node_program(folder).parent}:{kept.get('PATH', '')}", **more}


class Service:
    """A server of ours in Node that prints its address; ended by close()."""

    count = 0

    def __init__(self, packages, script, arguments, folder):
        Service.count += 1
        name = f"{Path(script).stem}-{Service.count}"
        command = [str(node_program(packages)), str(packages / script), *arguments]
        self.program = Program(command, folder, name)
        self.url = self.program.info["url"]

    def close(self):
        self.program.terminate()
