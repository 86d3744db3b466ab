#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the micro-guests of tests/guest, each as control domain of a machine of
its own, and print TAP. Those in PAIRS have companions: the same image once more
as guest 1, 2, ... with words of its own on the command line. Then each one's
verdict counts, unless it is there to run until the control domain has finished.

    tests/guest/run.py [NAME...]

A guest's last line is its verdict. SUCCESS passes; SKIP is a skipped test;
FAILURE, ERROR, a crash of the domain, a panic of the core or silence fail.
Some are there to crash: of those the core's report is checked. O names the
build folder; TEST_HV another hypervisor (TEST_HV=xen.elf: Debian's Xen, with
its own words for a crash).
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from vmrun import O, VM, Tap, Timeout, hypervisor  # noqa: E402

XEN = "xen" in os.path.basename(hypervisor() or "")
HV_ARGS = "com1=115200,8n1 console=com1 loglvl=info"
if XEN:
    HV_ARGS = "com1=115200,8n1 console=com1 dom0=pv loglvl=warning " \
        "guest_loglvl=all noreboot"
SMAP = "max"
NO_SMAP = "max,-smap"

VERDICT = r"^VERDICT: (\w+)(?: (.*))?\n"
CRASH = r"^.*(domain 0.* crashed|Domain 0 crashed).*\n"
PANIC = r"^.*(panic: |PANIC|Panic on CPU|check failed).*\n"
END = re.compile(f"{VERDICT}|{CRASH}|{PANIC}", re.M)
# What the report of a crash must name besides the reason.
REPORT = [r"crashed on vCPU 0: ", r"\brip\b", r"\brsp\b", r"\brax\b",
          r"last hypercalls of d0v0"]

# NAME: keywords of VM; no entry means the usual machine.
MACHINES = {
    "smp": {"smp": 2},
    "smp-race": {"smp": 2},
    "grant-table-op": {"smp": 2},
    "vcpu-op": {"smp": 2},
    "preempt": {"smp": 2},
    "xsa-7": {"smp": 2},
    "xsa-107": {"smp": 2},
    "xsa-287": {"smp": 2},
    "xsa-296": {"smp": 2},
    "xsa-342": {"smp": 2},
    "xsa-401": {"smp": 2},
    # Two vCPUs that share a processor.
    "switch": {"hvargs": "dom0_max_vcpus=2"},
    "stale-selectors": {"hvargs": "dom0_max_vcpus=2"},
    "pci-config": {"qargs": ["-machine", "q35", "-device", "edu", "-device",
                             "nvme,serial=1,msix_qsize=400"]},
    "ramdisk": {"initrd": os.path.join(HERE, "test.h")},
}
ENDLESS = "endless"
# How long shares of a processor are measured, in seconds of the guests.
SECONDS = int(os.environ.get("SHARE_SECONDS", "20"))


def shares(smp, *guests, word=""):
    """A machine with guests that each expect a part of a processor.

    Time is counted in instructions, so that other load on the host, which looks
    like a guest's own, changes nothing.
    """
    return ({"smp": smp, "args": f"seconds={SECONDS} {word}",
             "timeout": 10 * SECONDS + 60, "accel": "tcg,thread=single",
             "qargs": ["-icount", "shift=4,sleep=off"]},
            [f"{keys} -- seconds={SECONDS} part={part}"
             for keys, part in guests])


# NAME: {label: (keywords of boot(), the guests' command lines)}; before "--"
# stand words for the core, as tests/boot_guests takes them.
PAIRS = {
    "pair-events": {"pair-events": ({}, [""]),
                    "pair-events-smp": ({"smp": 2}, [""])},
    "pair-hostile": {"pair-hostile": ({}, ["attack", ""])},
    "pair-share": {f"pair-share-{word}": ({}, [f"{ENDLESS} {word}"])
                   for word in ("spin", "calls", "events", "timers")},
    "pair-weights": {
        "weights-256-512": shares(1, ("weight=256", 333), ("weight=512", 667)),
        "weights-four-on-two": shares(2, *[("", 500)] * 4),
        "weights-three-on-two": shares(2, *[("", 667)] * 3),
        "caps": shares(1, ("cap=20", 200), ("cap=50", 500)),
        "affinity": shares(2, ("cpus=0", 500), ("cpus=0", 500),
                           ("cpus=1", 1000)),
        "latency": shares(1, ("", 495), ("", 495), word="latency"),
    },
}
# Under SMEP and SMAP as well.
ALSO_SMAP = ["selftest", "pointers", "user-mode", "pte-write", "iret",
             "event-channel-op", "multicall", "page-types"]
