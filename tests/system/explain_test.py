"""What operators are told about money: inspect explain, ledger verify, inspect holds (issue 3)."""

import json
import uuid

from cases import SystemTest, main
from harness import fetch
from tenants import micros, settled

PRICE = 1_000
ISSUE = {"owner": "octocat", "repo": "hello-world", "title": "Explained"}


class Explain(SystemTest):
    """Every hold, price and row of one request."""

    models = ("sandbox-parallel", "sandbox-echo", "sandbox-usage:100000:1", "sandbox-error-500")

    def explain(self, request, *more):
        return self.node.inspect("explain", request, *more)

    def words(self, request, *more):
        done = self.node.run("inspect", "explain", request, "--ops-url", self.node.ops, *more)
        return "\n".join(json.loads(done.stdout)["story"])

    def test_a_loop_is_told_with_its_turns_calls_and_rows(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=1, markup_percentage=20)
        user = platform.connected_user("reader")
        calls = [{"name": "github_create_issue", "arguments": ISSUE} for _ in range(3)]
        request = f"loop-{uuid.uuid4()}"
        answer = user.respond("sandbox-parallel", f"```{json.dumps(calls)}```",
                              headers={"X-Request-Id": request}, tools=user.tools())
        self.assert_status(answer, 200)
        settled(platform)
        told = self.explain(request)
        self.assertEqual((told["request_id"], told["alarms"], told["holds_total"]),
                         (request, 0, 5))
        self.assertEqual(len(told["requests"]), 1)
        loop = told["requests"][0]
        self.assertEqual((loop["platform_id"], loop["end_user"], loop["turns"],
                          loop["tool_calls"], loop["open"]),
                         (platform.id, "reader", 2, 3, False))
        self.assertEqual([(x["kind"], x["turn"], x["call"]) for x in loop["steps"]],
                         [("model_turn", 1, None), ("tool_call", 1, 1), ("tool_call", 1, 2),
                          ("tool_call", 1, 3), ("model_turn", 2, None)])
        rows = [x for x in platform.transactions() if x["type"] != "top_up"]
        self.assertEqual(sorted(x["id"] for x in loop["ledger"]), sorted(x["id"] for x in rows))
        self.assertEqual(micros(loop["charged"]), -sum(micros(x["amount"]) for x in rows))
        self.assertEqual(micros(loop["balance_before"]) - micros(loop["charged"]),
                         platform.balance())
        for step in loop["steps"]:
            self.assertEqual(step["expected"], step["charged"])
        free = [x for x in loop["steps"] if x["free"]]
        self.assertEqual([(x["free_call"]["number"], x["free_call"]["limit"]) for x in free],
                         [(1, 1)])
        paid = [x for x in loop["steps"] if x["kind"] == "tool_call" and not x["free"]]
        self.assertEqual([x["price"]["scope"] for x in paid], ["global"] * 2)
        words = self.words(request)
        self.assertIn("(markup)", words)
        self.assertIn("Free call 1 of 1 in ", words)
        self.assertIn("is the global price, version ", words)
        self.assertIn("Every amount that can be computed again is as booked.", words)

    def test_the_id_that_the_node_gives_is_explained_as_well(self):
        user = self.world.platform().end_user()
        answer = user.respond("sandbox-echo", "x")
        told = self.explain(answer.headers["X-Request-Id"])
        self.assertEqual([len(x["steps"]) for x in told["requests"]], [1])

    def test_an_id_used_by_two_platforms_is_told_for_both_or_for_one(self):
        request = f"shared-{uuid.uuid4()}"
        first, second = self.world.platform("First"), self.world.platform("Second")
        for platform, times in ((first, 2), (second, 1)):
            user = platform.end_user()
            for _ in range(times):
                self.assert_status(user.respond("sandbox-echo", "x",
                                                headers={"X-Request-Id": request}), 200)
            settled(platform)
        told = self.explain(request)
        self.assertEqual(sorted(x["platform"] for x in told["requests"]),
                         ["First", "First", "Second"])
        own = self.explain(request, "--platform", second.id)
        self.assertEqual([x["platform_id"] for x in own["requests"]], [second.id])
        done = self.node.run("inspect", "explain", request, "--ops-url", self.node.ops,
                             "--platform", str(uuid.uuid4()))
        self.assertEqual(done.returncode, 1)

    def test_a_call_admitted_in_memory_names_its_block(self):
        platform = self.world.platform()
        platform.settings(free_calls_per_month=0)
        session = platform.connected_user().session()
        for i in range(5):
            answer = session.create_issue(f"Paid {i}", **{"X-Request-Id": "from-a-block"})
            self.assert_tool_text(answer, "Issue #")
        settled(platform)
        told = self.explain("from-a-block", "--platform", platform.id)
        steps = [x["steps"][0] for x in told["requests"]]
        self.assertEqual((told["alarms"], [x["charged"] for x in steps]), (0, ["0.001000"] * 5))
        in_memory = [x for x in steps if x["block_id"]]
        self.assertTrue(in_memory, told)
        self.assertIn(f"admitted in memory from block {in_memory[0]['block_id']}",
                      "\n".join(told["story"]))

    def test_a_failed_turn_and_an_unreachable_provider_cost_nothing(self):
        platform = self.world.platform()
        user = platform.connected_user()
        request = f"void-{uuid.uuid4()}"
        user.respond("sandbox-error-500", "x", headers={"X-Request-Id": request})
        settled(platform)
        step = self.explain(request)["requests"][0]["steps"][0]
        self.assertEqual((step["status"], step["charged"]), ("void", "0.000000"))
        self.assertIn("It failed as ", self.words(request))
        self.sandbox.fault("POST /github/api/repos/octocat/hello-world/issues", "close", times=2)
        user.session().create_issue("Lost", **{"X-Request-Id": request + "-call"})
        settled(platform)
        step = self.explain(request + "-call")["requests"][0]["steps"][0]
        self.assertEqual((step["status"], step["free"], step["charged"]),
                         ("void", True, "0.000000"))
        self.assertIn("Its free call went back to ", self.words(request + "-call"))

    def test_a_provider_that_was_asked_again_is_told(self):
        platform = self.world.platform()
        user = platform.connected_user()
        made = self.assert_tool_text(user.session().create_issue("Read twice"), "Issue #")
        number = int(made.split("#")[1].split()[0].rstrip(":."))
        for free_calls, name in ((100, "free"), (0, "paid")):
            with self.subTest(name):
                platform.settings(free_calls_per_month=free_calls)
                request = f"again-{name}-{uuid.uuid4()}"
                self.sandbox.fault("GET /github/api/*", "status", status=502)
                read = user.session().call("github_get_issue", {
                    "owner": "octocat", "repo": "hello-world", "issue_number": number},
                    **{"X-Request-Id": request})
                self.assert_tool_text(read, "Read twice")
                settled(platform)
                step = self.explain(request)["requests"][0]["steps"][0]
                self.assertEqual((step["status"], step["resends"]), ("settled", 1))
                self.assertIn("The provider was asked again 1 time", self.words(request))

    def test_an_unknown_id_is_not_found_and_bad_usage_is_2(self):
        ops = ("--ops-url", self.node.ops)
        done = self.node.run("inspect", "explain", "never-used", *ops)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Nothing is booked under the request id never-used", done.stderr)
        for arguments in (("explain",), ("ledger",), ("holds",), ("explain", "x", "--stuck"),
                          ("explain", "x", "--platform", "y"),
                          ("actors", "--platform", str(uuid.uuid4()))):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.node.run("inspect", *arguments, *ops).returncode, 2)

    def test_a_changed_row_is_an_alarm_and_exit_code_1(self):
        platform = self.world.platform()
        request = f"forged-{uuid.uuid4()}"
        platform.end_user().respond("sandbox-usage:100000:1", "x",
                                    headers={"X-Request-Id": request})
        settled(platform)
        change = f"UPDATE hold SET settled = settled {{}} 7 WHERE request_id = '{request}'"
        self.node.sql(change.format("-"))
        self.addCleanup(self.node.sql, change.format("+"))
        done = self.node.run("inspect", "explain", request, "--ops-url", self.node.ops)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ALARM: It should have been charged 0.250010, but 0.250003 was charged.",
                      done.stdout)


