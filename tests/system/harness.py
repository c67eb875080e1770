"""Processes of the system tests, and an HTTP client that hides nothing.

Everything runs on free ports of loopback in a folder of its own below the system's temporary
folder, and is ended by its process id. Needs Python's standard library only.
"""

import http.client
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse
from pathlib import Path

READY_SECONDS = 60
# Above the node's own limit for draining requests (20 s), so that a hang is told from a drain.
END_SECONDS = 45
POSTGRES_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
# Who owns an embedded cluster when root starts the node: PostgreSQL refuses to run as root.
POSTGRES_ACCOUNT = "postgres"
# The embedded mode uses the one database that initdb makes.
POSTGRES_DATABASE = "postgres"


class Trouble(AssertionError):
    """Something that a test needs did not happen."""


def eventually(probe, seconds=10.0, every=0.05, what="the expected state"):
    """The first true value of probe(); Trouble when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Trouble(f"waited {seconds} s for {what}, last seen: {value!r}")
        time.sleep(every)


# -- HTTP ----------------------------------------------------------------------


class Answer:
    """A whole answer: status, headers (case does not matter), text."""

    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text

    def json(self):
        return json.loads(self.text)

    @property
    def error(self):
        """The member "error" of the body."""
        return self.json()["error"]

    @property
    def code(self):
        return self.error["code"]

    def __repr__(self):
        return f"<{self.status} {self.text[:500]!r}>"


def _prepare(key, body, headers):
    headers = dict(headers or {})
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    if isinstance(body, str):
        body = body.encode()
    return body, headers


def _connect(parts, timeout, context):
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout,
                                           context=context or ssl.create_default_context())
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)


def _target(parts):
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def fetch(method, url, key=None, body=None, headers=None, timeout=60, context=None):
    """One request on a connection of its own; redirects are not followed."""
    parts = urllib.parse.urlsplit(url)
    body, headers = _prepare(key, body, headers)
    connection = _connect(parts, timeout, context)
    try:
        connection.request(method, _target(parts), body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return Answer(answer.status, answer.headers, text)
    finally:
        connection.close()


class Event:
    """A server-sent event."""

    def __init__(self, name, data):
        self.name = name
        self.data = data

    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f"<{self.name}: {self.data[:200]}>"


class Stream:
    """An answer that is read as it comes: server-sent events."""

    def __init__(self, method, url, key=None, body=None, headers=None, timeout=60, context=None):
        parts = urllib.parse.urlsplit(url)
        body, headers = _prepare(key, body, headers)
        self.connection = _connect(parts, timeout, context)
        self.connection.request(method, _target(parts), body=body, headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.headers = self.answer.headers
        self.comments = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def text(self):
        return self.answer.read().decode("utf-8", "replace")

    def lines(self):
        """Lines without their ends; stops at the end of the answer."""
        while True:
            line = self.answer.readline()
            if not line:
                return
            yield line.decode().rstrip("\r\n")

    def events(self):
        """Events with data; comments and priming events (an id, no data) are put aside."""
        name, data = "message", []
        for line in self.lines():
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line.startswith("event:"):
                name = line[len("event:"):].strip()
            elif line.startswith("data:"):
                data.append(line[len("data:"):].removeprefix(" "))
            elif not line and data:
                if any(data):
                    yield Event(name, "\n".join(data))
                name, data = "message", []

    def close(self):
        """Leaves at once, whatever is still to come."""
        # http.client hands the socket to the answer, whose buffered file would keep it open.
        self.answer.close()
        self.connection.close()


def send_raw(url, data, timeout=10):
    """Bytes as they are; what comes back until the other side closes."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as link:
        link.sendall(data)
        received = b""
        try:
            while chunk := link.recv(65536):
                received += chunk
        except TimeoutError:
            pass
        return received


def port_of(url):
    return urllib.parse.urlsplit(url).port


def connections_to(port):
    """Established TCP connections of this machine to a local port, as seen by their clients."""
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            count += fields[3] == "01" and int(fields[2].split(":")[1], 16) == port
    return count


# -- processes -----------------------------------------------------------------


