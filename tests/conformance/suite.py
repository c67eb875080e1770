"""The official conformance suite as a program: what it demands, and how a run of it went."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCES.parent / "system"))

from node_packages import environment, install  # noqa: E402

REVISIONS = ("2025-11-25", "2026-07-28")
PACKAGE = "node_modules/@modelcontextprotocol/conformance"
# A set takes a few seconds; a scenario that hangs is cut off by the suite itself after 30 s.
RUN_SECONDS = 600
# Emitted by every scenario; it passes also when nothing was exchanged.
VACUOUS = "wire-schema-valid"


class Scenario(NamedTuple):
    """How one scenario went."""

    name: str
    scored: bool
    passed: bool
    checks: list

    def troubles(self):
        return [f"{x['id']}: {x.get('errorMessage') or x['description']}" for x in self.checks
                if x["status"] in ("FAILURE", "WARNING")]

    def as_json(self):
        return {"passed": self.passed, "scored": self.scored, "troubles": self.troubles()}


class Run(NamedTuple):
    """How a run of a requirement set went."""

    exit_code: int
    scenarios: dict
    output: str


class Suite:
    """The installed suite."""

    def __init__(self, binary):
        self.folder = install(SOURCES, Path(binary).resolve().parents[1] / "conformance")
        self.results = self.folder / "results"

    def required(self, revision, side):
        """The names that are scored, of side "server" or "client"."""
        return self._listed(revision, side, r"^  - (\S+)$")

    def not_scored(self, revision, side):
        text = "\n".join(self._section(revision, "not_scored"))
        return re.findall(rf"- scenario: (\S+)\n\s+leg: {side}\b", text)

    def _listed(self, revision, section, pattern):
        found = [re.match(pattern, x) for x in self._section(revision, section)]
        return [x.group(1) for x in found if x]

    def _section(self, revision, section):
        lines = (self.folder / PACKAGE / "requirements" / f"{revision}.yaml").read_text(
            encoding="utf-8").splitlines()
        begin = lines.index(f"{section}:") + 1
        for end in range(begin, len(lines)):
            if re.match(r"^\w", lines[end]):
                return lines[begin:end]
        return lines[begin:]

    def command(self, *arguments, **environment_more):
        """A finished run of the program, its output as one text."""
        program = str(self.folder / PACKAGE / "dist" / "index.js")
        return subprocess.run(["node", program, *arguments], cwd=self.folder, text=True,
                              env=environment(self.folder, **environment_more), check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=RUN_SECONDS)

    def test_server(self, url, revision, title, scenario=None):
        """Runs a requirement set, or one scenario, against a server."""
        output = self._fresh(f"{title}-{revision}")
        choice = (["--scenario", scenario, "--spec-version", revision] if scenario
                  else ["--requirements", revision])
        done = self.command("server", "--url", url, *choice, "-o", str(output))
        (output / "output.txt").write_text(done.stdout, encoding="utf-8")
        scored = self.required(revision, "server")
        return Run(done.returncode, self._read(output, "server", scored), done.stdout)

    def test_client(self, command, revision, title, scenario, **environment_more):
        """Runs one scenario against a client, a command that the URL is appended to."""
        output = self._fresh(f"{title}-{revision}/{scenario.replace('/', '.')}")
        done = self.command("client", "--command", command, "--scenario", scenario,
                            "--spec-version", revision, "-o", str(output), **environment_more)
        (output / "output.txt").write_text(done.stdout, encoding="utf-8")
        checks = [x for file in output.rglob("checks.json")
                  for x in json.loads(file.read_text(encoding="utf-8"))]
        scored = scenario in self.required(revision, "client")
        # Also fails for a warning and for a client that failed where it should not have.
        passed = done.returncode == 0 and _real(checks)
        return Run(done.returncode, {scenario: Scenario(scenario, scored, passed, checks)},
                   done.stdout)

    def _fresh(self, name):
        folder = self.results / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    @staticmethod
    def _read(output, side, scored):
        scenarios = {}
        for file in sorted(output.glob("*/checks.json")):
            name = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", file.parent.name)
            name = name.removeprefix(f"{side}-")
            checks = json.loads(file.read_text(encoding="utf-8"))
            passed = _real(checks) and all(x["status"] != "FAILURE" for x in checks)
            scenarios[name] = Scenario(name, name in scored, passed, checks)
        return scenarios


def _real(checks):
    """Whether anything was shown at all."""
    return any(x["status"] == "SUCCESS" and x["id"] != VACUOUS for x in checks)
