#!/usr/bin/env python3
"""Runs the official conformance suite for clients: Callboard is the client of the suite's servers.

    run_clients.py BINARY                            every scored scenario of both requirement sets
    run_clients.py BINARY --scenario X [--revision]  one scenario, every check printed
    run_clients.py BINARY --without-callboard        the driver itself against the suite's servers

The scenarios run one after the other, since the suite itself would start all at once.
"""

import argparse
import json
import os
import shlex
import sys
from contextlib import closing, nullcontext
from pathlib import Path

from suite import REVISIONS, Suite

from cases import write_junit
from tenants import World

DRIVER = Path(__file__).resolve().parent / "client_driver.py"
LOG_LINES_SHOWN = 40
# The driver has no OAuth client, nor does it retry: those are the gateway's to show.
DRIVER_ALONE = {
    "2025-11-25": ("initialize", "tools_call", "elicitation-sep1034-client-defaults"),
    "2026-07-28": ("tools_call", "json-schema-ref-no-deref", "http-standard-headers",
                   "http-custom-headers", "sep-2322-client-request-state"),
}


def described(world):
    """What the driver has to know of the installation."""
    platform = world.platform()
    return json.dumps({"api": world.node.api, "mcp": world.node.mcp, "platform": platform.id,
                       "platform_key": platform.key})


def run_one(suite, world, revision, scenario):
    more = {"CALLBOARD_CONFORMANCE": described(world)} if world else {}
    command = f"{shlex.quote(sys.executable)} -B {shlex.quote(str(DRIVER))}"
    title = "client" if world else "driver"
    return suite.test_client(command, revision, title, scenario, **more)


def show_checks(run, world):
    for scenario in run.scenarios.values():
        for check in scenario.checks:
            print(f"{check['status']:8} {check['id']}: {check['description']}")
            if check.get("errorMessage"):
                print(f"         {check['errorMessage']}")
    print(run.output)
    if world:
        print("\n".join(world.node.said().splitlines()[-LOG_LINES_SHOWN:]))


def run_set(suite, world, revision, names, cases):
    results, failing = {}, []
    for name in names:
        scenario = run_one(suite, world, revision, name).scenarios[name]
        results[name] = scenario.as_json()
        cases.append((f"{revision} {name}", "" if scenario.passed else "failure",
                      "; ".join(scenario.troubles()), 0.0))
        print(f"  {'pass' if scenario.passed else 'FAIL'}  {name}", flush=True)
        if not scenario.passed:
            failing.append(name)
            for trouble in scenario.troubles():
                print(f"          {trouble[:300]}")
    print(f"  {revision}: {len(names) - len(failing)} of {len(names)} scenarios pass", flush=True)
    if world:
        (suite.results / f"client-callboard-{revision}.json").write_text(json.dumps({
            "title": "Callboard as a client of the suite's servers", "revision": revision,
            "failing": failing, "scenarios": results, "exempt": {},
        }, indent=2), encoding="utf-8")
    return not failing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--revision", choices=REVISIONS)
    parser.add_argument("--scenario")
    parser.add_argument("--without-callboard", action="store_true")
    given = parser.parse_args()
    suite = Suite(given.binary)
    suite.results.mkdir(exist_ok=True)
    world = None if given.without_callboard else World(given.binary)
    good, cases = True, []
    with nullcontext() if world is None else closing(world):
        for revision in [given.revision] if given.revision else REVISIONS:
            if given.scenario:
                run = run_one(suite, world, revision, given.scenario)
                show_checks(run, world)
                good &= run.scenarios[given.scenario].passed
                continue
            names = (DRIVER_ALONE[revision] if world is None
                     else suite.required(revision, "client"))
            good &= run_set(suite, world, revision, names, cases)
    if os.environ.get("CALLBOARD_JUNIT") and cases:
        write_junit(os.environ["CALLBOARD_JUNIT"], cases)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
