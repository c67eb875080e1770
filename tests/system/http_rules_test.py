"""HTTP conventions of every endpoint (I30 to I39), and bytes that no client library sends."""

import socket
import unittest

from cases import SystemTest, main
from harness import fetch, port_of, send_raw


class HttpRules(SystemTest):
    """The error envelope, limits, request ids, and requests that are none."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform = cls.world.platform()
        cls.user = cls.platform.end_user()

    def test_unknown_paths_are_404_and_wrong_methods_405(self):
        for base in (self.node.api, self.node.mcp, self.node.ops):
            for path in ("/nope", "/v1", "/v1/responses/a/b/c", "//", "/mcp/a/b"):
                self.assert_status(fetch("GET", base + path, self.user.key), 404, "not_found")
        for method, path, allow in (("PUT", "/v1/responses", "POST"),
                                    ("GET", "/v1/responses", "POST"),
                                    ("POST", "/v1/models", "GET"),
                                    ("DELETE", "/healthz", "GET")):
            answer = fetch(method, self.node.api + path, self.user.key)
            self.assert_status(answer, 405, "method_not_allowed")
            self.assertIn(allow, answer.headers["Allow"])
        self.assertEqual(fetch("HEAD", f"{self.node.api}/healthz").status, 200)

    def test_a_body_must_be_json_by_type_and_by_form(self):
        url = f"{self.node.api}/v1/responses"
        plain = fetch("POST", url, self.user.key, '{"model":"x"}', {"Content-Type": "text/plain"})
        self.assert_status(plain, 415, "unsupported_media_type")
        json_type = {"Content-Type": "application/json; charset=utf-8"}
        deep = "[" * 40 + "]" * 40
        for body in ("", "{", '{"a":1}}', "{'a':1}", '{"a":1,"a":2}', '{"a":1e400}',
                     '{"a":NaN}', '{"a":"\x01"}', b'{"a":"\xff"}', '{"a":"\\ud800"}',
                     '{"a":' + deep + "}", '{"a":01}', '[]', '"x"', "null", '{"a":1,}'):
            with self.subTest(body=body[:30]):
                answer = fetch("POST", url, self.user.key, body, json_type)
                self.assert_status(answer, 400, "invalid_json")
                self.assertEqual(answer.error["type"], "invalid_request_error")

    def test_a_body_that_is_too_large_is_413(self):
        url = f"{self.node.api}/v1/responses"
        head = (f"POST /v1/responses HTTP/1.1\r\nHost: localhost:{port_of(url)}\r\n"
                f"Authorization: Bearer {self.user.key}\r\nContent-Type: application/json\r\n"
                "Content-Length: 99999999\r\n\r\n").encode()
        received = send_raw(url, head + b"{}")
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received[:200])
        self.assertIn(b'"payload_too_large"', received)
        self.assertIn(b"request_id", received)

    def test_request_ids_are_made_echoed_and_cleaned(self):
        url = f"{self.node.api}/v1/models"
        made = [fetch("GET", url, self.user.key).headers["X-Request-Id"] for _ in range(3)]
        self.assertEqual(len(set(made)), 3)
        for id_ in made:
            self.assertRegex(id_, r"^req_[0-9a-f]{16,}$")
        own = fetch("GET", url, None, headers={"X-Request-Id": "client-id_1.2"})
        self.assertEqual(own.headers["X-Request-Id"], "client-id_1.2")
        self.assertEqual(own.error["request_id"], "client-id_1.2")
        for bad in ("a b", "<script>", "x" * 129, "a\tb", 'a"b'):
            answer = fetch("GET", url, None, headers={"X-Request-Id": bad})
            self.assertRegex(answer.headers["X-Request-Id"], r"^req_")

    def test_answers_carry_the_headers_that_keep_browsers_out(self):
        answer = fetch("GET", f"{self.node.api}/v1/models", self.user.key)
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
        preflight = fetch("OPTIONS", f"{self.node.api}/v1/me/mcp-config",
                          headers={"Origin": "https://app.example",
                                   "Access-Control-Request-Method": "GET"})
        self.assertEqual(preflight.status, 204)
        self.assertEqual(preflight.headers["Access-Control-Allow-Origin"], "*")
        closed = fetch("OPTIONS", f"{self.platform.url}/wallet",
                       headers={"Origin": "https://app.example"})
        self.assertEqual(closed.status, 405)
        self.assertIsNone(closed.headers["Access-Control-Allow-Origin"])

    def raw(self, *lines, body=b""):
        """The status line and the rest of what raw bytes are answered with."""
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        received = send_raw(self.node.api, head + body, timeout=5)
        return received.split(b"\r\n", 1)[0].decode(), received

    def test_requests_that_could_be_read_two_ways_are_refused(self):
        host = "Host: localhost"
        for lines in (
                ("POST /v1/models HTTP/1.1", host, "Content-Length: 5",
                 "Transfer-Encoding: chunked"),
                ("POST /v1/models HTTP/1.1", host, "Content-Length: 5", "Content-Length: 6"),
                ("POST /v1/models HTTP/1.1", host, "Content-Length: +5"),
                ("POST /v1/models HTTP/1.1", host, "Transfer-Encoding: gzip, chunked"),
                ("GET /v1/models HTTP/1.1", host, "Content-Length : 5"),
                ("GET /v1/models HTTP/1.1", host, "X-A: 1", " folded"),
                ("GET /v1/models HTTP/1.1",), ("GET /v1/models HTTP/1.1", host, "Host: other"),
                ("GET http://other/v1/models HTTP/1.1", host), ("GET /v1/%zz HTTP/1.1", host),
                ("GET /v1/models\x00 HTTP/1.1", host), ("GET  /v1/models HTTP/1.1", host)):
            with self.subTest(lines=lines):
                status, _ = self.raw(*lines, body=b"5\r\nhello\r\n0\r\n\r\n")
                self.assertEqual(status.split()[:2], ["HTTP/1.1", "400"])

    def test_requests_beyond_the_limits_are_refused(self):
        host = "Host: localhost"
        for code, lines in (
                ("414", ("GET /" + "a" * 9000 + " HTTP/1.1", host)),
                ("431", ("GET / HTTP/1.1", host, "X-A: " + "a" * 9000)),
                ("431", ("GET / HTTP/1.1", host, *[f"X-{i}: 1" for i in range(70)])),
                ("505", ("GET / HTTP/1.0", host)), ("505", ("GET / HTTP/2.0", host)),
                ("501", ("BREW / HTTP/1.1", host)), ("417", ("GET / HTTP/1.1", host, "Expect: x")),
                ("400", ("GET / HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade"))):
            with self.subTest(code=code, lines=[x[:40] for x in lines[:3]]):
                status, received = self.raw(*lines)
                self.assertEqual(status.split()[1:2], [code])
                self.assertIn(b'{"error":{', received)

    def test_chunked_bodies_and_pipelined_requests_work(self):
        head = (f"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                f"{self.user.key}\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n").encode()
        received = send_raw(self.node.api, head + b"3\r\n{\"m\r\n2;x=y\r\n\":\r\n2\r\n1}\r\n"
                            b"0\r\n\r\n" + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                            b"Connection: close\r\n\r\n")
        self.assertTrue(received.startswith(b"HTTP/1.1 422 "), received[:300])
        self.assertEqual(received.count(b"HTTP/1.1 200 "), 1, received)

    def test_an_expected_100_continue_comes(self):
        head = (f"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                f"{self.user.key}\r\nContent-Type: application/json\r\nConnection: close\r\n"
                "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n").encode()
        with socket.create_connection(("127.0.0.1", port_of(self.node.api)), timeout=5) as link:
            link.sendall(head)
            self.assertTrue(link.recv(4096).startswith(b"HTTP/1.1 100 "))
            link.sendall(b"{}")
            self.assertTrue(link.recv(4096).startswith(b"HTTP/1.1 422 "))

    def test_noise_does_not_stop_the_node(self):
        for noise in (b"\x16\x03\x01\x02\x00\x01", b"\x00" * 100, b"\r\n\r\n\r\n", b"GET",
                      b"GET / HTTP/1.1\r\nHost: " + b"a" * 100_000, b"PRI * HTTP/2.0\r\n\r\n"):
            for url in (self.node.api, self.node.mcp, self.node.ops):
                send_raw(url, noise, timeout=1)
        self.assertEqual(fetch("GET", f"{self.node.api}/healthz").status, 200)
        self.assertEqual(fetch("GET", f"{self.node.mcp}/healthz").status, 200)

    def test_the_documents_are_served(self):
        self.assertEqual(fetch("GET", f"{self.node.api}/healthz").json(), {"status": "ok"})
        self.assertEqual(fetch("GET", f"{self.node.api}/readyz").status, 200)
        api = fetch("GET", f"{self.node.api}/openapi.yaml")
        self.assertEqual(api.status, 200)
        self.assertIn("/v1/responses", api.text)


if __name__ == "__main__":
    main()