class Verify(SystemTest):
    """The invariants, from the command line and from the node."""

    def test_a_clean_ledger_is_exit_code_0_and_a_corrupt_one_names_the_place(self):
        platform, other = self.world.platform(), self.world.platform()
        user = platform.end_user()
        user.respond("sandbox-echo", "x", headers={"X-Request-Id": "to-corrupt"})
        settled(platform)
        clean = self.node.cli("ledger", "verify")
        self.assertEqual(clean["violations"], 0)
        self.assertGreaterEqual(len(clean["invariants"]), 12)
        hold = self.node.sql("SELECT id FROM hold WHERE request_id = 'to-corrupt'")[0][0]
        change = f"UPDATE hold SET settled = settled {{}} 1 WHERE id = '{hold}'"
        self.node.sql(change.format("-"))
        self.addCleanup(self.node.sql, change.format("+"))
        for command in (("ledger", "verify"), ("ledger", "verify", "--platform", platform.id),
                        ("inspect", "ledger", "verify", "--ops-url", self.node.ops)):
            with self.subTest(command=command):
                done = self.node.run(*command)
                self.assertEqual(done.returncode, 1, done)
                told = json.loads(done.stdout)
                wrong = {x["id"]: x for x in told["invariants"] if x["violations"]}
                self.assertEqual(list(wrong), ["I3"])
                place = wrong["I3"]["findings"][0]
                self.assertEqual(place["platform_id"], platform.id)
                self.assertIn(f"hold {hold} of request to-corrupt", place["finding"])
                self.assertIn("The money is not exact: 1 violation.", told["story"])
        self.assertEqual(self.node.cli("ledger", "verify", "--platform", other.id)["violations"],
                         0)

    def test_an_unknown_platform_is_no_clean_one(self):
        nobody = str(uuid.uuid4())
        self.assertEqual(self.node.run("ledger", "verify", "--platform", nobody).returncode, 1)
        self.assertEqual(self.node.run("ledger", "verify", "--platform", "x").returncode, 2)
        self.assertEqual(self.node.run("inspect", "ledger", "verify", "--platform", nobody,
                                       "--ops-url", self.node.ops).returncode, 1)

    def test_stuck_holds_are_listed_with_what_they_keep_back(self):
        ops = ("--ops-url", self.node.ops)
        platform = self.world.platform()
        user = platform.end_user()
        with user.stream("sandbox-slow:400", "a story " * 20,
                         headers={"X-Request-Id": "stuck"}) as stream:
            next(stream.events())
            self.assertEqual(self.node.inspect("holds", "--stuck")["total"], 0)
            self.node.sql("UPDATE hold SET expires_at = now() - interval '1 second' "
                          "WHERE request_id = 'stuck'")
            told = self.node.inspect("holds", "--stuck", "--platform", platform.id)
            self.assertEqual([x["request_id"] for x in told["holds"]], ["stuck"])
            self.assertEqual(told["exposure"], told["holds"][0]["amount"])
            self.assertIn("should have been given up",
                          "\n".join(self.node.inspect("explain", "stuck")["story"]))
        self.assertEqual(self.node.run("inspect", "holds", *ops).returncode, 2)
        settled(platform)

    models = ("sandbox-echo", "sandbox-slow:400")


class NodeDown(SystemTest):
    """Without a node the database answers."""

    def test_money_is_explained_and_verified_without_a_node(self):
        platform = self.world.platform()
        platform.end_user().respond("sandbox-echo", "x", headers={"X-Request-Id": "before-death"})
        settled(platform)
        key = (self.node.data / "operator.key").read_text().strip()
        seen = fetch("GET", f"{self.node.ops}/inspect/explain/before-death", key)
        self.node.kill9()
        ops = ("--ops-url", self.node.ops)
        told = self.node.cli("inspect", "explain", "before-death", *ops)
        self.assertEqual(told, seen.json())
        self.assertEqual(self.node.cli("inspect", "ledger", "verify", *ops)["violations"], 0)
        self.assertEqual(self.node.cli("inspect", "holds", "--stuck", *ops)["holds"], [])
        self.assertEqual(self.node.run("inspect", "actors", *ops).returncode, 1)
        self.node.start()


if __name__ == "__main__":
    main()
