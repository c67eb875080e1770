"""Apps, OAuth and connections (R55 to R99, C10 to C15, I44 to I57), end to end at the sandbox."""

import concurrent.futures
import unittest
import urllib.parse

from cases import SystemTest, main
from harness import eventually, fetch
from tenants import LANDING, query_of

TOKEN_POST = "POST /github/login/oauth/access_token"
ISSUE_POST = "POST /github/api/repos/octocat/hello-world/issues"


class Apps(SystemTest):
    """What a platform does with its apps."""

    def test_an_app_is_activated_changed_and_deactivated(self):
        platform = self.world.platform()
        made = self.assert_status(platform.activate(display_name="Code"), 201)
        self.assertEqual(made.json()["app_slug"], "github")
        self.assert_status(platform.activate(), 409, "app_already_active")
        changed = platform.call("PATCH", "/mcp/apps/github", {"scopes": ["public_repo"]})
        self.assert_status(changed, 200)
        self.assertEqual(changed.json()["display_name"], "Code")
        self.assertEqual(changed.json()["scopes"], ["public_repo"])
        user = platform.end_user()
        self.assertEqual(user.mcp("GET", "/apps").json(), {"data": [{"app_slug": "github"}]})
        for answer in (made, changed, platform.call("GET", "/mcp/apps")):
            self.assertNotIn("sandbox-secret", answer.text)
        self.assert_status(platform.call("DELETE", "/mcp/apps?app_slug=github"), 204)
        self.assertEqual(user.mcp("GET", "/apps").json(), {"data": []})
        self.assert_status(platform.call("DELETE", "/mcp/apps/github"), 404, "not_found")
        self.assert_status(platform.activate(), 201)
        self.assert_status(platform.call("DELETE", "/mcp/apps/github"), 204)

    def test_bad_activations_are_refused_by_field(self):
        platform = self.world.platform()
        for change, param in (({"app_slug": "myspace"}, "app_slug"), ({"app_slug": 1}, "app_slug"),
                              ({"oauth_client_id": ""}, "oauth_client_id"),
                              ({"oauth_client_secret": None}, "oauth_client_secret"),
                              ({"redirect_url": "ftp://x"}, "redirect_url"),
                              ({"redirect_url": "/relative"}, "redirect_url"),
                              ({"scopes": "repo"}, "scopes")):
            with self.subTest(change=change):
                answer = platform.activate(**change)
                self.assert_status(answer, 422, "validation_error", param)
        self.assert_status(platform.call("DELETE", "/mcp/apps"), 422, "validation_error",
                           "app_slug")
        missing = platform.call("PATCH", "/mcp/apps/github", {"display_name": "x"})
        self.assert_status(missing, 404, "not_found")
        self.assertEqual(platform.ask("GET", "/mcp/apps")["data"], [])

    def test_a_switched_off_app_closes_everything_and_keeps_the_connection(self):
        platform = self.world.platform()
        user = platform.connected_user()
        session = user.session()
        self.assert_tool_text(session.create_issue("before"), "before")
        platform.ask("PATCH", "/mcp/apps/github", {"is_active": False})
        self.assertEqual(user.config(), {"standard": {}, "openai": []})
        gone = eventually(lambda: (x := session.ask("tools/list")).status != 200 and x, 2)
        self.assertIn(gone.status, (403, 404))
        answer = fetch("GET", f"{self.node.mcp}/oauth/authorize?app=github", user.key)
        self.assert_status(answer, 404, "app_not_active")
        platform.ask("PATCH", "/mcp/apps/github", {"is_active": True})
        self.assertEqual(list(user.config()["standard"]), ["github"])
        self.assert_tool_text(user.session().create_issue("after"), "after")


