"""What operators rely on (I59, I118 to I125): start, drain, TLS, metrics, inspection, secrets."""

import base64
import os
import re
import socket
import ssl
import stat
import subprocess
import threading
import time
import unittest
import urllib.parse

from cases import SystemTest, main
from harness import Program, Stream, Trouble, eventually, fetch, port_of, send_raw
from tenants import settled

DRAIN_SECONDS = 20


class Draining(SystemTest):
    """SIGTERM and what comes after."""

    models = ("sandbox-slow:150", "sandbox-slow:1000", "sandbox-echo")

    def test_a_running_stream_is_finished_and_new_connections_are_refused(self):
        platform = self.world.platform()
        user = platform.connected_user()
        session = user.session()
        idle = session.stream()
        with user.stream("sandbox-slow:150", "a story " * 20) as stream:
            events = stream.events()
            while next(events).name != "response.output_text.delta":
                pass
            ended = []
            port = port_of(self.node.api)
            stopper = threading.Thread(
                target=lambda: ended.append(self.node.program.terminate()))
            stopper.start()
            eventually(lambda: self.is_closed(port), 3, what="new connections to be refused")
            names = [x.name for x in events if x.data != "[DONE]"]
            self.assertEqual(names[-1], "response.completed")
        self.assertEqual(list(idle.events()), [], "the idle stream of the session ended")
        idle.close()
        stopper.join()
        self.assertEqual(ended, [0])
        self.assertNotEqual(self.node.pg_ctl("status"), 0, "PostgreSQL ended with the node")
        self.node.start()
        self.assertEqual([x["type"] for x in platform.transactions()], ["llm_usage", "top_up"])
        self.assertEqual(platform.held(), 0)
        self.assertEqual(session.ask("ping").status, 200)
        self.assert_money_is_exact()

    def is_closed(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return False
        except (ConnectionRefusedError, ConnectionResetError):
            return True  # reset: it closed while we connected

    def test_a_stream_that_takes_too_long_is_told_and_ended(self):
        platform = self.world.platform()
        user = platform.end_user()
        with user.stream("sandbox-slow:1000", "a long story " * 60) as stream:
            events = stream.events()
            while next(events).name != "response.output_text.delta":
                pass
            begun = time.monotonic()
            self.assertEqual(self.node.program.terminate(), 0)
            self.assertLess(time.monotonic() - begun, DRAIN_SECONDS + 10)
            last = [x for x in events if x.data != "[DONE]"][-1]
        self.assertEqual(last.name, "response.failed")
        self.assertEqual(last.json()["response"]["error"]["code"], "shutting_down")
        self.node.start()
        self.assert_status(user.respond("sandbox-echo", "again"), 200)
        self.assert_money_is_exact()


class Starting(SystemTest):
    """Settings, good and bad."""

    def refuse(self, *arguments, environment=None):
        done = subprocess.run(
            [self.node.binary, "serve", *arguments], capture_output=True, text=True, timeout=30,
            env={**os.environ, **(environment or {})}, check=False)
        self.assertNotEqual(done.returncode, 0, arguments)
        self.assertTrue(done.stderr.strip(), arguments)
        self.assertNotIn('"ready"', done.stdout)
        return done.stderr

    def test_bad_settings_are_refused_with_a_sentence_that_names_them(self):
        folder = self.world.folder / "elsewhere"
        data = ("--data-dir", str(folder))
        for arguments, word in ((("--no-such-flag",), "no-such-flag"),
                                (("--api-listen", "nonsense"), "api-listen"),
                                (("--session-ttl", "soon"), "session-ttl"),
                                (("--tls-cert", "/nowhere"), "tls"),
                                (("--log-level", "loud"), "log-level"),
                                (("--app-base", "github.nowhere=http://x"), "nowhere"),
                                (("--database-url", "postgresql://u:hunter2@h/d"), "password"),
                                (("--database-url", "host=/nowhere"), "master-key-file")):
            with self.subTest(arguments=arguments):
                said = self.refuse(*data, *arguments)
                self.assertIn(word, said)
                self.assertNotIn("hunter2", said)

    def test_a_port_that_is_taken_is_told(self):
        folder = self.world.folder / "taken"
        said = self.refuse("--data-dir", str(folder), "--api-listen", self.node.listen["api"])
        self.assertIn(self.node.listen["api"].rsplit(":", 1)[1], said)

    def test_settings_come_from_file_and_environment_as_well(self):
        file = self.world.folder / "callboard.toml"
        file.write_text('mcp-url = "https://mcp.example"\nlog-level = "error"\n')
        command = [self.node.binary, "serve", "--config", str(file)]
        listen = {f"CALLBOARD_{x}_LISTEN": "127.0.0.1:0" for x in ("API", "MCP", "OPS")}
        os.environ.update(listen, CALLBOARD_DATA_DIR=str(self.world.folder / "by-environment"),
                          CALLBOARD_API_URL="https://api.example")
        try:
            program = Program(command, self.world.folder, "other")
        finally:
            for name in (*listen, "CALLBOARD_DATA_DIR", "CALLBOARD_API_URL"):
                del os.environ[name]
        self.addCleanup(program.terminate)
        self.assertEqual((program.info["api_url"], program.info["mcp_url"]),
                         ("https://api.example", "https://mcp.example"))

    def test_a_master_key_that_is_lost_or_wrong_is_noticed(self):
        user = self.world.platform().connected_user()
        key_file = self.node.data / "master.key"
        self.assertEqual(stat.S_IMODE(key_file.stat().st_mode), 0o600)
        right = key_file.read_bytes()
        self.node.program.terminate()
        for wrong in (None, b"nonsense\n"):
            if wrong is None:
                key_file.unlink()
            else:
                key_file.write_bytes(wrong)
                os.chmod(key_file, 0o600)
            with self.subTest(wrong=wrong), self.assertRaises(Trouble):
                self.node.start()
                self.node.program.terminate()
        key_file.write_bytes(right)
        os.chmod(key_file, 0o600)
        self.node.start()
        self.assert_tool_text(user.session().create_issue("Right key"), "Issue #")


class Tls(SystemTest):
    """HTTPS on the api and mcp listeners."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.world.folder
        cls.cert, cls.key = folder / "tls.crt", folder / "tls.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout",
                        str(cls.key), "-out", str(cls.cert), "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        cls.world.node.program.terminate()
        cls.world.node.options += ["--tls-cert", str(cls.cert), "--tls-key", str(cls.key)]
        cls.world.node.start()
        cls.context = ssl.create_default_context(cafile=str(cls.cert))

    def test_the_node_serves_https_and_says_so_in_its_urls(self):
        for url in (self.node.api, self.node.mcp):
            self.assertTrue(url.startswith("https://localhost:"), url)
            self.assertEqual(fetch("GET", f"{url}/healthz", context=self.context).status, 200)
        self.assertTrue(self.node.ops.startswith("http://"))
        made = self.node.cli("platform", "create", "--name", "Tls")
        user = fetch("POST", f"{self.node.api}/v1/platforms/{made['id']}/end-users",
                     made["platform_key"], {"external_id": "u"}, context=self.context)
        key = user.json()["api_key"]["raw_key"]
        config = fetch("GET", f"{self.node.api}/v1/me/mcp-config", key, context=self.context)
        self.assertEqual(config.json(), {"standard": {}, "openai": []})
        self.node.cli("wallet", "topup", "--platform", made["id"], "--amount", "1")
        with Stream("POST", f"{self.node.api}/v1/responses", key,
                    {"model": "sandbox-echo", "input": "over TLS " * 50, "stream": True},
                    context=self.context) as stream:
            last = [x for x in stream.events() if x.data != "[DONE]"][-1]
        self.assertEqual(last.name, "response.completed")

    def test_plain_http_and_old_tls_are_refused(self):
        received = send_raw(self.node.api, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 3)
        self.assertNotIn(b"200", received)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, OSError)):
            fetch("GET", f"{self.node.api}/healthz", context=old)
        self.assertEqual(fetch("GET", f"{self.node.api}/healthz", context=self.context).status,
                         200)


class Watching(SystemTest):
    """Metrics, readiness, the live actors."""

    models = ("sandbox-echo", "sandbox-slow:300")

    def test_metrics_count_what_happened(self):
        platform = self.world.platform()
        user = platform.connected_user()
        user.session().create_issue("Counted")
        user.respond("sandbox-echo", "counted")
        answer = fetch("GET", f"{self.node.ops}/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get_content_type(), "text/plain")
        samples = {}
        for line in answer.text.splitlines():
            if not line.startswith("#"):
                self.assertRegex(line, r"^callboard_\w+(\{.*\})? [-+.\deE]+$")
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        for part in ("tool_calls", "turns", "tokens"):
            found = [v for k, v in samples.items() if part in k]
            self.assertGreater(sum(found), 0, part)
        for secret in (platform.id, user.id, user.key):
            self.assertNotIn(secret, answer.text)

    def test_readiness_follows_postgresql_and_liveness_does_not(self):
        self.assertEqual(fetch("GET", f"{self.node.ops}/ready").status, 200)
        self.node.stop_postgres()
        try:
            eventually(lambda: fetch("GET", f"{self.node.api}/readyz").status == 503, 5)
            self.assertEqual(fetch("GET", f"{self.node.ops}/ready").status, 503)
            self.assertEqual(fetch("GET", f"{self.node.ops}/alive").status, 200)
            self.assertEqual(fetch("GET", f"{self.node.ops}/metrics").status, 200)
        finally:
            self.node.start_postgres()
        eventually(lambda: fetch("GET", f"{self.node.ops}/ready").status == 200, 5)

    def test_operators_see_live_actors(self):
        platform = self.world.platform()
        user = platform.connected_user()
        session = user.session()
        self.assert_tool_text(session.create_issue("Seen"), "Issue #")
        with user.stream("sandbox-slow:300", "a story " * 20) as stream:
            next(stream.events())
            kinds = {x["kind"] for x in self.node.inspect("actors")["actors"]}
            for kind in ("authenticator", "tenant", "session", "connection", "loop"):
                self.assertIn(kind, kinds)
            loops = self.node.inspect("loop")["actors"]
            mine = [x for x in loops if x["state"]["platform"] == platform.id]
            self.assertEqual([x["state"]["model"] for x in mine], ["sandbox-slow:300"])
            tenant = self.node.inspect("tenant", platform.id)["actors"][0]
            self.assertEqual((tenant["key"], tenant["state"]["open_holds"]), (platform.id, 1))
            wallet = self.node.inspect("wallet", platform.id)
            self.assertEqual(wallet["database"]["platform_id"], platform.id)
            said = str(self.node.inspect("actors"))
        for secret in (session.id, user.key, platform.key):
            self.assertNotIn(secret, said)
        settled(platform)
        nobody = self.node.inspect("tenant", "00000000-0000-4000-8000-000000000000")
        self.assertEqual(nobody["actors"], [])

    def test_inspection_needs_the_operator_key(self):
        platform = self.world.platform()
        url = f"{self.node.ops}/inspect/actors"
        self.assert_status(fetch("GET", url), 401, "invalid_api_key")
        for key in ("nonsense", platform.key):
            self.assert_status(fetch("GET", url, key), 403, "forbidden")
        key = (self.node.data / "operator.key").read_text().strip()
        self.assertEqual(fetch("GET", url, key).status, 200)
        unknown = fetch("GET", f"{self.node.ops}/inspect/nothing", key)
        self.assert_status(unknown, 404, "not_found")
        wrong = self.world.folder / "wrong.key"
        wrong.write_text("0" * 64)
        done = self.node.run("inspect", "actors", "--ops-url", self.node.ops,
                             "--operator-key-file", str(wrong))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(fetch("GET", f"{self.node.api}/inspect/actors", key).status, 404)


class Secrets(SystemTest):
    """Nothing secret lies readable on the disk or in a log (R61, R83, I5)."""

    node_options = ("--log-level", "trace")

    def test_no_secret_is_in_the_database_files_the_journal_or_the_logs(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=0)
        platform.activate()
        user = platform.end_user()
        page = user.authorize()
        callback = user.consent(page, extra="&expiring=1")
        self.assertIn("status=connected", fetch("GET", callback).headers["Location"])
        session = user.session()
        self.assert_tool_text(session.create_issue("Secret"), "Issue #")
        self.assert_status(user.respond("sandbox-echo", "hello", tools=user.tools()), 200)
        fetch("GET", f"{self.node.mcp}/apps", user.key + "x")
        # A call that ends without PostgreSQL goes through the journal.
        self.sandbox.fault("POST /github/api/*", "delay", delay_ms=1000)
        caller = threading.Thread(target=lambda: session.create_issue("Journal"))
        caller.start()
        eventually(lambda: "Journal" in str(self.sandbox.requests("POST /github/api/*")))
        self.node.stop_postgres()
        caller.join()
        journal = self.read_all(self.node.data / "journal")
        self.node.start_postgres()
        eventually(lambda: fetch("GET", f"{self.node.api}/readyz").status == 200, 5)
        settled(platform)
        self.node.sql("CHECKPOINT")
        state = self.sandbox.control("GET", "state")["github"]
        asked = self.sandbox.requests("POST /model/v1/*", secrets=True)[-1]
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(callback).query))
        canaries = {
            "OAuth client secret": "sandbox-secret",
            "model server key": asked["headers"]["authorization"].split()[1],
            "platform key": platform.key, "end-user key": user.key,
            "lifecycle key": platform.lifecycle_key, "session id": session.id,
            "OAuth state": query["state"], "OAuth code": query["code"],
            "access token": next(x for x in state["tokens"] if x.startswith("ghu_")),
            "refresh token": next(iter(state["refresh"])),
            "operator key": (self.node.data / "operator.key").read_text().strip()}
        self.assertEqual(canaries["model server key"], "sandbox-model-secret-key")
        files = self.read_all(self.node.data, skip=("master.key", "operator.key"))
        files += journal + [("log", self.node.said().encode())]
        self.assertGreater(sum(len(data) for _, data in files), 1_000_000)
        self.assertTrue(any(b"hello" in data for _, data in files), "the search finds plain text")
        for name, secret in canaries.items():
            for form in self.forms_of(secret):
                found = [file for file, data in files if form in data]
                self.assertEqual(found, [], f"{name} as {form[:12]!r}...")

    def read_all(self, folder, skip=()):
        found = []
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in skip:
                found.append((str(path.relative_to(self.world.folder)), path.read_bytes()))
        return found

    def forms_of(self, secret):
        """The secret itself, its part behind a prefix, and what encodings make of it."""
        raw = secret.encode()
        forms = {raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-1]}
        if match := re.match(r"^(sk-plat_|sk-eu_|rt_live_)[0-9a-f]{16}(.+)$", secret):
            forms.add(match.group(2).encode())
        return forms


if __name__ == "__main__":
    main()
