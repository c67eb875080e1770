"""Platforms, keys and end users (I1 to I12): who may do what, and when a key is dead."""

import datetime
import time
import unittest
import uuid

from cases import SystemTest, main
from harness import eventually, fetch

REVOKED_SECONDS = 1.0


class Provisioning(SystemTest):
    """The operator's command line and the platform's management API."""

    def test_the_command_line_makes_a_platform_with_its_first_keys(self):
        made = self.node.cli("platform", "create", "--name", "First, Inc.")
        self.assertRegex(made["platform_key"], r"^sk-plat_[\w-]{40,}$")
        self.assertRegex(made["lifecycle_key"], r"^rt_live_[\w-]{40,}$")
        shown = fetch("GET", f"{self.node.api}/v1/platforms/{made['id']}", made["platform_key"])
        self.assert_status(shown, 200)
        self.assertEqual(shown.json()["name"], "First, Inc.")
        self.assertNotIn(made["platform_key"], shown.text)
        listed = self.node.cli("platform", "list")
        self.assertIn(made["id"], [x["id"] for x in listed["data"]])

    def test_bad_arguments_on_the_command_line_are_told_and_change_nothing(self):
        before = self.node.cli("platform", "list")["total"]
        for arguments in (("platform", "create"), ("platform", "create", "--name", ""),
                          ("platform", "create", "--name", "x", "--slug", "Not A Slug"),
                          ("wallet", "topup", "--platform", str(uuid.uuid4()), "--amount", "1"),
                          ("wallet", "topup", "--platform", "nonsense", "--amount", "1"),
                          ("key", "revoke", "--platform", str(uuid.uuid4()), "x"), ("no-such",)):
            done = self.node.run(*arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertTrue(done.stderr.strip(), arguments)
        self.assertEqual(self.node.cli("platform", "list")["total"], before)

    def test_an_end_user_is_made_once_and_gets_a_fresh_key_each_time(self):
        platform = self.world.platform()
        body = {"external_id": "user-1", "display_name": "Octavia", "metadata": {"team": "red"}}
        first = self.assert_status(platform.call("POST", "/end-users", body), 201).json()
        again = self.assert_status(platform.call("POST", "/end-users", body), 200).json()
        self.assertEqual(first["id"], again["id"])
        self.assertEqual(again["metadata"], {"team": "red"})
        keys = [x["api_key"]["raw_key"] for x in (first, again)]
        self.assertNotEqual(*keys)
        for key in keys:
            self.assertRegex(key, r"^sk-eu_[\w-]{40,}$")
            self.assert_status(fetch("GET", f"{self.node.mcp}/apps", key), 200)
        found = platform.ask("GET", "/end-users?external_id=user-1")
        self.assertEqual([x["id"] for x in found["data"]], [first["id"]])
        self.assertEqual((found["total"], found["page"], found["limit"]), (1, 1, 20))

    def test_bad_end_users_are_refused_by_field(self):
        platform = self.world.platform()
        for body, param in (({}, "external_id"), ({"external_id": ""}, "external_id"),
                            ({"external_id": 7}, "external_id"),
                            ({"external_id": "x" * 256}, "external_id"),
                            ({"external_id": "a", "display_name": "y" * 101}, "display_name"),
                            ({"external_id": "a", "metadata": []}, "metadata")):
            with self.subTest(body=str(body)[:60]):
                answer = platform.call("POST", "/end-users", body)
                self.assert_status(answer, 422, "validation_error", param)

    def test_a_missing_or_unknown_key_is_401_everywhere(self):
        platform = self.world.platform()
        urls = [f"{platform.url}/wallet", f"{self.node.api}/v1/me/mcp-config",
                f"{self.node.mcp}/apps", f"{self.node.mcp}/connections",
                f"{self.node.mcp}/oauth/authorize?app=github"]
        wrong = [None, "sk-eu_", "nonsense", platform.key[:-1] + "x", platform.key + "x",
                 "sk-plat_" + "0" * 43]
        for url in urls:
            for key in wrong:
                with self.subTest(url=url, key=str(key)[:8]):
                    answer = fetch("GET", url, key)
                    self.assert_status(answer, 401, "invalid_api_key")
                    self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
                    self.assertEqual(answer.error["type"], "authentication_error")
        basic = fetch("GET", urls[0], headers={"Authorization": f"Basic {platform.key}"})
        self.assert_status(basic, 401, "invalid_api_key")

    def test_a_key_of_the_wrong_kind_is_403(self):
        platform = self.world.platform()
        user = platform.end_user()
        for key in (user.key, platform.lifecycle_key):
            self.assert_status(platform.call("GET", "/wallet", key=key), 403, "forbidden")
        for key in (platform.key, platform.lifecycle_key):
            for url in (f"{self.node.mcp}/apps", f"{self.node.mcp}/connections",
                        f"{self.node.api}/v1/me/mcp-config",
                        f"{self.node.mcp}/oauth/authorize?app=github"):
                with self.subTest(url=url):
                    self.assert_status(fetch("GET", url, key), 403, "forbidden")

    def test_nothing_of_one_platform_is_open_to_another(self):
        ours, theirs = self.world.platform("Ours"), self.world.platform("Theirs")
        user = ours.connected_user("u")
        paths = ("", "/wallet", "/wallet/transactions", "/end-users", "/api-keys", "/mcp/apps",
                 "/usage", "/logs", f"/end-users/{user.id}")
        for path in paths:
            with self.subTest(path=path):
                self.assert_status(ours.call("GET", path, key=theirs.key), 403, "forbidden")
        unknown = f"{self.node.api}/v1/platforms/{uuid.uuid4()}"
        self.assert_status(fetch("GET", unknown, theirs.key), 403, "forbidden")
        # Ids of others below one's own platform look like ids that never were.
        for method, path in (("GET", f"/end-users/{user.id}"), ("DELETE", f"/end-users/{user.id}"),
                             ("DELETE", "/api-keys/" + "0" * 16)):
            self.assert_status(theirs.call(method, path), 404, "not_found")
        self.assert_status(fetch("GET", f"{self.node.mcp}/apps", user.key), 200)
        stranger = theirs.end_user("u")
        self.assertEqual(stranger.mcp("GET", "/connections").json(), {"data": []})

    def test_a_revoked_key_is_dead_within_a_second(self):
        platform = self.world.platform()
        made = platform.ask("POST", "/api-keys", {"name": "rotating"})
        self.assert_status(platform.call("GET", "/wallet", key=made["raw_key"]), 200)
        self.assert_status(platform.call("DELETE", f"/api-keys/{made['id']}"), 204)
        self.assert_dead(made["raw_key"], f"{platform.url}/wallet")
        self.assert_status(platform.call("GET", "/wallet"), 200)

    def test_a_key_revoked_on_the_command_line_is_dead_within_a_second(self):
        platform = self.world.platform()
        made = platform.ask("POST", "/api-keys", {})
        self.assert_status(platform.call("GET", "/wallet", key=made["raw_key"]), 200)
        self.node.cli("key", "revoke", "--platform", platform.id, made["id"])
        self.assert_dead(made["raw_key"], f"{platform.url}/wallet")

    def assert_dead(self, key, url):
        eventually(lambda: fetch("GET", url, key).status == 401, REVOKED_SECONDS, 0.02,
                   "the key to be dead")

    def test_revocation_ends_open_mcp_sessions_and_their_streams(self):
        user = self.world.platform().connected_user()
        session = user.session()
        key = user.platform.ask("GET", f"/api-keys?type=end_user&end_user_id={user.id}")["data"][0]
        with session.stream() as stream:
            self.assertEqual(stream.status, 200)
            self.node.cli("key", "revoke", "--platform", user.platform.id, key["id"])
            begun = time.monotonic()
            self.assertEqual(list(stream.events()), [])
            self.assertLess(time.monotonic() - begun, REVOKED_SECONDS + 1)
        self.assertEqual(session.ask("tools/list").status, 401)

    def test_an_expired_key_stops_working_by_itself(self):
        platform = self.world.platform()
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
        made = platform.ask("POST", "/api-keys",
                            {"expires_at": soon.isoformat(timespec="seconds")})
        self.assert_status(platform.call("GET", "/wallet", key=made["raw_key"]), 200)
        eventually(lambda: platform.call("GET", "/wallet", key=made["raw_key"]).status == 401, 5,
                   what="the key to expire")

    def test_lists_of_keys_never_show_a_key(self):
        platform = self.world.platform()
        made = platform.ask("POST", "/api-keys", {"name": "second"})
        answer = platform.call("GET", "/api-keys?type=platform")
        listed = {x["id"]: x for x in answer.json()["data"]}
        self.assertEqual(len(listed), 2)
        self.assertTrue(made["raw_key"].startswith(listed[made["id"]]["key_prefix"]))
        for key in (made["raw_key"], platform.key):
            self.assertNotIn(key, answer.text)
        self.assertNotIn("raw_key", answer.text)

    def test_a_deactivated_end_user_is_locked_out_and_can_come_back(self):
        platform = self.world.platform()
        user = platform.end_user()
        url = f"{self.node.mcp}/apps"
        self.assert_status(fetch("GET", url, user.key), 200)
        platform.ask("PATCH", f"/end-users/{user.id}", {"is_active": False})
        self.assert_dead(user.key, url)
        platform.ask("PATCH", f"/end-users/{user.id}", {"is_active": True})
        eventually(lambda: fetch("GET", url, user.key).status == 200, 2)
        self.assert_status(platform.call("DELETE", f"/end-users/{user.id}"), 204)
        self.assert_dead(user.key, url)
        self.assert_status(platform.call("GET", f"/end-users/{user.id}"), 404, "not_found")

    def test_a_platform_renames_itself_and_sets_its_settings(self):
        platform = self.world.platform()
        changed = platform.ask("PATCH", "", {"name": "Renamed", "settings": {
            "free_calls_per_month": 7, "default_model": "sandbox-echo", "markup_percentage": 20}})
        self.assertEqual(changed["name"], "Renamed")
        self.assertEqual(changed["settings"]["free_calls_per_month"], 7)
        self.assertEqual(platform.usage()["free_calls_limit"], 7)
        for body, param in (({"name": ""}, "name"), ({"settings": 3}, "settings"),
                            ({"settings": {"free_calls_per_month": "many"}},
                             "settings.free_calls_per_month")):
            self.assert_status(platform.call("PATCH", "", body), 422, "validation_error", param)
        self.assertEqual(platform.ask("GET")["name"], "Renamed")

    def test_a_deleted_platform_takes_all_keys_with_it(self):
        platform = self.world.platform()
        user = platform.connected_user()
        self.assert_status(platform.call("DELETE"), 204)
        self.assert_dead(platform.key, platform.url)
        self.assert_dead(user.key, f"{self.node.mcp}/apps")
        self.assert_money_is_exact()

    def test_a_repeated_topup_counts_once(self):
        platform = self.world.platform(topup=None)
        body = {"amount": "2.50", "description": "Card"}
        once = {"Idempotency-Key": "order-1"}
        first = platform.call("POST", "/wallet/topup", body, headers=once)
        again = platform.call("POST", "/wallet/topup", body, headers=once)
        self.assert_status(first, 201)
        self.assertEqual((again.status, again.json()), (201, first.json()))
        other = platform.call("POST", "/wallet/topup", {"amount": "3"}, headers=once)
        self.assert_status(other, 422, "idempotency_mismatch")
        self.assertEqual(platform.balance(), 2_500_000)
        for amount in ("0", "-1", "1e3", "0.0000001", "1,5", None, True, "1" * 30):
            with self.subTest(amount=amount):
                answer = platform.call("POST", "/wallet/topup", {"amount": amount})
                self.assert_status(answer, 422, "validation_error", "amount")
        self.assertEqual([x["amount"] for x in platform.transactions()], ["2.500000"])
        self.assert_money_is_exact()

    def test_lists_come_in_pages(self):
        platform = self.world.platform()
        users = [platform.end_user().id for _ in range(5)]
        seen = []
        for page in (1, 2, 3):
            answer = platform.ask("GET", f"/end-users?page={page}&limit=2")
            self.assertEqual((answer["total"], answer["page"], answer["limit"]), (5, page, 2))
            seen += [x["id"] for x in answer["data"]]
        self.assertEqual(sorted(seen), sorted(users))
        for query in ("page=0", "limit=0", "limit=101", "page=x", "limit=-1", "page=9" + "9" * 30):
            with self.subTest(query=query):
                answer = platform.call("GET", f"/end-users?{query}")
                self.assertEqual(answer.status, 422, answer)


if __name__ == "__main__":
    main()