# Where Debian's Xen 4.17 does otherwise, and is allowed to by the ABI, or fails
# for reasons of the emulator. Under it these are run and reported as skipped.
XEN_DIFFERS = {
    "control": "does not have Vellum's control call",
    "vcpu-op": "has periodic timers",
    "cpuid": "shows the control domain the MTRRs",
    "int-n": "takes the vector from QEMU's wrong error code",
    "mmuext-op": "leaves its entries in a frame that was an L4 table",
    "msr": "lets the control domain write more",
    "multicall": "executes iret inside a list",
    "page-types": "offers read-only linear tables",
    "pointers": "sched_op_compat can block without an end",
    "ports": "lets the control domain reset the machine by ports",
    "privileged": "looks for its emulation prefix beyond the end of a page",
    "random": "kexec_op of the control domain can crash it",
}
# What kills the guest "crash": word on its command line, reason in the log.
CRASHES = {
    "no-handler": r"no handler for exception 6",
    "wild-jump": r"no handler for exception 14 \(error 10, address (0x)?600000000000\) at "
                 r"(0x)?600000000000",
    "bad-stack": r"stack .* not writable",
    "core-stack": r"stack .* not writable",
    "wild-stack": r"stack .* not writable",
    "read-only-stack": r"stack .* not writable",
    "user-stack": r"stack .* not writable",
    "overflow": r"stack .* not writable",
    "iret-frame": r"iret frame at (0x)?[0-9a-f]+ is not readable",
    "iret-core-frame": r"iret frame at (0x)?[0-9a-f]+ is not readable",
    "iret-user": r"without a user page table",
    "no-event-callback": r"event without a registered callback",
    "no-failsafe": r"no failsafe callback",
    "shutdown": None,
}


def boot(name, args="", cpu=NO_SMAP, smp=1, initrd="", hvargs="",
         label=None, modules=(), qargs=(), timeout=20,
         accel="tcg,thread=multi"):
    """Boot one guest; its verdict, the reason, and the machine's output."""
    elf = os.path.join(O, "guest", name + ".elf")
    with VM("guest-" + (label or name), hv_base=HV_ARGS, hvargs=hvargs,
            kernel=elf, kargs=args, initrd=initrd, smp=smp, mem="256M", dom0_mem="64M",
            modules=modules, cpu=cpu, qargs=qargs,
            accel=accel) as vm:
        try:
            match = vm.expect(END.pattern, timeout)
        except Timeout as error:
            return "CRASH", str(error), vm.text
        if match.group(1):
            ended = XEN or vm.wait_exit(5) is not None
            if not ended:
                return "CRASH", "the machine did not go off", vm.text
            return match.group(1), match.group(2), vm.text
        # Let the rest of a report come.
        vm.wait_exit(1)
        return "CRASH", match.group(0).strip(), vm.text


def lines_of(text):
    """The guest's own lines, without the loader's."""
    lines = [l for l in text.splitlines() if l.strip()]
    return "\n".join(lines[-40:])


def run_guest(tap, name, label=None, **machine):
    label = label or name
    verdict, reason, text = boot(name, label=label, **machine)
    if XEN and verdict != "SUCCESS" and name in XEN_DIFFERS:
        tap.skip(label, XEN_DIFFERS[name])
    elif verdict == "SKIP":
        tap.skip(label, reason)
    else:
        tap.ok(verdict == "SUCCESS", label,
               f"{verdict} {reason}\n{lines_of(text)}")


def run_pair(tap, name, label, machine, guests):
    elf = os.path.join(O, "guest", name + ".elf")
    verdict, reason, text = boot(
        name, label=label,
        modules=[f"{elf} guest mem=32M {words if '--' in words else '-- ' + words}"
                 for words in guests], **machine)
    for number, words in enumerate(guests, 1):
        answer = re.search(rf"^\(d{number}\) VERDICT: (\w+)", text, re.M)
        answer = answer.group(1) if answer else "no verdict"
        if ENDLESS not in words and answer != "SUCCESS":
            verdict, reason = answer, f"of guest {number}"
    tap.ok(verdict == "SUCCESS", label,
           f"{verdict} {reason}\n{lines_of(text)}")


def run_crash(tap, word, pattern):
    label = f"crash-{word}"
    verdict, reason, text = boot("crash", args=word, label=label)
    if pattern is None or XEN:
        tap.ok(verdict == "CRASH" or (pattern is None and "VERDICT" not in
                                      text), label, lines_of(text))
        return
    missing = [p for p in [pattern] + REPORT
               if not re.search(p, text, re.I)]
    tap.ok(verdict == "CRASH" and not missing, label,
           f"{verdict} {reason}; not in the report: {missing}\n"
           f"{lines_of(text)}")


def main():
    hv = hypervisor()
    names = sorted(os.path.basename(os.path.dirname(p)) for p in
                   glob.glob(os.path.join(HERE, "*", "main.c")))
    if not hv or not os.path.exists(hv):
        print(f"1..0 # SKIP {hv} is not there (make hv)")
        sys.exit(0)
    wanted = sys.argv[1:] or names
    wanted.sort(key=lambda n: n != "selftest")
    tap = Tap()
    for name in wanted:
        if not os.path.exists(os.path.join(O, "guest", name + ".elf")):
            tap.ok(False, name, "not built (make guests)")
        elif name == "crash":
            for word, pattern in CRASHES.items():
                run_crash(tap, word, pattern)
        elif name in PAIRS:
            for label, (machine, guests) in PAIRS[name].items():
                if XEN:
                    tap.skip(label, "takes no guests from boot modules")
                else:
                    run_pair(tap, name, label, machine, guests)
        else:
            run_guest(tap, name, **MACHINES.get(name, {}))
            if name in ALSO_SMAP:
                run_guest(tap, name, label=name + "-smap", cpu=SMAP,
                          **MACHINES.get(name, {}))
    tap.done()


if __name__ == "__main__":
    main()
