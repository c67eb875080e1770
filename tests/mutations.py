#!/usr/bin/env python3
"""Breaks the money rules on purpose, one at a time, and looks whether a test notices.

    python3 tests/mutations.py TESTS_BINARY [WORD]

TESTS_BINARY is build/<preset>/tests/storage_tests. Every mutant is a copy of schema/migrations in
which one text is replaced: in the newest file that has it, where it must occur once. The test named
beside it must fail on the copy, and a test about something else must pass, so that a mutant that
does not even load is no success. On the unchanged migrations all of them must pass. With WORD, only
mutants whose name holds it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MIGRATIONS = Path(__file__).resolve().parent.parent / "schema" / "migrations"
# Passes on every mutant.
CONTROL = "wallet_test/a_platform_without_wallet_is_told_apart"
# Random histories, always the same ones; a failure need not be made small.
RANDOM = "wallet_model_test/sql_and_model_agree_after_every_command_and_the_invariants_hold"
RANDOM_PARAMS = "seed=1 max_success=60 max_size=160 noshrink=1"
# All of them take a minute, and on a slow and busy machine three; this catches hangs.
RUN_SECONDS = 600

# name, text, replacement, test that must fail
MUTANTS = [
    ("no epoch check of a hold",
     "    RETURN;\n  END IF;\n  IF w.epoch <> e OR w.token IS DISTINCT FROM tok THEN"
     " code := 'fenced'; RETURN; END IF;\n",
     "    RETURN;\n  END IF;\n",
     "wallet_test/a_former_owner_is_fenced_from_new_holds_but_may_settle_its_own"),
    ("no token check of a hold",
     "    RETURN;\n  END IF;\n  IF w.epoch <> e OR w.token IS DISTINCT FROM tok THEN",
     "    RETURN;\n  END IF;\n  IF w.epoch <> e THEN",
     "wallet_test/a_former_owner_is_fenced_from_new_holds_but_may_settle_its_own"),
    ("no epoch check of a block",
     "  IF w.epoch <> e OR w.token IS DISTINCT FROM tok THEN code := 'fenced'; RETURN; END IF;\n"
     "  IF NOT w.is_active", "  IF NOT w.is_active",
     "block_test/an_older_owner_gets_no_block_but_its_calls_are_booked"),
    ("no hold status check",
     "  IF x.status <> 'P' THEN code := 'already'; RETURN; END IF;\n", "",
     "wallet_test/a_hold_is_placed_settled_and_booked_once"),
    ("no request hash check of a hold",
     "    ELSIF old.req_hash <> rh AND old.status IN ('P', 'S') THEN\n", "    ELSIF false THEN\n",
     "wallet_test/"
     "a_retry_finds_its_hold_even_after_a_takeover_and_another_request_does_not"),
    ("no request hash check of a top-up",
     "      IF l.request_hash IS DISTINCT FROM rh THEN code := 'mismatch'; RETURN; END IF;\n", "",
     "wallet_test/a_topup_is_done_once_per_idempotency_key"),
    ("what an operation made is forgotten",
     "    WHERE NOT e.body ? 'gave' OR e.created_at", "    WHERE true OR e.created_at",
     "made_once_test/an_operation_makes_once_and_shows_the_same_again"),
    ("no check of what an operation asks for",
     "CASE WHEN e.body->>'asked' = asked THEN 'ok'", "CASE WHEN true THEN 'ok'",
     "made_once_test/an_operation_makes_once_and_shows_the_same_again"),
    ("no row lock of an admission",
     "  free := false; amount := 0;\n"
     "  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;\n",
     "  free := false; amount := 0;\n"
     "  SELECT * INTO w FROM wallet WHERE platform_id = t;\n",
     "wallet_race_test/an_admission_waits_for_the_one_before_it"),
    ("no wallet check",
     "    IF avail <= 0 OR (p.strict_mode AND amt > avail) THEN\n",
     "    IF false THEN\n",
     "wallet_test/by_default_the_crossing_call_runs_and_the_next_is_refused"),
    ("strict ignored",
     "    IF avail <= 0 OR (p.strict_mode AND amt > avail) THEN\n",
     "    IF avail <= 0 THEN\n",
     "wallet_test/in_strict_mode_the_whole_estimate_must_fit"),
    ("strict ignored at the end",
     "WHEN x.free OR x.strict_mode THEN least(actual, x.amount)",
     "WHEN x.free THEN least(actual, x.amount)",
     "wallet_test/an_overage_is_charged_by_default_and_absorbed_in_strict_mode"),
    ("pending not raised",
     "    UPDATE wallet SET debits_pending = debits_pending + amt, overdraft = ",
     "    UPDATE wallet SET overdraft = ",
     "wallet_test/by_default_the_crossing_call_runs_and_the_next_is_refused"),
    ("a void charges",
     "  charged := coalesce(s, 0); overage := extra;",
     "  charged := coalesce(s, CASE WHEN how = 'V' THEN x.amount ELSE 0 END); overage := extra;",
     "wallet_test/a_void_gives_everything_back_and_books_nothing"),
    ("a void keeps the free slot",
     "      UPDATE free_quota SET used = used - 1 WHERE platform_id = t AND win = x.win;\n",
     "      NULL;\n",
     "wallet_test/free_calls_come_first_and_leave_no_trace_in_ledger_and_log"),
    ("one free call too many",
     "    WHERE q.used < excluded.lim;", "    WHERE q.used <= excluded.lim;",
     "wallet_test/free_calls_come_first_and_leave_no_trace_in_ledger_and_log"),
    ("the free slot of another month goes back",
     "WHERE platform_id = t AND win = x.win;", "WHERE platform_id = t AND win = month_utc();",
     RANDOM),
    ("an end is booked in the window of its day",
     "    WHERE end_user_id = x.end_user_id AND win = x.budget_win;",
     "    WHERE end_user_id = x.end_user_id AND win = (SELECT budget_win(b.period) FROM budget b\n"
     "      WHERE b.end_user_id = x.end_user_id);", RANDOM),
    ("the budget is not checked",
     "  IF room <= 0 OR (p.strict_mode AND amt > room) THEN\n    times := ",
     "  IF false THEN\n    times := ", RANDOM),
    ("calls of a block are booked again",
     "hold_id       uuid NOT NULL UNIQUE,", "hold_id       uuid NOT NULL,",
     "block_test/calls_of_a_block_are_booked_once_and_its_rest_goes_back"),
    ("a key names its first loop for ever",
     "    EXIT WHEN latest IS NULL OR latest > in_ms(-results_ms);\n", "    EXIT WHEN true;\n",
     "idempotency_test/a_key_names_another_loop_once_the_former_one_is_long_over"),
    ("a claim changes its loop",
     "  IF code <> 'new' THEN RETURN; END IF;\n  loop_id := first_loop;\n",
     "  IF code NOT IN ('new', 'again') THEN RETURN; END IF;\n  loop_id := first_loop;\n",
     "idempotency_test/a_claim_keeps_its_loop_however_long_it_lasts"),
    ("a new budget does not stop plain booking",
     "WHERE w.platform_id = t AND w.rules_version = plain_rules AND p.id",
     "WHERE w.platform_id = t AND p.id",
     "block_test/a_batch_that_is_not_plain_any_more_is_booked_all_the_same"),
    ("an ended block is booked as plain",
     "h.id = blocks[1] AND h.status = 'P' AND h.budget_win IS NULL;",
     "h.id = blocks[1] AND h.budget_win IS NULL;",
     RANDOM),
    ("a budget's block is booked as plain",
     "h.id = blocks[1] AND h.status = 'P' AND h.budget_win IS NULL;",
     "h.id = blocks[1] AND h.status = 'P';",
     "block_test/a_batch_that_is_not_plain_any_more_is_booked_all_the_same"),
    ("a plain batch leaves its block as it was",
     "        UPDATE hold h SET amount = h.amount - total\n",
     "        UPDATE hold h SET amount = h.amount\n",
     "block_test/a_plain_batch_is_booked_as_any_other"),
    ("a block is not reduced by its calls",
     "    UPDATE hold h SET amount = h.amount - b.used\n",
     "    UPDATE hold h SET amount = h.amount\n",
     "block_test/calls_of_a_block_are_booked_once_and_its_rest_goes_back"),
    ("a key that moved a budget answers for any other move",
     "    WHEN x.amount = amt AND x.reason", "    WHEN x.reason",
     "budget_ledger_test/an_operation_that_moved_a_budget_moves_nothing_else"),
    ("calls of a block are not counted in budgets",
     "    PERFORM budgets_spend(t, used_users, used_wins, used_blocks, used_charges, used);\n",
     "    NULL;\n", "block_test/a_block_of_a_user_is_taken_from_its_budget"),
    ("a free call that comes late takes no slot",
     "    UPDATE free_quota q SET used = q.used + 1\n",
     "    UPDATE free_quota q SET used = q.used\n",
     "idempotency_test/a_free_call_that_comes_late_takes_its_slot_again"),
    ("the sweeper believes its list",
     "h.id = one AND h.status = 'P'\n        AND h.expires_at < clock_timestamp() FOR UPDATE;",
     "h.id = one FOR UPDATE;",
     "wallet_race_test/a_note_that_comes_while_others_are_swept_saves_its_hold"),
    ("in strict mode a late cost is paid above its hold",
     "CASE WHEN x.strict_mode AND NOT x.free THEN least(rest, greatest(0, x.amount - charged))\n"
     "              ELSE rest END;", "rest;",
     "idempotency_test/in_strict_mode_a_late_cost_is_bounded_by_its_hold"),
    ("a hold of another owner is undone",
     "  IF FOUND AND x.holder IS DISTINCT FROM tok THEN RETURN 'not_ours'; END IF;\n", "",
     "wallet_test/a_hold_in_doubt_is_undone_by_the_owner_that_placed_it"),
    ("a block grows into another window",
     "  IF FOUND THEN code := 'ended'; RETURN; END IF;\n", "",
     "block_test/a_block_does_not_grow_into_another_window_or_after_its_end"),
]


class Broken(Exception):
    """Why a mutant, or the unchanged rules, did not behave."""


def mutate(folder, name, text, replacement):
    """Replaces the text where it counts: a later migration may define the function again."""
    for file in sorted(folder.glob("*.sql"), reverse=True):
        before = file.read_text(encoding="utf-8")
        if before.count(text) > 1:
            raise Broken(f"{name}: the text occurs {before.count(text)} times in {file.name}")
        if text in before:
            file.write_text(before.replace(text, replacement), encoding="utf-8")
            return
    raise Broken(f"{name}: the text is in no migration")


def run(binary, folder, cases):
    """Which of the cases failed."""
    environment = {**os.environ, "CALLBOARD_TEST_MIGRATIONS": str(folder),
                   "RC_PARAMS": RANDOM_PARAMS}
    # ctest's own report is of no use here.
    environment.pop("BOOST_TEST_LOGGER", None)
    done = subprocess.run(
        [binary, *(f"--run_test={x}" for x in cases), "--report_level=detailed",
         "--color_output=no"],
        capture_output=True, text=True, check=False, timeout=RUN_SECONDS, env=environment)
    said = done.stdout + done.stderr
    ends = dict(re.findall(r'Test case "([^"]+)" (?:has|was) (passed|failed|aborted)', said))
    missing = [x for x in cases if x not in ends]
    if missing:
        raise Broken(f"{missing[0]} did not run:\n{said[-2000:]}")
    return {x for x in cases if ends[x] != "passed"}


def check(binary, name, text, replacement, test):
    with tempfile.TemporaryDirectory(prefix="callboard-mutant-") as place:
        folder = Path(place) / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("*.md"))
        mutate(folder, name, text, replacement)
        failed = run(binary, folder, [CONTROL, test])
    if failed != {test}:
        raise Broken(f"{name}: {test} should fail and nothing else, but failed: "
                     f"{', '.join(sorted(failed)) or 'nothing'}")


def main(binary, word=""):
    chosen = [x for x in MUTANTS if word in x[0]]
    problems = []
    with tempfile.TemporaryDirectory(prefix="callboard-mutant-") as place:
        folder = Path(place) / "migrations"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("*.md"))
        failed = run(binary, folder, sorted({CONTROL, *(x[3] for x in chosen)}))
    if failed:
        problems.append(f"unchanged rules: failed: {', '.join(sorted(failed))}")
    for mutant in chosen:
        try:
            check(binary, *mutant)
            print(f"caught: {mutant[0]}, by {mutant[3]}", flush=True)
        except Broken as problem:
            problems.append(str(problem))
            print(f"NOT CAUGHT: {problem}", flush=True)
    print(f"{len(chosen) - len(problems)} of {len(chosen)} mutants caught")
    return 1 if problems or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
