"""What every system test file is made of: a world per class, and a report per test case.

    python3 x_test.py BINARY [unittest arguments]

With CALLBOARD_JUNIT=FILE the single cases are written there, for tests/report.py.
"""

import os
import sys
import time
import unittest
import xml.sax.saxutils

from tenants import World

# Enough to see what a failed case did last.
LOG_LINES_SHOWN = 12

BINARY = os.environ.get("CALLBOARD_BINARY", "build/dev/bin/callboard")


class SystemTest(unittest.TestCase):
    """One world for all cases of the class; each makes the platforms and users that it needs."""

    models = ("sandbox-echo",)
    node_options = ()
    world: World

    @classmethod
    def setUpClass(cls):
        cls.world = World(BINARY, cls.models, cls.node_options)
        cls.addClassCleanup(cls.world.close)

    @property
    def node(self):
        return self.world.node

    @property
    def sandbox(self):
        return self.world.sandbox

    def setUp(self):
        self.addCleanup(self.sandbox.clear_faults)

    def assert_status(self, answer, status, code=None, param=None):
        """The status and, outside of JSON-RPC, the whole shape of an error (I30)."""
        self.assertEqual(answer.status, status, answer)
        if code is None:
            return answer
        error = answer.error
        self.assertEqual(error["code"], code, answer)
        self.assertTrue(error["message"], answer)
        self.assertIn("type", error)
        self.assertIn("param", error)
        self.assertEqual(error["request_id"], answer.headers["X-Request-Id"])
        self.assertEqual(answer.headers.get_content_type(), "application/json")
        if param is not None:
            self.assertEqual(error["param"], param, answer)
        return answer

    def assert_rpc_error(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.json()["error"]["code"], code, answer)
        return answer.json()["error"]

    def assert_tool_text(self, answer, *parts, is_error=False):
        """A tools/call that came back as a result, whose text holds all parts."""
        self.assertEqual(answer.status, 200, answer)
        result = answer.json().get("result")
        self.assertIsNotNone(result, answer)
        self.assertEqual(result.get("isError", False), is_error, answer)
        text = result["content"][0]["text"]
        for part in parts:
            self.assertIn(part, text)
        return text

    def assert_money_is_exact(self):
        self.assertEqual(self.node.violations(), {})


def _logs_of(test):
    """The last words of the node, for a failed case."""
    world = getattr(test, "world", None)
    if world is None or world.node is None:
        return ""
    lines = world.node.said().splitlines()[-LOG_LINES_SHOWN:]
    return "\nThe node's log ends with:\n" + "\n".join(f"  {x[:300]}" for x in lines) + "\n"


class _Report(unittest.TextTestResult):
    """Keeps how every case ended."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.cases = []
        self.begun = 0.0

    def startTest(self, test):
        self.begun = time.monotonic()
        super().startTest(test)

    def _keep(self, test, kind, text=""):
        self.cases.append((str(test), kind, text, time.monotonic() - self.begun))

    def addSuccess(self, test):
        self._keep(test, "")
        super().addSuccess(test)

    def _exc_info_to_string(self, err, test):
        return super()._exc_info_to_string(err, test) + _logs_of(test)

    def addFailure(self, test, err):
        self._keep(test, "failure", super()._exc_info_to_string(err, test))
        super().addFailure(test, err)

    def addError(self, test, err):
        self._keep(test, "error", super()._exc_info_to_string(err, test))
        super().addError(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._keep(subtest, "failure", super()._exc_info_to_string(err, test))
        super().addSubTest(test, subtest, err)

    def addSkip(self, test, reason):
        self._keep(test, "skipped", reason)
        super().addSkip(test, reason)

    def addExpectedFailure(self, test, err):
        self._keep(test, "skipped", "expected failure")
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test):
        self._keep(test, "failure", "expected to fail, but passed")
        super().addUnexpectedSuccess(test)


def write_junit(file, cases):
    """Cases as (name, "" or failure, error or skipped, why, seconds)."""
    quote = xml.sax.saxutils.quoteattr
    lines = ["<testsuite>"]
    for name, kind, text, seconds in cases:
        inner = f"<{kind} message={quote(text[:2000])}/>" if kind else ""
        lines.append(f'<testcase name={quote(name)} time="{seconds:.3f}">{inner}</testcase>')
    lines.append("</testsuite>")
    with open(file, "w", encoding="utf-8") as out:
        out.write("\n".join(lines))


def main():
    """Runs the cases of the file that was started."""
    global BINARY
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BINARY = os.path.abspath(sys.argv.pop(1))
    runner = unittest.TextTestRunner(verbosity=2, resultclass=_Report, stream=sys.stdout)
    done = unittest.main("__main__", argv=sys.argv, testRunner=runner, exit=False).result
    if os.environ.get("CALLBOARD_JUNIT"):
        write_junit(os.environ["CALLBOARD_JUNIT"], done.cases)
    sys.exit(not done.wasSuccessful())
