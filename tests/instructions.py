#!/usr/bin/env python3
"""Counts the instructions of a paid tools/call, thread by thread.

    python3 tests/instructions.py BENCH_BINARY [FOLDER]

BENCH_BINARY is build/release/tests/callboard_bench. It runs `--only tools` under valgrind's
callgrind, a minute. The figures are those of a call in user space, at 32 and 128 connections
together: a machine's speed and its other work change them by a few per cent only, where times swing
by twenty. They say nothing of the kernel. With FOLDER, callgrind's files stay there, for
`callgrind_annotate --tree=both --inclusive=yes FOLDER/out-NN`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH_MS = 25_000
RUN_SECONDS = 600
# Called once in each tool call, on the actor thread.
ONCE_A_CALL = "callboard::tool_call_state::answered("
# A function that only these threads run, and what to call them. Others are the bench's own.
THREADS = [
    ("callboard::fetch_engine::run(", "http client"),
    ("callboard::tool_call_state::answered(", "actors"),
    ("callboard::wire_connection::on_read(", "edge"),
    ("callboard::store::run(std::vector<", "lanes"),
]


def read(file):
    """The instructions of a thread, and how often it called each function."""
    names, calls, total, callee = {}, {}, 0, None
    for line in file.read_text(errors="replace").splitlines():
        if found := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            if found[2]:
                names[found[1]] = found[2]
            callee = found[1] if line.startswith("c") else None
        elif found := re.match(r"calls=(\d+)", line):
            calls[callee] = calls.get(callee, 0) + int(found[1])
        elif found := re.match(r"(?:totals|summary): (\d+)", line):
            total = int(found[1])
    return total, {names[key]: count for key, count in calls.items() if key in names}


def measure(bench, folder):
    subprocess.run(["valgrind", "--tool=callgrind", "--separate-threads=yes",
                    f"--callgrind-out-file={folder}/out", bench, "--only", "tools",
                    "--length-ms", str(BENCH_MS)],
                   check=True, timeout=RUN_SECONDS, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    threads, answered = {}, 0
    for file in sorted(Path(folder).glob("out-*")):
        total, calls = read(file)
        name = next((name for mark, name in THREADS
                     if any(x.startswith(mark) for x in calls)), None)
        if name:
            threads[name] = threads.get(name, 0) + total
        answered += sum(count for x, count in calls.items() if x.startswith(ONCE_A_CALL))
    if answered == 0:
        sys.exit("no tool call was answered")
    return {name: total / answered for name, total in threads.items()}, answered


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        folder = sys.argv[2] if len(sys.argv) == 3 else scratch
        Path(folder).mkdir(parents=True, exist_ok=True)
        threads, answered = measure(sys.argv[1], folder)
    print(f"instructions a call, of {answered} calls")
    for name, value in sorted(threads.items(), key=lambda x: -x[1]):
        print(f"{name:12} {value:9,.0f}")
    print(f"{'ours':12} {sum(threads.values()):9,.0f}")


if __name__ == "__main__":
    main()
