#!/usr/bin/env python3
"""Sums test runs up by single test cases.

    report.py STAGE=BUILD_FOLDER...   for example dev=build/dev asan=build/asan

Reads what ctest wrote (BUILD_FOLDER/ctest.xml by --output-junit, and BUILD_FOLDER/ctest.json by
--show-only=json-v1 for the labels) and what the test programs wrote (BUILD_FOLDER/junit/NAME.xml
for the ctest entry NAME; each test case in it counts). An entry without such a file, like a script,
counts as one test case. Prints a table by label, then the failed ones, and as its last line "N
passed, N failed". The exit code is 1 unless there were tests and all passed.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from typing import Dict, List, NamedTuple


class Outcome(NamedTuple):
    label: str
    name: str
    passed: int
    failed: List[str]
    skipped: int
    seconds: float


def read_cases(path: str):
    """(passed, names of the failed) of a file by Boost.Test, or None when it is missing or torn.

    Not read as XML: messages of failed checks may hold bytes that XML does not allow."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    if "</testsuite>" not in text:
        return None
    text = re.sub(r"<!\[CDATA\[.*?\]\]>", "", text, flags=re.DOTALL)
    passed, failed = 0, []
    for case in re.findall(r"<testcase\b.*?(?=<testcase\b|</testsuite>)", text, re.DOTALL):
        if re.search(r"<skipped\b", case):
            continue
        if re.search(r"<(failure|error)\b", case):
            name = re.search(r'\bname="([^"]*)"', case)
            failed.append(name.group(1) if name else "?")
        else:
            passed += 1
    return passed, failed


def read_labels(folder: str) -> Dict[str, str]:
    """The first label of each ctest entry."""
    with open(os.path.join(folder, "ctest.json"), encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    labels = {}
    for test in tests:
        values = [x["value"] for x in test.get("properties", []) if x["name"] == "LABELS"]
        labels[test["name"]] = values[0][0] if values and values[0] else "other"
    return labels


def read_entry(entry, stage: str, folder: str, labels: Dict[str, str]) -> Outcome:
    name = entry.get("name")
    label = f"{stage} {labels.get(name, 'other')}"
    seconds = float(entry.get("time") or 0)
    status = entry.get("status")
    skipped = entry.find("skipped")
    if status in ("disabled", "notrun") or skipped is not None:
        # ctest calls it skipped as well when a program is missing; that is no choice of the test.
        reason = skipped.get("message", "") if skipped is not None else ""
        chosen = status == "disabled" or reason.startswith("SKIP_")
        return Outcome(label, name, 0, [] if chosen else [name], int(chosen), seconds)
    good = status == "run" and entry.find("failure") is None
    cases = read_cases(os.path.join(folder, "junit", f"{name}.xml"))
    if cases is None:
        return Outcome(label, name, int(good), [] if good else [name], 0, seconds)
    passed, failed = cases
    failed = [f"{name}/{x}" for x in failed]
    # A crash, a leak or a time limit fails the entry although each case may have passed.
    if not good and not failed:
        failed = [name]
    return Outcome(label, name, passed, failed, 0, seconds)


def read_stage(stage: str, folder: str) -> List[Outcome]:
    try:
        tree = ElementTree.parse(os.path.join(folder, "ctest.xml"))
        labels = read_labels(folder)
    except (FileNotFoundError, ElementTree.ParseError, json.JSONDecodeError) as problem:
        print(f"{stage}: {problem}")
        return [Outcome(f"{stage} run", stage, 0, [f"{stage}: the run left no result"], 0, 0.0)]
    return [read_entry(x, stage, folder, labels) for x in tree.getroot().findall("testcase")]


def print_table(outcomes: List[Outcome]) -> None:
    rows: Dict[str, List[float]] = {}
    for x in outcomes:
        row = rows.setdefault(x.label, [0, 0, 0, 0.0])
        row[0] += x.passed
        row[1] += len(x.failed)
        row[2] += x.skipped
        row[3] += x.seconds
    print(f"{'':24}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for label, (passed, failed, skipped, seconds) in rows.items():
        print(f"{label:24}{passed:8}{failed:8}{skipped:9}{seconds:9.1f}")


def main(arguments: List[str]) -> int:
    outcomes = []
    for argument in arguments:
        stage, _, folder = argument.partition("=")
        outcomes += read_stage(stage, folder)
    print_table(outcomes)
    failed = [f"{x.label}: {name}" for x in outcomes for name in x.failed]
    for name in failed:
        print(f"FAILED {name}")
    passed = sum(x.passed for x in outcomes)
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
