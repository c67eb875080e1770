"""Client libraries for Python, unchanged, against the real binary: OpenAI's and LangChain's MCP
adapters.

The packages are pinned in clients_python/requirements.txt and installed once into a virtual
environment below the build folder.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cases
from cases import SystemTest, main
from harness import Trouble

SOURCES = Path(__file__).resolve().parent / "clients_python"
INSTALL_SECONDS = 400
CASE_SECONDS = 60


def install_packages():
    """The Python of an environment with the packages; made anew when their list changed."""
    folder = Path(cases.BINARY).resolve().parents[1] / "python-clients"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "environment" / "bin" / "python"
    listed = SOURCES / "requirements.txt"
    stamp, wanted = folder / "installed", hashlib.sha256(listed.read_bytes()).hexdigest()
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return program
        shutil.rmtree(program.parents[1], ignore_errors=True)
        for command in ([sys.executable, "-m", "venv", str(program.parents[1])],
                        [str(program), "-m", "pip", "install", "-q", "-r", str(listed)]):
            done = subprocess.run(command, capture_output=True, text=True, check=False,
                                  timeout=INSTALL_SECONDS)
            if done.returncode != 0:
                raise Trouble(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        stamp.write_text(wanted)
    return program


class PythonClients(SystemTest):
    """One process a case, as users have it."""

    models = ("sandbox-echo", "sandbox-issue")

    @classmethod
    def setUpClass(cls):
        cls.program = install_packages()
        super().setUpClass()
        cls.platform = cls.world.platform()
        cls.user = cls.platform.connected_user()

    def play(self, case, **more):
        given = {"api": self.node.api, "key": self.user.key, "tools": self.user.tools(),
                 "servers": self.user.config()["standard"], "title": self.id(), **more}
        # Proxies of the machine have no business with loopback, and nobody is told of a test.
        kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        done = subprocess.run(
            [str(self.program), str(SOURCES / "client.py"), case], text=True, check=False,
            env={**kept, "CALLBOARD_TEST": json.dumps(given), "LANGSMITH_TRACING": "false"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=CASE_SECONDS)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1:]), (0, ["done"]),
                         done.stdout)

    def check_issue(self):
        self.assertEqual(self.sandbox.issues()[self.id()], 1)

    def test_responses_create_runs_mcp_tools(self):
        self.play("create")
        self.check_issue()

    def test_responses_stream(self):
        self.play("stream")
        self.check_issue()

    def test_errors_become_the_librarys_own_classes(self):
        self.play("errors")

    def test_langchain_adapters_list_and_call(self):
        self.play("langchain", tool="github_create_issue", answer="Issue #",
                  arguments={"owner": "octocat", "repo": "hello-world", "title": self.id()})
        self.check_issue()


if __name__ == "__main__":
    main()
