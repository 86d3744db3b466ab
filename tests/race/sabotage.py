#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks the core in one place at a time and sees whether a storm reports it.

    make race SABOTAGE=NAME|all
    tests/race/sabotage.py BUILD NAME|all OBJECT...

Each line below names a storm, a file, and what is replaced in it by what.  A
sabotage whose text is no more in the file is an error: it has to follow the
code.  RACE_TIME is how long a storm may take to find one (40 s).
"""
import os
import shlex
import subprocess
import sys

SABOTAGES = {
    # The end of a grant's use, gnttab.c.
    "unmap-no-flush": ("grants", "gnttab_map.c", "tlb_flush_cpus(arch_domain_tlb_mask(currd));", ""),
    "unpin-first": ("grants", "gnttab.c", "\tif (write) {\n\t\tpage_put_type(pg);",
                    "\tif (rd != NULL) {\n\t\tunpin(rd->gnttab, ref, write);\n\t\trd = NULL;\n"
                    "\t\tfor (int i = 0; i < 100; i++) {\n\t\t\tarch_cpu_relax();\n\t\t}\n\t}\n"
                    "\tif (write) {\n\t\tpage_put_type(pg);"),
    "claim-no-busy": ("grants", "gnttab_map.c", "|| (flags & GRANT_MAP_BUSY) != 0", ""),
    "map-free-no-lock": ("grants", "gnttab_map.c",
                         "\tspin_lock(&t->lock);\n\tm->ref = t->free_map;\n"
                         "\t__atomic_store_n(&m->flags, 0, __ATOMIC_RELEASE);\n"
                         "\tt->free_map = handle;\n\tspin_unlock(&t->lock);",
                         "\tm->ref = t->free_map;\n"
                         "\t__atomic_store_n(&m->flags, 0, __ATOMIC_RELEASE);\n"
                         "\tt->free_map = handle;"),
    # How no wake-up is lost, sched.c.
    "block-no-second-look": ("wake", "sched_op.c", "\tsched_sleep(v, PAUSE_BLOCKED);\n",
                             "\tfor (volatile int i = 0; i < 3000; i++) {}\n"
                             "\tsched_sleep(v, PAUSE_BLOCKED);\n\treturn 0;\n"),
    "poll-no-wake": ("wake", "evtchn.c", "\tfor (; unlikely(mask != 0); mask &= mask - 1) {",
                     "\tfor (; unlikely(mask != 0 && (mask & (mask - 1)) == 0); mask = 0) {"),
    "wake-no-softirq": ("sched", "sched.c", "\tif (__atomic_load_n(&v->loaded, __ATOMIC_SEQ_CST)) {\n"
                        "\t\tcpu = percpu_of(READ_ONCE(v->cpu));",
                        "\tif (__atomic_load_n(&v->loaded, __ATOMIC_SEQ_CST)) {\n\t\tcpu = NULL;"),
    "unload-no-look": ("sched", "sched.c", "\t\tother = settle(loaded, now);",
                       "\t\tother = NULL;"),
    "queue-no-claim": ("sched", "sched.c", "\t\tif (READ_ONCE(other->idle) &&", "\t\tif (false &&"),
    "affinity-no-lock": ("sched", "sched.c",
                         "\tcpu = v->queued ? cpu_for(v) : percpu_of(v->cpu);\n"
                         "\tspin_unlock(&queue_lock);",
                         "\tspin_unlock(&queue_lock);\n"
                         "\tcpu = v->queued ? cpu_for(v) : percpu_of(v->cpu);"),
    # Page types and events.
    "type-no-flush": ("types", "page.c", "\tif (stale != 0) {\n\t\ttlb_flush_cpus(stale);\n\t}", ""),
    "fifo-no-link-check": ("fifo", "evtchn_fifo.c", "(word & LINKED) != 0; i++", "true; i++"),
}


def build(out, name, file, old, new):
    """The program with one object replaced; its path, or None."""
    with open(f"hv/core/{file}", encoding="utf-8") as source:
        text = source.read()
    if text.count(old) != 1:
        return None
    where = f"{out}/race/sabotage"
    os.makedirs(where, exist_ok=True)
    with open(f"{where}/{name}.c", "w", encoding="utf-8") as broken:
        broken.write(text.replace(old, new))
    with open(f"{out}/tsan.flags", encoding="utf-8") as flags:
        compiler, *options = shlex.split(flags.read())
    subprocess.run([compiler, *options, "-DFAKE_THREADS=1", "-Wno-error", "-w", "-c", "-o",
                    f"{where}/{name}.o", f"{where}/{name}.c"], check=True)
    # In the order of make: tests/fake/mark has to be first and last.
    objects = [f"{where}/{name}.o" if o == f"{out}/tsan/hv/core/{file[:-2]}.o" else o
               for o in sys.argv[3:]]
    subprocess.run([compiler, "-fsanitize=thread", "-o", f"{where}/{name}", *objects, "-lpthread"],
                   check=True)
    return f"{where}/{name}"


def what_it_said(log):
    lines = [line for line in log.splitlines()
             if line.startswith(("SUMMARY", "fake machine", "(VL) audit"))]
    return (lines or ["nothing"])[0]


def main():
    out, wanted = sys.argv[1:3]
    seconds, bad = os.environ.get("RACE_TIME", "40"), 0
    chosen = [n for n in SABOTAGES if wanted in ("all", n)]
    env = dict(os.environ, TSAN_OPTIONS="halt_on_error=1 history_size=4 suppressions="
               "tests/race/suppressions")
    print(f"1..{len(chosen)}")
    for name in chosen:
        storm, file, old, new = SABOTAGES[name]
        program = build(out, name, file, old, new)
        if program is None:
            print(f"not ok - {name}: what it breaks is no more in {file}")
            bad += 1
            continue
        run = subprocess.run(["setarch", "-R", program, "-t", seconds, storm], env=env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             errors="replace", check=False)
        found = run.returncode != 0
        bad += not found
        print(f"{'ok' if found else 'not ok'} - {name}: {what_it_said(run.stderr)}", flush=True)
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