class Program:
    """A process that prints one JSON line when it is ready. Its output goes to files."""

    def __init__(self, command, folder, name, environment=None):
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        with open(self.output, "wb") as out, open(self.errors, "wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(environment or {})})
        try:
            self.info = eventually(self._ready, READY_SECONDS, 0.02, f"{name} to be ready")
        except Trouble:
            self.kill9()
            raise Trouble(f"{' '.join(map(str, command))} did not start: {self.said()}") from None

    def _ready(self):
        for line in self.output.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n") and '"ready"' in line:
                return json.loads(line)
        if self.process.poll() is not None:
            raise Trouble("it ended")
        return None

    def said(self):
        """All that it printed."""
        return "".join(x.read_text(encoding="utf-8", errors="replace")
                       for x in (self.output, self.errors))

    def kill9(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def terminate(self, seconds=END_SECONDS):
        """SIGTERM; the exit code. Killed when it does not end, which is Trouble."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise Trouble(f"{self.process.args} did not end in {seconds} s") from None


class Sandbox:
    """The outside world."""

    def __init__(self, binary, folder):
        self.program = Program([binary, "sandbox", "--listen", "127.0.0.1:0"], folder, "sandbox")
        self.url = self.program.info["url"]
        self.model_url = f"{self.url}/model/v1"

    def app_bases(self):
        """What lets a node find the sandbox's GitHub."""
        bases = self.program.info["github"]
        return [x for name, url in bases.items() for x in ("--app-base", f"github.{name}={url}")]

    def control(self, method, path, body=None):
        answer = fetch(method, f"{self.url}/_control/{path}", body=body)
        if answer.status != 200:
            raise Trouble(f"{method} _control/{path}: {answer}")
        return answer.json()

    def fault(self, match, kind, **fields):
        """Spoils the next requests that match "METHOD PATH" (once, unless times says more)."""
        self.control("POST", "fault", {"match": match, "kind": kind, **fields})

    def clear_faults(self):
        self.control("DELETE", "fault")

    def requests(self, match="*", secrets=False):
        """The journal: what the outside world was asked."""
        query = urllib.parse.urlencode({"match": match, **({"secrets": "1"} if secrets else {})})
        return self.control("GET", f"requests?{query}")

    def forget_requests(self):
        self.control("POST", "reset", {"only": "journal"})

    def configure(self, app, **switches):
        self.control("POST", f"configure/{app}", switches)

    def issues(self, repository="octocat/hello-world"):
        """Titles of a repository's issues and how often each is there."""
        state = self.control("GET", "state")["github"]["repositories"][repository]
        titles = {}
        for issue in state["issues"].values():
            titles[issue["title"]] = titles.get(issue["title"], 0) + 1
        return titles

    def close(self):
        self.program.terminate()


class Node:
    """A node on its embedded PostgreSQL. May be killed and started again on the same state."""

    def __init__(self, binary, folder, options):
        self.binary = binary
        self.folder = folder
        self.data = folder / "data"
        self.options = list(options)
        self.starts = 0
        # For the next start only, such as CALLBOARD_CRASH_AT.
        self.environment = {}
        self.listen = {"api": "127.0.0.1:0", "mcp": "127.0.0.1:0", "ops": "127.0.0.1:0"}
        self.program = None
        self.start()

    def start(self):
        """Starts it; the second time on the ports of the first."""
        self.starts += 1
        listen = [x for name, at in self.listen.items() for x in (f"--{name}-listen", at)]
        self.program = Program(
            [self.binary, "serve", "--data-dir", str(self.data), *listen,
             "--allow-private-upstreams", *self.options], self.folder, f"node-{self.starts}",
            self.environment)
        self.environment = {}
        info = self.program.info
        self.api, self.mcp, self.ops = (info[f"{x}_url"] for x in ("api", "mcp", "ops"))
        for name in self.listen:
            self.listen[name] = f"127.0.0.1:{port_of(info[f'{name}_url'])}"

    def kill9(self):
        self.program.kill9()

    def restart(self):
        """Death without warning, and a new process on the same state and ports."""
        self.kill9()
        self.start()

    def said(self):
        """What all its processes printed so far."""
        return "".join(x.read_text(encoding="utf-8", errors="replace")
                       for x in sorted(self.folder.glob("node-*.*")))

    def run(self, *arguments):
        """A subcommand on the node's data: the finished process."""
        command = [self.binary, *arguments, "--data-dir", str(self.data), "--json"]
        return subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=READY_SECONDS)

    def cli(self, *arguments):
        """Likewise, insisting on success: the JSON that it printed."""
        done = self.run(*arguments)
        if done.returncode != 0:
            raise Trouble(f"callboard {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def inspect(self, *what):
        """What `callboard inspect` tells of the live actors."""
        return self.cli("inspect", *what, "--ops-url", self.ops)

    # -- PostgreSQL ------------------------------------------------------------

    @property
    def socket_folder(self):
        note = self.data / "pg.socket-folder"
        return note.read_text().strip() if note.exists() else str(self.data / "pg.socket")

    def pg_ctl(self, *arguments):
        as_root = os.geteuid() == 0
        account = pwd.getpwnam(POSTGRES_ACCOUNT) if as_root else None
        return subprocess.run(
            [str(POSTGRES_PROGRAMS / "pg_ctl"), *arguments, "-D", str(self.data / "pg")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=account.pw_uid if as_root else None, group=account.pw_gid if as_root else None,
            extra_groups=[] if as_root else None, cwd="/", check=False,
            timeout=READY_SECONDS).returncode

    def stop_postgres(self, mode="fast"):
        if self.pg_ctl("stop", "-w", "-m", mode) != 0:
            raise Trouble("PostgreSQL did not stop")

    def start_postgres(self):
        folder = f"-c unix_socket_directories='{self.socket_folder}'"
        log = str(self.data / "pg" / "server.log")
        if self.pg_ctl("start", "-w", "-l", log, "-o", folder) != 0:
            raise Trouble("PostgreSQL did not start")

    def sql(self, statement):
        """Rows as lists of texts; as the cluster's owner, who sees every tenant."""
        done = subprocess.run(
            [str(POSTGRES_PROGRAMS / "psql"), "-h", self.socket_folder, "-U", "callboard", "-AtX",
             "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", statement, POSTGRES_DATABASE],
            capture_output=True, text=True, check=False, timeout=READY_SECONDS)
        if done.returncode != 0:
            raise Trouble(f"psql: {done.stderr}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def violations(self):
        """The money invariants that do not hold, with how often: {} when all is well."""
        rows = self.sql("SELECT invariant, violations FROM ledger_verify()")
        if not rows:
            raise Trouble("ledger_verify() told nothing")
        return {name: int(count) for name, count in rows if count != "0"}

    def close(self):
        """Ends all that was started on the data folder, whatever state it is in."""
        try:
            self.program.terminate()
        finally:
            if (self.data / "pg").exists() and self.pg_ctl("status") == 0:
                self.stop_postgres("immediate")
