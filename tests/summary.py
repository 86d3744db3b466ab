#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run test programs one after another and count what passed.

usage: summary.py KIND:PATH...
  unit:PATH  a CUnit program; its own summary table is counted
  tap:PATH   an executable that prints TAP
  sum:PATH   an executable whose last line is "N passed, N failed"
  skip:NAME  nothing to run; counted as one skipped test

Passing output is shown as it comes for tap, and for unit only on failure. At
the end all failures stand once more, with what was said about each. The last
line is "N passed, N failed, N skipped"; exit code 1 if anything failed.
"""
import os
import re
import subprocess
import sys
import time

CUNIT = re.compile(r"^\s*tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", re.M)
TAP = re.compile(r"^(not )?ok\b(.*)$")
SUM = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
PLAN = re.compile(r"^1\.\.(\d+)")
SUITE = re.compile(r"^Suite: (.+)$")
VERBOSE = re.compile(r"^  Test: (.+?) \.\.\.")
NORMAL = re.compile(r"^Suite (.+), Test (.+) had failures:$")
ASSERTION = re.compile(r"^    (\d+)\. (\S+:\d+)  - (.*)$")
NOISE = re.compile(r"^FAILED$|^     CUnit - A unit|^     http://cunit")
REPORT = re.compile(r"^==\d+==ERROR|runtime error:|Assertion .* failed")

SHOWN = 24  # lines of what a failed test said, at the end again
SAID = 10  # of these, what a unit test printed besides its assertions


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.why = []  # for each of the failures, what it said

    def fail(self, name, why=()):
        self.failed += 1
        self.failures.append(name)
        self.why.append(list(why))


def failed_tests(output):
    """Per failed test of a CUnit program its name, and what was said about it.

    The modes differ: NORMAL says "Suite S, Test T had failures:" behind a test,
    VERBOSE says "Test: T ..." before it. What a test prints stands before its
    assertions.
    """
    failures, said, suite, test = [], [], "", ""
    for line in output.splitlines():
        if match := SUITE.match(line):
            suite = match.group(1)
        elif match := VERBOSE.match(line):
            test, said = f"{suite}: {match.group(1)}", []
        elif match := NORMAL.match(line):
            test = f"{match.group(1)}: {match.group(2)}"
        elif match := ASSERTION.match(line):
            if not failures or failures[-1][0] != test or match.group(1) == "1":
                failures.append((test, said[-SAID:]))
            failures[-1][1].append(f"{match.group(2)} - {match.group(3)}\n")
            said = []
        elif line.strip() and not NOISE.match(line):
            said.append(line + "\n")
    return failures


def last_words(output):
    """What tells why a program ended: a sanitizer's report, or its last lines."""
    lines = [line + "\n" for line in output.splitlines() if line.strip()]
    for i, line in enumerate(lines):
        if REPORT.search(line):
            return lines[i:i + SHOWN]
    return lines[-SHOWN:]


def run_unit(path, counts):
    env = dict(os.environ)
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    proc = subprocess.run([path], stdout=subprocess.PIPE, env=env,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    name = os.path.basename(path)
    table = CUNIT.search(proc.stdout)
    failures = failed_tests(proc.stdout)
    if table:
        total, _, passed, failed = map(int, table.groups())
        counts.passed += passed
        print(f"{name}: {passed} of {total} passed")
    else:  # it ended before its table
        failed = len(failures)
    if not table or failed or proc.returncode != 0:
        print(proc.stdout)
    for i in range(failed):
        test, why = failures[i] if i < len(failures) else ("a test", [])
        counts.fail(f"{name}: {test}", why[:SHOWN])
    if not table or (proc.returncode != 0 and not failed):
        counts.fail(f"{name} (exit code {proc.returncode})", last_words(proc.stdout))


def run_sum(path, counts):
    name = os.path.basename(path)
    print(f"# {name}", flush=True)
    proc = subprocess.run([path], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, errors="replace")
    print(proc.stdout, end="")
    totals = SUM.findall(proc.stdout)
    if totals:
        counts.passed += int(totals[-1][0])
        for _ in range(int(totals[-1][1])):
            counts.fail(name, last_words(proc.stdout))
    if not totals or (proc.returncode != 0 and int(totals[-1][1]) == 0):
        counts.fail(f"{name}: exit code {proc.returncode}")


def run_tap(path, counts):
    name = os.path.basename(path)
    print(f"# {name}", flush=True)
    proc = subprocess.Popen([path], stdout=subprocess.PIPE, text=True,
                            errors="replace")
    seen, plan = 0, None
    said, of_failure = [], None  # comments before a result, and behind one
    for line in proc.stdout:
        print(line, end="", flush=True)
        if line.startswith("#"):
            (said if of_failure is None else of_failure).append(line)
            continue
        if PLAN.match(line):
            plan = int(PLAN.match(line).group(1))
            if plan == 0:
                counts.skipped += 1
        result = TAP.match(line)
        if not result:
            continue
        seen += 1
        before, said, of_failure = said, [], None
        if re.search(r"#\s*skip\b", result.group(2), re.I):
            counts.skipped += 1
        elif re.search(r"#\s*todo\b", result.group(2), re.I):
            counts.skipped += 1
        elif result.group(1):
            counts.fail(f"{name}:{result.group(2)}", before)
            of_failure = counts.why[-1]
        else:
            counts.passed += 1
    code = proc.wait()
    if plan is None or plan != seen:
        counts.fail(f"{name}: stopped after {seen} of {plan} tests", said)
    elif code != 0 and not any(f.startswith(name) for f in counts.failures):
        counts.fail(f"{name}: exit code {code}")


def main():
    counts = Counts()
    start = time.monotonic()
    for arg in sys.argv[1:]:
        kind, _, path = arg.partition(":")
        if kind == "unit":
            run_unit(path, counts)
        elif kind == "tap":
            run_tap(path, counts)
        elif kind == "sum":
            run_sum(path, counts)
        else:
            print(f"# {path}: not run, its sources are not there")
            counts.skipped += 1
    for failure, why in zip(counts.failures, counts.why):
        print(f"FAILED {failure}")
        print("".join(f"    {line}" for line in why[-SHOWN:]), end="")
    print(f"{counts.passed} passed, {counts.failed} failed, "
          f"{counts.skipped} skipped in {time.monotonic() - start:.0f} s")
    return 1 if counts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
