#!/usr/bin/env python3
"""Runs the official conformance suite for servers, directly on our fixture and through Callboard.

    run.py BINARY                        all set-ups, both requirement sets
    run.py BINARY --setups direct        some of them (direct* or gateway stand for groups)
    run.py BINARY --setups single --revision 2026-07-28 --scenario caching
                                         one scenario, every check printed
    run.py BINARY --update-readme        writes the table of the results on disk into README.md

Results are kept below the build folder. Exit code 0 only if every scored scenario that a set-up
can show passes.
"""

import argparse
import json
import os
import sys

from report import update_readme
from setups import DIRECT, SETUPS, THROUGH_CALLBOARD, Standing
from suite import REVISIONS, Suite

from cases import write_junit
from harness import Trouble

GROUPS = {"direct*": DIRECT, "gateway": THROUGH_CALLBOARD, "all": DIRECT + THROUGH_CALLBOARD}
LOG_LINES_SHOWN = 40


def chosen_setups(words):
    names = [name for word in words for name in GROUPS.get(word, (word,))]
    unknown = [x for x in names if x not in SETUPS]
    if unknown:
        sys.exit(f"there is no set-up {unknown}; there are {', '.join(SETUPS)}")
    return [SETUPS[x] for x in names]


def show(run, setup, revision):
    """One line per scenario that is not as it should be."""
    failing = []
    for scenario in run.scenarios.values():
        exempt = setup.exempt if revision == "2026-07-28" else {}
        if scenario.passed:
            continue
        if not scenario.scored:
            note = "not scored"
        elif scenario.name in exempt:
            note = f"exempt: it {exempt[scenario.name]}"
        else:
            note = "FAILS"
            failing.append(scenario.name)
        print(f"    {scenario.name}: {note}")
        for trouble in scenario.troubles() if note == "FAILS" else ():
            print(f"      {trouble[:300]}")
    return failing


def keep(suite, setup, revision, run, failing):
    scored = {x.name: x.as_json() for x in run.scenarios.values() if x.scored}
    suite.results.mkdir(exist_ok=True)
    file = suite.results / f"server-{setup.name}-{revision}.json"
    file.write_text(json.dumps({
        "title": setup.title, "revision": revision, "exit_code": run.exit_code,
        "failing": failing, "scenarios": scored,
        "exempt": {k: v for k, v in setup.exempt.items() if k in scored},
    }, indent=2), encoding="utf-8")


def compare(suite, revision, failing):
    """Tells which of the failures the fixture alone does not have."""
    file = suite.results / f"server-direct-{revision}.json"
    if not failing or not file.exists():
        return
    direct = json.loads(file.read_text(encoding="utf-8"))["scenarios"]
    ours = [x for x in failing if direct.get(x, {}).get("passed")]
    if ours:
        print(f"    passing directly, so the gateway's: {', '.join(ours)}")


def as_cases(setup, revision, run, failing):
    """The scored scenarios, for tests/report.py."""
    found = []
    for name in sorted({x.name for x in run.scenarios.values() if x.scored} | set(failing)):
        troubles = run.scenarios[name].troubles() if name in run.scenarios else ["it did not run"]
        exempt = name not in failing and not run.scenarios[name].passed
        kind = "failure" if name in failing else "skipped" if exempt else ""
        found.append((f"{setup.name} {revision} {name}", kind, "; ".join(troubles), 0.0))
    return found


def run_set(suite, standing, revision, cases):
    setup = standing.setup
    run = suite.test_server(standing.url, revision, setup.name)
    missing = sorted(set(suite.required(revision, "server")) - set(run.scenarios))
    if missing:
        print(run.output[-2000:])
    scored = [x for x in run.scenarios.values() if x.scored]
    passed = sum(x.passed for x in scored)
    print(f"  {revision}: {passed} of {len(scored) + len(missing)} scored scenarios pass, the "
          f"suite's exit code is {run.exit_code}", flush=True)
    failing = show(run, setup, revision) + missing
    # The suite decides as well, unless it fails for what is exempt.
    unexplained = run.exit_code != 0 and not failing and passed == len(scored)
    keep(suite, setup, revision, run, failing)
    cases += as_cases(setup, revision, run, failing)
    if unexplained:
        cases.append((f"{setup.name} {revision} exit code", "failure", run.output[-1000:], 0.0))
    if setup.gateway:
        compare(suite, revision, failing)
    return not failing and not unexplained


def run_scenario(suite, standing, revision, name):
    run = suite.test_server(standing.url, revision, standing.setup.name + "-scenario", name)
    checks = [x for s in run.scenarios.values() for x in s.checks]
    for check in checks:
        print(f"{check['status']:8} {check['id']}: {check['description']}")
        if check.get("errorMessage"):
            print(f"         {check['errorMessage']}")
        if check["status"] in ("FAILURE", "WARNING") and check.get("details"):
            print(f"         {json.dumps(check['details'])[:4000]}")
    if not checks:
        print(run.output)
    if any(not x.passed for x in run.scenarios.values()):
        print("\n".join(standing.said().splitlines()[-LOG_LINES_SHOWN:]))
    return bool(checks) and all(x.passed for x in run.scenarios.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--setups", nargs="+", default=["all"])
    parser.add_argument("--revision", choices=REVISIONS)
    parser.add_argument("--scenario")
    parser.add_argument("--update-readme", action="store_true")
    given = parser.parse_args()
    suite = Suite(given.binary)
    if given.update_readme:
        update_readme(suite.results)
        return 0
    good, cases = True, []
    for setup in chosen_setups(given.setups):
        print(f"{setup.name}: {setup.title}", flush=True)
        try:
            with Standing(setup, given.binary, suite.folder) as standing:
                for revision in [given.revision] if given.revision else setup.revisions:
                    good &= (run_scenario(suite, standing, revision, given.scenario)
                             if given.scenario else run_set(suite, standing, revision, cases))
        except Trouble as trouble:
            print(f"  it does not stand: {trouble}")
            cases.append((f"{setup.name} stands", "error", str(trouble), 0.0))
            good = False
    if os.environ.get("CALLBOARD_JUNIT") and cases:
        write_junit(os.environ["CALLBOARD_JUNIT"], cases)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