class Connecting(SystemTest):
    """The way of a browser, and every way it can fail."""

    def test_authorize_sends_the_browser_to_the_provider(self):
        platform = self.world.platform()
        platform.activate(scopes=["repo", "gist"])
        page = platform.end_user().authorize()
        provider = self.sandbox.program.info["github"]["authorize_url"]
        self.assertTrue(page.startswith(provider + "?"), page)
        query = query_of(page)
        self.assertEqual(query["client_id"], "sandbox-client")
        self.assertEqual(query["redirect_uri"], f"{self.node.mcp}/oauth/callback")
        self.assertEqual(query["scope"], "repo gist")
        self.assertEqual(query["code_challenge_method"], "S256")
        self.assertGreaterEqual(len(query["state"]), 22)

    def test_authorize_refuses_what_cannot_be_connected(self):
        user = self.world.platform().end_user()
        self.assert_status(user.mcp("GET", "/oauth/authorize"), 422, "validation_error", "app")
        self.assert_status(user.mcp("GET", "/oauth/authorize?app=myspace"), 404, "unknown_app")
        self.assert_status(user.mcp("GET", "/oauth/authorize?app=github"), 404, "app_not_active")
        bare = fetch("GET", f"{self.node.mcp}/oauth/authorize?app=github")
        self.assert_status(bare, 401, "invalid_api_key")
        self.assertIsNone(bare.headers["Location"])

    def test_a_connection_appears_everywhere(self):
        platform = self.world.platform()
        platform.activate()
        user = platform.end_user()
        self.assertEqual(user.config(), {"standard": {}, "openai": []})
        self.assertEqual(user.connect(),
                         f"{LANDING}/mcp/oauth-callback?app=github&status=connected")
        listed = user.mcp("GET", "/connections").json()["data"]
        self.assertEqual([set(x) for x in listed], [{"id", "appSlug", "createdAt"}])
        self.assertEqual(listed[0]["appSlug"], "github")
        self.assertRegex(listed[0]["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        url, bearer = f"{self.node.mcp}/mcp/github", f"Bearer {user.key}"
        answer = user.api("GET", "/v1/me/mcp-config")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.json(), {
            "standard": {"github": {"transport": "streamable_http", "url": url,
                                    "headers": {"Authorization": bearer}}},
            "openai": [{"type": "mcp", "server_label": "github", "server_url": url,
                        "authorization": bearer}]})
        stranger = platform.end_user()
        self.assertEqual(stranger.config(), {"standard": {}, "openai": []})

    def test_the_base_url_keeps_its_path_and_query(self):
        for base, start in (("https://a.example/", "https://a.example/mcp/oauth-callback?"),
                            ("https://a.example/x", "https://a.example/x/mcp/oauth-callback?"),
                            ("http://localhost:3000", "http://localhost:3000/mcp/oauth-callback?"),
                            ("https://a.example/x/?tab=1",
                             "https://a.example/x/mcp/oauth-callback?tab=1&")):
            with self.subTest(base=base):
                platform = self.world.platform()
                self.assert_status(platform.activate(redirect_url=base), 201)
                self.assertEqual(platform.end_user().connect(),
                                 start + "app=github&status=connected")

    def assert_lands_on_error(self, landing, code, *words):
        self.assertTrue(landing.startswith(f"{LANDING}/mcp/oauth-callback?"), landing)
        query = query_of(landing)
        self.assertEqual((query["app"], query["status"], query["error"]),
                         ("github", "error", code))
        for word in words:
            self.assertIn(word, query["error_description"])
        return query["error_description"]

    def fresh_user(self, **changes):
        platform = self.world.platform()
        platform.activate(**changes)
        return platform.end_user()

    def assert_not_connected(self, user):
        self.assertEqual(user.mcp("GET", "/connections").json(), {"data": []})

    def test_a_user_who_refuses_lands_on_access_denied(self):
        user = self.fresh_user()
        self.assert_lands_on_error(user.connect("deny"), "access_denied")
        self.assert_not_connected(user)

    def test_a_wrong_client_secret_lands_on_token_exchange_failed(self):
        user = self.fresh_user(oauth_client_secret="not-the-secret")
        text = self.assert_lands_on_error(user.connect(), "token_exchange_failed")
        self.assertNotIn("not-the-secret", text)
        self.assert_not_connected(user)

    def test_a_wrong_code_lands_on_token_exchange_failed(self):
        user = self.fresh_user()
        state = query_of(user.authorize())["state"]
        answer = fetch("GET", f"{self.node.mcp}/oauth/callback?code=wrong&state={state}")
        self.assertEqual(answer.status, 302)
        self.assert_lands_on_error(answer.headers["Location"], "token_exchange_failed")

    def test_provider_trouble_at_the_token_endpoint_lands_on_a_code(self):
        for kind, fields, code in (
                ("status", {"status": 500, "body": "oops"}, "token_exchange_failed"),
                ("status", {"status": 200, "body": {"token_type": "bearer"}}, "no_access_token"),
                ("status", {"status": 200, "body": "<html>"}, "token_exchange_failed"),
                ("close", {}, "token_exchange_failed")):
            with self.subTest(kind=kind, **fields):
                user = self.fresh_user()
                self.sandbox.fault(TOKEN_POST, kind, times=3, **fields)
                landing = user.connect()
                self.sandbox.clear_faults()
                self.assertIn(query_of(landing)["error"],
                              (code, "token_exchange_failed", "no_access_token"))
                self.assert_lands_on_error(landing, code)
                self.assert_not_connected(user)

    def test_an_app_without_credentials_lands_on_missing_oauth_credentials(self):
        user = self.fresh_user()
        callback = user.consent(user.authorize())
        self.node.sql("UPDATE platform_app SET secret_sealed = NULL "
                      f"WHERE platform_id = '{user.platform.id}'")
        answer = fetch("GET", callback)
        self.assert_lands_on_error(answer.headers["Location"], "missing_oauth_credentials")
        refused = user.mcp("GET", "/oauth/authorize?app=github")
        self.assert_status(refused, 409, "missing_oauth_credentials")

    def test_an_app_that_was_switched_off_meanwhile_lands_on_unknown_app(self):
        user = self.fresh_user()
        callback = user.consent(user.authorize())
        user.platform.ask("DELETE", "/mcp/apps?app_slug=github")
        answer = fetch("GET", callback)
        self.assert_lands_on_error(answer.headers["Location"], "unknown_app")

    def test_other_errors_of_the_provider_land_on_internal_error(self):
        user = self.fresh_user()
        state = query_of(user.authorize())["state"]
        query = urllib.parse.urlencode({"error": "invalid_scope", "state": state,
                                        "error_description": "No <b>such</b> scope"})
        answer = fetch("GET", f"{self.node.mcp}/oauth/callback?{query}")
        self.assert_lands_on_error(answer.headers["Location"], "internal_error", "scope")

    def test_an_expired_state_lands_on_internal_error(self):
        user = self.fresh_user()
        callback = user.consent(user.authorize())
        self.node.sql("UPDATE oauth_state SET expires_at = now() - interval '1 second' "
                      f"WHERE platform_id = '{user.platform.id}'")
        answer = fetch("GET", callback)
        self.assert_lands_on_error(answer.headers["Location"], "internal_error", "expired")
        self.assert_not_connected(user)

    def test_a_state_works_once_and_an_unknown_one_never(self):
        user = self.fresh_user()
        callback = user.consent(user.authorize())
        self.assertIn("status=connected", fetch("GET", callback).headers["Location"])
        for url in (callback, f"{self.node.mcp}/oauth/callback?code=a&state=unknown",
                    f"{self.node.mcp}/oauth/callback?code=a", f"{self.node.mcp}/oauth/callback",
                    f"{self.node.mcp}/oauth/callback?state=<script>"):
            with self.subTest(url=url.rsplit("/", 1)[1][:40]):
                answer = fetch("GET", url)
                self.assertEqual(answer.status, 400, answer)
                self.assertIsNone(answer.headers["Location"])
                self.assertEqual(answer.headers.get_content_type(), "text/html")
                self.assertEqual(answer.headers["Cache-Control"], "no-store")
                self.assertNotIn("<script>", answer.text)

    def test_a_second_connect_replaces_the_first(self):
        user = self.fresh_user()
        user.connect()
        self.assertIn("status=connected", user.connect(extra="&login=hubot"))
        self.assertEqual(len(user.mcp("GET", "/connections").json()["data"]), 1)
        self.assert_tool_text(user.session().create_issue("by the second account"), "Issue #")
        asked = self.sandbox.requests(ISSUE_POST, secrets=True)[-1]
        state = self.sandbox.control("GET", "state")["github"]["tokens"]
        token = asked["headers"]["authorization"].split()[1]
        self.assertEqual(state[token]["login"], "hubot")

    def test_disconnecting_ends_the_tools_and_tells_the_provider(self):
        user = self.fresh_user()
        user.connect()
        session = user.session()
        self.assert_tool_text(session.create_issue("still there"), "Issue #")
        answer = user.mcp("DELETE", "/connections/github")
        self.assertEqual((answer.status, answer.text), (204, ""))
        self.assert_not_connected(user)
        self.assertEqual(user.config(), {"standard": {}, "openai": []})
        self.assert_tool_text(session.create_issue("too late"), is_error=True)
        self.assertNotIn("too late", self.sandbox.issues())
        eventually(lambda: self.sandbox.requests("DELETE /github/api/applications/*"),
                   what="the token to be revoked at the provider")
        self.assert_status(user.mcp("DELETE", "/connections/github"), 404, "not_found")
        self.assert_status(user.mcp("DELETE", "/connections/myspace"), 404, "not_found")


class Refreshing(SystemTest):
    """Tokens that expire (I48, I49)."""

    def test_many_calls_with_an_expired_token_refresh_it_once(self):
        self.sandbox.configure("github", token_seconds=1)
        self.addCleanup(self.sandbox.configure, "github", token_seconds=8 * 3600)
        platform = self.world.platform()
        platform.activate()
        user = platform.end_user()
        self.assertIn("status=connected", user.connect(extra="&expiring=1"))
        eventually(lambda: self.token_is_dead(user), 5, what="the token to expire")
        self.sandbox.configure("github", token_seconds=8 * 3600)
        self.sandbox.forget_requests()
        session = user.session()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda i: user.session().create_issue(f"fresh {i}"), range(12)))
        for answer in answers:
            self.assert_tool_text(answer, "Issue #")
        asked = [x for x in self.sandbox.requests(TOKEN_POST) if "refresh_token" in x["body"]]
        self.assertEqual(len(asked), 1)
        self.assert_tool_text(session.create_issue("fresh at last"), "Issue #")

    def token_is_dead(self, user):
        rows = self.node.sql("SELECT token_expires_at < now() FROM connection "
                             f"WHERE end_user_id = '{user.id}'")
        return rows == [["t"]]

    def test_a_token_refused_early_is_refreshed_and_the_call_made_again(self):
        platform = self.world.platform()
        platform.activate()
        user = platform.end_user()
        user.connect(extra="&expiring=1")
        self.sandbox.fault(ISSUE_POST, "bad_credentials")
        self.assert_tool_text(user.session().create_issue("second try"), "Issue #")
        self.assertEqual(self.sandbox.issues()["second try"], 1)

    def test_a_connection_that_cannot_be_refreshed_asks_for_a_new_one(self):
        platform = self.world.platform()
        platform.activate()
        user = platform.end_user()
        user.connect(extra="&expiring=1")
        session = user.session()
        self.sandbox.fault(ISSUE_POST, "bad_credentials", times=-1)
        self.sandbox.fault(TOKEN_POST, "status", times=-1, status=200,
                           body={"error": "bad_refresh_token", "error_description": "Expired."})
        text = self.assert_tool_text(session.create_issue("never"), is_error=True)
        self.assertIn("connect", text.lower())
        eventually(lambda: user.config() == {"standard": {}, "openai": []}, 2,
                   what="the connection to vanish from mcp-config")
        self.sandbox.clear_faults()
        self.assertIn("status=connected", user.connect())
        self.assert_tool_text(user.session().create_issue("again"), "Issue #")


if __name__ == "__main__":
    main()
