#!/usr/bin/env python3
"""Shows tidy.py trees with one fault each, and trees that only look faulty."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402


def findings(files):
    """What tidy.py says about a tree of these files: "path:line: message" each."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb" if isinstance(text, bytes) else "w") as file:
                file.write(text)
        return [str(x) for x in tidy.check_tree(root)]


class TidyTest(unittest.TestCase):
    def assert_clean(self, path, text):
        self.assertEqual(findings({path: text}), [])

    def assert_found(self, path, text, line, part):
        found = findings({path: text})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{path}:{line}: "), found)
        self.assertIn(part, found[0])

    # -- includes

    def test_includes_follow_the_arrows(self):
        for path, name in (("core/mcp/x.cpp", "core/base/error.hpp"), ("core/mcp/x.cpp", "core/mcp/y.hpp"),
                           ("core/responses/x.cpp", "core/mcp/sse.hpp"),
                           ("storage/x.cpp", "core/mcp/y.hpp"), ("actors/lane.cpp", "storage/x.hpp"),
                           ("http/edge/x.cpp", "actors/interfaces.hpp"),
                           ("ops/callboard/x.cpp", "storage/x.hpp"),
                           ("tests/http/x.cpp", "ops/callboard/x.hpp")):
            self.assert_clean(path, f'#include "{name}"\n')

    def test_includes_against_the_arrows_are_found(self):
        for path, name in (("core/mcp/x.cpp", "storage/x.hpp"), ("core/mcp/x.cpp", "actors/x.hpp"),
                           ("storage/x.cpp", "actors/interfaces.hpp"),
                           ("actors/x.cpp", "http/edge/x.hpp"), ("http/edge/x.cpp", "ops/x.hpp"),
                           ("actors/x.cpp", "storage/x.hpp"), ("actors/lane.hpp", "storage/x.hpp"),
                           ("http/edge/x.cpp", "storage/x.hpp"),
                           ("http/edge/x.cpp", "actors/session.hpp"),
                           ("core/mcp/x.cpp", "core/billing/x.hpp"),
                           ("core/base/x.cpp", "core/mcp/sse.hpp"),
                           ("core/mcp/x.cpp", "tests/support/x.hpp")):
            with self.subTest(path=path, name=name):
                self.assert_found(path, f'#pragma once\n#include "{name}"\n', 2, "")

    def test_includes_are_named_from_the_root(self):
        self.assert_found("core/mcp/x.cpp", '#include "y.hpp"\n', 1, "root")
        self.assert_found("core/mcp/x.cpp", '#include "core/mcp/../base/y.hpp"\n', 1, "root")

    def test_libraries_stay_at_home(self):
        self.assert_clean("http/edge/x.cpp", "#include <restinio/all.hpp>\n")
        self.assert_clean("http/client/x.cpp", "#include <curl/curl.h>\n")
        self.assert_clean("storage/x.cpp", "#include <libpq-fe.h>\n")
        self.assert_clean("tests/http/x.cpp", "#include <restinio/all.hpp>\n")
        self.assert_found("actors/x.cpp", "#include <restinio/all.hpp>\n", 1, "RESTinio")
        self.assert_found("http/client/x.cpp", "#include <restinio/all.hpp>\n", 1, "RESTinio")
        self.assert_found("http/edge/x.cpp", "#include <curl/curl.h>\n", 1, "libcurl")
        self.assert_found("actors/lane.cpp", "#include <libpq-fe.h>\n", 1, "libpq")

    def test_caf_below_actors_is_only_vocabulary(self):
        self.assert_clean("core/base/error.hpp", "#include <caf/expected.hpp>\n")
        self.assert_clean("core/billing/x.hpp", "#include <caf/meta/type_name.hpp>\n")
        self.assert_clean("actors/x.hpp", "#include <caf/all.hpp>\n")
        self.assert_found("core/base/error.hpp", "#include <caf/all.hpp>\n", 1, "CAF")
        self.assert_found("core/billing/x.hpp", "#include <caf/error.hpp>\n", 1, "CAF")
        self.assert_found("storage/x.hpp", "#include <caf/meta/type_name.hpp>\n", 1, "CAF")

    def test_core_is_pure(self):
        for name in ("thread", "mutex", "fstream", "unistd.h", "sys/socket.h"):
            self.assert_found("core/base/x.cpp", f"#include <{name}>\n", 1, "pure")
        self.assert_clean("core/base/x.cpp", "#include <vector>\n")

    # -- sizes

    def test_columns_are_counted_in_characters(self):
        self.assert_clean("core/base/x.cpp", "// " + "é " * 48 + "\n")
        self.assert_found("core/base/x.cpp", "int x;\n// " + "ab " * 33 + "\n", 2, "columns")

    def test_what_cannot_be_broken_may_be_long(self):
        self.assert_clean("core/base/x.cpp", "// https://example.org/" + "a" * 100 + "\n")
        self.assert_clean("core/base/x.cpp", 'auto x = R"(\n' + "ab " * 40 + '\n)";\n')

    def test_long_functions_are_found(self):
        body = "  ++x;\n" * 69
        self.assert_found("core/base/x.cpp", f"namespace a {{\n\nint f(int x) {{\n{body}}}\n}}\n", 3,
                          "function f has 71 lines")
        self.assert_clean("core/base/x.cpp", f"int f(int x) {{\n{body[7:]}}}\n")

    def test_long_functions_are_found_wherever_they_stand(self):
        body = "  if (x) { ++x; }\n" * 70
        for head in ("void thing::run() const noexcept {", "thing::thing(int x) : x_(x) {",
                     "template <class T>\nvoid f(T x) {", "BOOST_AUTO_TEST_CASE(a_sentence) {",
                     "static auto f(int x) -> int {", "f::behavior_type\nf(int x, int y) {"):
            with self.subTest(head=head):
                self.assertEqual(len(findings({"core/base/x.cpp": f"{head}\n{body}}}\n"})), 1)
        method = "class a {\npublic:\n  void f() {\n" + body + "  }\n};\n"
        self.assertEqual(len(findings({"core/base/x.cpp": method})), 1)

    def test_scopes_types_and_tables_may_be_long(self):
        many = "int x;\n" * 100
        for text in (f"namespace a {{\n{many}}}\n", f"struct a {{\n{many}}};\n",
                     "constexpr int table[] = {\n" + "  1,\n" * 100 + "};\n",
                     f"CAF_ADD_ATOM(a, b)\nnamespace a::b {{\n{many}}}\n",
                     f"namespace {{\n{many}}}\n",
                     "int f() {\n  int a[][2] = {\n" + "    {1, 2},\n" * 80 + "  };\n}\n",
                     "int f(e x) {\n  switch (x) {\n" + "    case e::a:\n      return 1;\n" * 80
                     + "  }\n  return 0;\n}\n"):
            self.assert_clean("core/base/x.cpp", text)

    def test_a_macro_before_a_scope_or_function_is_no_part_of_it(self):
        many = "int x;\n" * 100
        for text in (f"BOOST_AUTO_TEST_SUITE(a)\n\nnamespace {{\n{many}}}\n",
                     f"BOOST_FIXTURE_TEST_SUITE(a, b)\nstruct c {{\n{many}}};\n",
                     "BOOST_AUTO_TEST_SUITE(a)\n\nint f() {\n" + "  ++x;\n" * 68 + "}\n"):
            self.assert_clean("tests/unit/x.cpp", text)
        text = "BOOST_AUTO_TEST_SUITE(a)\n\nint f() {\n" + "  ++x;\n" * 69 + "}\n"
        self.assert_found("tests/unit/x.cpp", text, 3, "function f has 71 lines")

    def test_braces_in_literals_and_comments_do_not_count(self):
        text = 'int f() {\n  g("{", \'{\', R"x({)x"); // {\n  /* { */\n}\n' + "int x;\n" * 100
        self.assert_clean("core/base/x.cpp", text)

    def test_long_files_are_found(self):
        self.assert_found("core/base/x.cpp", "int x;\n" * 601, 1, "601 lines")
        self.assert_clean("core/base/x.cpp", "int x;\n" * 600)

    # -- habits

    def test_unfinished_work_is_found(self):
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
            self.assert_found("core/base/x.cpp", f"int x; // {word}: later\n", 1, "unfinished")
        self.assert_found("ops/run.sh", "# TO" + "DO\n", 1, "unfinished")
        self.assert_clean("core/base/x.cpp", "int mastodon, TODOS;\n")

    def test_clocks_in_actors_and_core_are_found(self):
        text = "auto x = std::chrono::steady_clock::now();\n"
        self.assert_found("actors/x.cpp", text, 1, "clock")
        self.assert_found("core/base/x.cpp", text, 1, "clock")
        self.assert_clean("ops/callboard/x.cpp", text)
        self.assert_clean("actors/x.cpp", "std::chrono::steady_clock::time_point x; // steady_clock::now\n")

    def test_endless_requests_are_found(self):
        self.assert_found("actors/x.cpp", "self->request(a, caf::infinite, b);\n", 1, "finite")

    def test_sleeping_tests_are_found(self):
        text = "std::this_thread::sleep_for(1ms);\n"
        self.assert_found("tests/http/x.cpp", text, 1, "sleeps")
        self.assert_clean("tests/http/x.cpp", "// tidy: polls until the port answers.\n" + text)
        self.assert_clean("tests/http/x.cpp", text.strip() + " // tidy: polls\n")
        self.assert_clean("http/edge/x.cpp", text)

    def test_state_structs_without_constructor_are_found(self):
        self.assert_found("actors/x.cpp", "struct x_state {\n  int a = 0;\n};\n", 1, "constructor")
        self.assert_clean("actors/x.cpp", "struct x_state {\n  explicit x_state(int p);\n};\n")
        self.assert_clean("actors/x.cpp", "struct x_state;\nenum class y_state { a, b };\n")
        self.assert_clean("core/base/x.cpp", "struct x_state {\n  int a = 0;\n};\n")

    def test_sql_outside_its_folders_is_found(self):
        for text in ("SELECT a FROM b", "insert into b".upper() + " VALUES (1)", "UPDATE b SET a = 1",
                     "DELETE FROM b", "CREATE TABLE b (a int)", "ALTER TABLE b"):
            self.assert_found("storage/x.cpp", f'auto x = run("{text}");\n', 1, "SQL")
        self.assert_found("actors/x.cpp", 'auto x = "SELECT a "\n  "FROM b";\n', 1, "SQL")
        self.assert_found("actors/x.cpp", 'auto x = R"(\nSELECT a\nFROM b\n)";\n', 1, "SQL")

    def test_what_only_looks_like_sql_passes(self):
        self.assert_clean("storage/x.cpp", 'run("BEGIN");\nlog("SELECT failed");\n')
        self.assert_clean("storage/x.cpp", '// SELECT a FROM b\nlog("please select one from b");\n')
        self.assert_clean("storage/x.cpp", '// tidy: sql\nauto x = "CREATE TABLE b (a int)";\n')
        self.assert_clean("storage/sql/b/find.sql", "-- Finds.\nSELECT a FROM b;\n")
        self.assert_clean("tests/storage/x.cpp", 'run("SELECT a FROM b");\n')

    # -- names

    def test_the_seven_folders_are_all(self):
        self.assert_found("lib/x.txt", "a\n", 1, "top-level")
        self.assert_clean(".ci/run", "#!/bin/sh\n")
        self.assert_clean("README.md", "a\n")

    def test_catch_all_names_are_found(self):
        for path in ("core/utils/x.cpp", "core/base/common.hpp", "core/misc/x.cpp",
                     "tests/support/test_helpers.hpp", "http/edge/string_utils.cpp"):
            self.assert_found(path, "int x;\n" if path.endswith("cpp") else "", 1, "catch-all")
        self.assert_clean("core/base/commonwealth.cpp", "")
        self.assert_clean("ops/helm/templates/_helpers.tpl", "")

    def test_names_are_lower_case(self):
        self.assert_found("core/base/Thing.cpp", "int x;\n", 1, "lower case")
        for path in ("CMakeLists.txt", "ops/cmake/FindX.cmake", "ops/docker/Dockerfile"):
            self.assert_clean(path, "\n")

    def test_machine_paths_and_workplace_words_are_found(self):
        self.assert_found("ops/run", "#!/bin/sh\ncd /wo" + "rk/main/x\n", 2, "machine")
        self.assert_found("README.md", "see /home/" + "someone/x\n", 1, "machine")
        self.assert_found("README.md", "see the work" + "tree\n", 1, "workplace")
        self.assert_clean("README.md", "see https://example.org/wo" + "rk/x and ./wo" + "rk/\n")

    # -- comments

    def test_headers_without_comments_are_found(self):
        for text in ("struct a {\n  int x;\n};", "class a {};", "enum class a { b };", "int f(int x);",
                     "template <class T>\nT f(T x);", "std::optional<int> f(std::string_view x);",
                     "inline int f() { return 1; }"):
            with self.subTest(text=text):
                self.assert_found("core/base/x.hpp", f"namespace a {{\n\n{text}\n\n}}\n", 3, "///")
                self.assert_clean("core/base/x.hpp", f"namespace a {{\n\n/// Why.\n{text}\n\n}}\n")

    def test_what_needs_no_comment_passes(self):
        for text in ("struct a;", "struct x_tag {};", "template <class I>\nint inspect(I& f, int& x) {}",
                     "bool operator==(a x, a y);", "inline constexpr int x = f(3);",
                     "/// Both.\nint f();\nint g(int x,\n  int y);\nint h();", "using a = b<c(d)>;",
                     "template <>\nstruct std::hash<a> {};", "struct x_args {\n  int y;\n};",
                     "/// A.\nclass a {\npublic:\n  int f();\n\n  struct b {};\n};"):
            with self.subTest(text=text):
                self.assert_clean("core/base/x.hpp", f"namespace a {{\n\n{text}\n\n}}\n")
        self.assert_clean("core/base/x.cpp", "int f();\n")

    # -- the whole

    def test_bytes_that_are_not_text_are_no_obstacle(self):
        self.assert_clean("tests/fuzz/corpus/a", b"\xff\xfe\x00")
        self.assert_found("core/base/x.cpp", b"// \xff\n", 1, "UTF-8")

    def test_the_exit_code_tells(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy.py")
        for name, code in (("x.cpp", 0), ("X.cpp", 1)):
            with tempfile.TemporaryDirectory() as root:
                os.makedirs(os.path.join(root, "core"))
                with open(os.path.join(root, "core", name), "w", encoding="utf-8") as file:
                    file.write("int x;\n")
                done = subprocess.run([sys.executable, script, root], capture_output=True, check=False)
                self.assertEqual(done.returncode, code)
        done = subprocess.run([sys.executable, script], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
