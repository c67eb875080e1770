#!/usr/bin/env python3
"""Shows report.py what ctest and Boost.Test write, good and bad."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import report  # noqa: E402

PASSED = '<testcase assertions="1" classname="s" name="{}" time="0.1"></testcase>\n'
FAILED = ('<testcase classname="s" name="{}" time="0.1"><failure message="x" type="t">'
          '<![CDATA[<testcase \x01 ]]></failure></testcase>\n')
SKIPPED = '<testcase classname="s" name="{}" time="0"><skipped/></testcase>\n'


def cases(*parts):
    return ('<?xml version="1.0"?>\n<testsuite tests="3" name="callboard">\n' + "".join(parts)
            + "</testsuite>\n")


def entry(name, status="run", inner=""):
    return f'<testcase name="{name}" time="0.5" status="{status}">{inner}</testcase>'


class ReportTest(unittest.TestCase):
    def run_report(self, entries, junit=None):
        """The exit code and the lines that it prints."""
        with tempfile.TemporaryDirectory() as folder:
            if entries is not None:
                with open(os.path.join(folder, "ctest.xml"), "w", encoding="utf-8") as file:
                    file.write("<testsuite>" + "".join(entries) + "</testsuite>")
            with open(os.path.join(folder, "ctest.json"), "w", encoding="utf-8") as file:
                labels = [{"name": "TIMEOUT", "value": 1}, {"name": "LABELS", "value": ["unit"]}]
                tests = [{"name": "unit.a", "properties": labels}, {"name": "b"}]
                json.dump({"tests": tests}, file)
            os.makedirs(os.path.join(folder, "junit"))
            for name, text in (junit or {}).items():
                with open(os.path.join(folder, "junit", name + ".xml"), "w",
                          encoding="utf-8") as file:
                    file.write(text)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = report.main([f"dev={folder}"])
            return code, out.getvalue().splitlines()

    def test_cases_are_counted_singly(self):
        code, lines = self.run_report(
            [entry("unit.a"), entry("tidy")],
            {"unit.a": cases(PASSED.format("x"), PASSED.format("y"), SKIPPED.format("z"))})
        self.assertEqual(code, 0)
        self.assertEqual(lines[-1], "3 passed, 0 failed")
        self.assertEqual(lines[1].split(), ["dev", "unit", "2", "0", "0", "0.5"])
        self.assertEqual(lines[2].split(), ["dev", "other", "1", "0", "0", "0.5"])

    def test_failed_cases_are_named(self):
        code, lines = self.run_report(
            [entry("unit.a", "fail", inner="<failure/>")],
            {"unit.a": cases(PASSED.format("x"), FAILED.format("y"))})
        self.assertEqual(code, 1)
        self.assertEqual(lines[-2:], ["FAILED dev unit: unit.a/y", "1 passed, 1 failed"])

    def test_a_crash_without_result_is_one_failure(self):
        for junit in ({}, {"unit.a": '<testsuite><testcase name="x">'}):
            code, lines = self.run_report([entry("unit.a", "fail"), entry("unit.b")], junit)
            self.assertEqual(code, 1)
            self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_an_entry_may_fail_although_its_cases_passed(self):
        code, lines = self.run_report([entry("unit.a", "fail")],
                                      {"unit.a": cases(PASSED.format("x"))})
        self.assertEqual(code, 1)
        self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_a_missing_program_is_a_failure_and_a_skipped_entry_is_none(self):
        missing = '<skipped message="Unable to find executable"/>'
        for inner in ("", missing):
            code, lines = self.run_report([entry("a", "notrun", inner), entry("b")])
            self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))
        chosen = '<skipped message="SKIP_RETURN_CODE=77"/>'
        for status, inner in (("notrun", chosen), ("disabled", "")):
            code, lines = self.run_report([entry("a", status, inner), entry("b")])
            self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed"))

    def test_no_result_or_no_tests_is_a_failure(self):
        self.assertEqual(self.run_report(None)[0], 1)
        code, lines = self.run_report([])
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed"))


if __name__ == "__main__":
    unittest.main()
