#!/usr/bin/env python3
"""Runs the real binary against an embedded database in a temporary folder.

    command_line_test.py BINARY
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import uuid

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 else "callboard"
TIMEOUT_S = 90
GITHUB_PRICE = {"scope": "app", "name": "github", "price": "0.002500"}


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="callboard-cli-")
        # As root the server runs as user postgres, who must get through.
        os.chmod(cls.folder, 0o755)
        cls.data_dir = os.path.join(cls.folder, "var")
        made = cls.run_binary("platform", "create", "--name", "Acme, Inc.", "--json")
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        cls.first = json.loads(made.stdout)
        cls.platform = cls.first["id"]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def run_binary(cls, *arguments, stdin="", **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLBOARD_")}
        environment.update({"CALLBOARD_DATA_DIR": cls.data_dir}, **variables)
        return subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, text=True,
                              env=environment, timeout=TIMEOUT_S, check=False)

    def said(self, *arguments, **options):
        """The JSON answer of a command that must work."""
        done = self.run_binary(*arguments, "--json", **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refused(self, code, part, *arguments, **options):
        """Checks exit code and text of a command that must fail with one sentence."""
        done = self.run_binary(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(part, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def file_with(self, text):
        handle, path = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        return path

    # -- platforms, end users, keys ----------------------------------------------------------

    def test_the_first_platform_comes_with_its_keys(self):
        self.assertEqual(str(uuid.UUID(self.platform)), self.platform)
        self.assertEqual(self.first["slug"], "acme-inc")
        self.assertTrue(self.first["platform_key"].startswith("sk-plat_"))
        self.assertTrue(self.first["lifecycle_key"].startswith("rt_live_"))
        ring = os.stat(os.path.join(self.data_dir, "master.key"))
        self.assertEqual(stat.S_IMODE(ring.st_mode), 0o600)

    def test_platforms_are_listed_and_shown(self):
        listed = self.said("platform", "list")
        self.assertIn(self.platform, [x["id"] for x in listed["data"]])
        self.assertEqual((listed["page"], listed["limit"]), (1, 20))
        self.assertEqual(self.said("platform", "show", self.platform)["name"], "Acme, Inc.")
        self.assertIn("acme-inc", self.run_binary("platform", "list").stdout)

    def test_bad_platforms_are_refused(self):
        self.refused(1, "taken", "platform", "create", "--name", "acme inc")
        self.refused(2, "--slug", "platform", "create", "--name", "x", "--slug", "Not A Slug")
        self.refused(2, "--name", "platform", "create", "--name", "")
        self.refused(2, "--name", "platform", "create", "--name", "x" * 101)
        self.refused(2, "--name", "platform", "create")
        self.refused(2, "UUID", "platform", "show", "nonsense")
        self.refused(1, "no platform", "platform", "show", str(uuid.uuid4()))
        self.refused(2, "--limit", "platform", "list", "--limit", "101")

    def test_a_key_is_made_listed_and_revoked(self):
        made = self.said("key", "create", "--platform", self.platform, "--name", "second",
                         "--expires-at", "2100-01-01T00:00:00Z")
        self.assertTrue(made["raw_key"].startswith("sk-plat_" + made["id"]))
        self.assertEqual((made["type"], made["name"]), ("platform", "second"))
        self.assertEqual(made["expires_at"], "2100-01-01T00:00:00Z")
        listed = self.said("key", "list", "--platform", self.platform, "--type", "platform")
        entry = next(x for x in listed["data"] if x["id"] == made["id"])
        self.assertTrue(entry["is_active"])
        self.assertNotIn(made["raw_key"], json.dumps(listed))
        self.said("key", "revoke", "--platform", self.platform, made["id"])
        listed = self.said("key", "list", "--platform", self.platform)
        entry = next(x for x in listed["data"] if x["id"] == made["id"])
        self.assertFalse(entry["is_active"])

    def test_every_type_of_key_can_be_made(self):
        user = self.said("end-user", "create", "--platform", self.platform, "--external-id", "u-1")
        self.assertTrue(user["created"])
        self.assertTrue(user["api_key"]["raw_key"].startswith("sk-eu_"))
        again = self.said("end-user", "create", "--platform", self.platform, "--external-id", "u-1")
        self.assertEqual((again["id"], again["created"]), (user["id"], False))
        listed = self.said("end-user", "list", "--platform", self.platform, "--external-id", "u-1")
        self.assertEqual([x["id"] for x in listed["data"]], [user["id"]])
        made = self.said("key", "create", "--platform", self.platform, "--end-user", user["id"])
        self.assertTrue(made["raw_key"].startswith("sk-eu_"))
        keys = self.said("key", "list", "--platform", self.platform, "--end-user", user["id"])
        self.assertEqual(keys["total"], 3)
        for kind, prefix in (("lifecycle_live", "rt_live_"), ("lifecycle_test", "rt_test_")):
            made = self.said("key", "create", "--platform", self.platform, "--type", kind)
            self.assertTrue(made["raw_key"].startswith(prefix))

    def test_bad_keys_are_refused(self):
        create = ("key", "create", "--platform", self.platform)
        self.refused(2, "--type", *create, "--type", "root")
        self.refused(2, "--end-user", *create, "--type", "end_user")
        self.refused(2, "--end-user", *create, "--type", "platform", "--end-user",
                     str(uuid.uuid4()))
        self.refused(1, "no end user", *create, "--end-user", str(uuid.uuid4()))
        self.refused(2, "--end-user", *create, "--end-user", "x")
        self.refused(2, "--expires-at", *create, "--expires-at", "tomorrow")
        self.refused(1, "no platform", "key", "create", "--platform", str(uuid.uuid4()))
        revoke = ("key", "revoke", "--platform", self.platform)
        self.refused(2, "16 hexadecimal", *revoke, self.first["platform_key"])
        self.refused(1, "no key", *revoke, "0123456789abcdef")
        other = self.said("platform", "create", "--name", "Other")
        mine = self.said("key", "list", "--platform", self.platform)["data"][0]["id"]
        self.refused(1, "no key", "key", "revoke", "--platform", other["id"], mine)

    # -- models, prices, money ---------------------------------------------------------------

    def test_a_model_is_set_and_keeps_its_mark_and_key(self):
        key_file = self.file_with("sk-model-secret\n")
        prices = ("--input-price", "2.5", "--cached-price", "0.25", "--output-price", "10")
        base = ("model", "set", "fast", "--base-url", "https://models.example.com/v1/")
        made = self.said(*base, *prices, "--key-file", key_file, "--provider-model", "fast-1",
                         "--default")
        self.assertEqual(made["base_url"], "https://models.example.com/v1")
        self.assertEqual((made["input_price"], made["cached_price"], made["output_price"]),
                         ("2.500000", "0.250000", "10.000000"))
        self.assertTrue(made["is_default"])
        self.assertTrue(self.said(*base, *prices)["is_default"])
        listed = self.run_binary("model", "list", "--json").stdout
        self.assertIn('"fast"', listed)
        self.assertNotIn("sk-model-secret", listed)
        self.assertFalse(self.said(*base, *prices, "--disabled")["is_default"])

    def test_a_model_key_may_come_from_standard_input(self):
        self.said("model", "set", "piped", "--base-url", "http://localhost:1", "--free",
                  "--key-file", "-", stdin="sk-piped\n")

    def test_nothing_is_free_by_accident(self):
        base = ("model", "set", "cheap", "--base-url", "https://models.example.com/v1")
        self.refused(2, "--free", *base)
        self.refused(2, "--cached-price", *base, "--input-price", "1", "--output-price", "1")
        zero = ("--input-price", "1", "--cached-price", "0", "--output-price", "1")
        self.refused(2, "--free", *base, *zero)
        self.assertEqual(self.said(*base, *zero, "--free")["cached_price"], "0.000000")

    def test_bad_models_are_refused(self):
        def model(url="https://a.example", *rest):
            return ("model", "set", "bad", "--base-url", url, "--free", *rest)
        self.refused(2, "--base-url", *model("ftp://a.example"))
        self.refused(2, "--base-url", *model("https://u:p@a.example"))
        self.refused(2, "--base-url", *model("https://a.example/v1/chat/completions"))
        self.refused(2, "--input-price", *model("https://a.example", "--input-price", "0.0000001"))
        self.refused(2, "--input-price", *model("https://a.example", "--input-price", "-1"))
        self.refused(2, "--key-file", *model("https://a.example", "--key-file", "/nonexistent"))
        self.refused(2, "--key-file", *model("https://a.example", "--key-file",
                                             self.file_with("")))
        self.refused(2, "exclude", *model("https://a.example", "--default", "--disabled"))
        self.refused(2, "--max-output-tokens", *model("https://a.example", "--context-tokens", "10",
                                                      "--max-output-tokens", "11"))
        self.refused(2, "--base-url", "model", "set", "bad", "--free")

    def test_tool_prices_have_versions(self):
        before = self.said("tool-price", "list")["data"]
        self.assertEqual([(x["scope"], x["price"]) for x in before if x["scope"] == "global"],
                         [("global", "0.001000")])
        for price in ("0.002", "0.0025"):
            self.said("tool-price", "set", "--app", "github", "--price", price)
        self.said("tool-price", "set", "--tool", "github_create_issue", "--price", "0")
        after = self.said("tool-price", "list")["data"]
        entry = next(x for x in after if x["scope"] == "app")
        self.assertEqual({k: entry[k] for k in GITHUB_PRICE}, GITHUB_PRICE)
        self.assertEqual(entry["version"], 2)
        self.refused(2, "one of", "tool-price", "set", "--price", "1")
        self.refused(2, "one of", "tool-price", "set", "--global", "--app", "x", "--price", "1")
        self.refused(2, "--price", "tool-price", "set", "--global", "--price", "-1")

    def test_a_wallet_is_topped_up_once_per_idempotency_key(self):
        owner = self.said("platform", "create", "--name", "Payer")["id"]
        topup = ("wallet", "topup", "--platform", owner)
        done = self.said(*topup, "--amount", "12.5", "--idempotency-key", "a")
        self.assertEqual((done["balance"], done["repeated"]), ("12.500000", False))
        done = self.said(*topup, "--amount", "12.50", "--idempotency-key", "a")
        self.assertEqual((done["balance"], done["repeated"]), ("12.500000", True))
        self.refused(1, "idempotency key a", *topup, "--amount", "1", "--idempotency-key", "a")
        self.said(*topup, "--amount", "0.000001", "--description", "a gift")
        wallet = self.said("wallet", "show", "--platform", owner)
        self.assertEqual(wallet["balance"], "12.500001")
        self.assertEqual([x["amount"] for x in wallet["recent_transactions"]],
                         ["0.000001", "12.500000"])
        for amount in ("0", "-1", "0.0000001", "much", "1e3", ""):
            self.refused(2, "--amount", *topup, "--amount", amount)
        self.refused(1, "no platform", "wallet", "show", "--platform", str(uuid.uuid4()))

    # -- the program -------------------------------------------------------------------------

    def test_the_master_key_is_rotated_and_the_old_one_retired(self):
        self.said("model", "set", "sealed", "--base-url", "http://localhost:1", "--free",
                  "--key-file", "-", stdin="sk-sealed\n")
        first = self.said("keys", "rotate")
        self.assertGreaterEqual(first["rewrapped"], 1)
        self.assertEqual(self.said("keys", "retire")["master_key"], first["master_key"])
        self.said("model", "set", "sealed", "--base-url", "http://localhost:1", "--free",
                  "--key-file", "-", stdin="sk-sealed-again\n")

    def test_migrations_are_done_and_said(self):
        done = self.said("migrate")
        self.assertEqual(done["from"], done["to"])
        self.assertGreaterEqual(done["to"], 7)

    def test_a_missing_key_ring_is_not_replaced_beside_a_database(self):
        ring = os.path.join(self.data_dir, "master.key")
        os.rename(ring, ring + ".away")
        try:
            self.refused(1, "backup", "platform", "list")
            self.assertFalse(os.path.exists(ring))
        finally:
            os.rename(ring + ".away", ring)

    def test_a_database_of_somebody_else_needs_a_key_ring(self):
        self.refused(1, "--master-key-file", "platform", "list", "--database-url", "dbname=x")
        self.refused(1, "Key ring", "platform", "list", "--database-url", "dbname=x",
                     "--master-key-file", "/nonexistent")
        ring = os.path.join(self.data_dir, "master.key")
        self.refused(1, "not available", "platform", "list", "--database-url",
                     f"host={self.folder} dbname=x", "--master-key-file", ring)

    def test_passwords_do_not_belong_on_the_command_line(self):
        self.refused(2, "CALLBOARD_DATABASE_URL", "migrate", "--database-url",
                     "postgres://u:secret@localhost/x")

    def test_a_configuration_file_serves_every_subcommand(self):
        path = self.file_with(f'data-dir = "{self.data_dir}"\nlog-level = "warn"\n')
        self.assertIn(self.platform, json.dumps(
            self.said("platform", "list", "--config", path, CALLBOARD_DATA_DIR="")))
        path = self.file_with("api-port = 1\n")
        self.refused(2, "api-port", "platform", "list", "--config", path)

    def test_wrong_command_lines_are_refused(self):
        self.refused(2, "subcommand", *())
        self.refused(2, "nonsense", "nonsense")
        self.refused(2, "subcommand", "platform")
        self.refused(2, "--nonsense", "platform", "list", "--nonsense")

    def test_bad_settings_of_serve_are_refused_before_anything_starts(self):
        self.refused(2, "--api-listen", "serve", "--api-listen", "x")
        self.refused(2, "--cluster-cert", "serve", "--cluster-listen", "127.0.0.1:1")
        self.refused(2, "not available yet", "serve", "--smtp-url", "smtp://localhost")
        self.refused(2, "--session-ttl", "serve", CALLBOARD_SESSION_TTL="soon")

    def test_inspect_needs_a_node_and_its_key(self):
        url = ("--ops-url", "http://127.0.0.1:1")
        self.refused(1, "Operator key", "inspect", "actors", *url, "--operator-key-file", "/none")
        key = self.file_with("cb_op_x\n")
        self.refused(1, "http://127.0.0.1:1", "inspect", "actors", *url, "--operator-key-file", key)
        self.refused(2, "KIND", "inspect", "secrets", "--operator-key-file", key)
        self.refused(2, "wallet", "inspect", "wallet", "--operator-key-file", key)

    def test_questions_about_money_need_no_node(self):
        url = ("--ops-url", "http://127.0.0.1:1")
        self.refused(1, "Nothing is booked under the request id r-1", "inspect", "explain", "r-1",
                     *url)
        self.assertEqual(self.said("inspect", "ledger", "verify", *url)["violations"], 0)
        self.assertEqual(self.said("inspect", "holds", "--stuck", *url)["total"], 0)
        told = self.said("ledger", "verify", "--platform", self.platform)
        self.assertEqual([x["violations"] for x in told["invariants"]],
                         [0] * len(told["invariants"]))
        self.refused(1, "no platform", "ledger", "verify", "--platform",
                     "00000000-0000-4000-8000-000000000000")

    def test_questions_about_money_make_no_database(self):
        url = ("--ops-url", "http://127.0.0.1:1")
        empty = os.path.join(self.data_dir, "nothing-here")
        self.refused(1, "Operator key", "inspect", "explain", "r-1", *url,
                     CALLBOARD_DATA_DIR=empty)
        self.assertFalse(os.path.exists(empty))

    def test_wrong_questions_about_money_are_refused(self):
        self.refused(2, "which request", "inspect", "explain")
        self.refused(2, "inspect ledger verify", "inspect", "ledger", "x")
        self.refused(2, "--stuck", "inspect", "holds")
        self.refused(2, "--stuck", "inspect", "explain", "r-1", "--stuck")
        self.refused(2, "--platform", "inspect", "actors", "--platform", self.platform)
        self.refused(2, "UUID", "inspect", "explain", "r-1", "--platform", "x")
        self.refused(2, "UUID", "ledger", "verify", "--platform", "x")

    def test_help_and_version_are_answers(self):
        for arguments in (("--help",), ("serve", "--help"), ("--version",), ("version",)):
            done = self.run_binary(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout)
        self.assertRegex(self.said("version")["version"], r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
