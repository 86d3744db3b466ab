#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The life of guests by vl, typed as an administrator would: create, look,
console, pause, rename, shut down, reboot, destroy; and what happens when
something asked for cannot be. A guest of docs/libvellum.md's program, which was
only compiled: what it made had nobody at its rings, so that its kernel hung
before its init. Nothing may be left at the end.

VL_CYCLES=1000 creates and destroys a guest so often at the end."""
import os
import re

from control import STACK, Control, require_control
from vmrun import Tap

CYCLES = int(os.environ.get("VL_CYCLES", "0"))


def created(tap, vm):
    vm.config("one", vcpus=4)
    code, lines = vm.create("one")
    if not tap.equal((code, lines), (0, []), "create says nothing and succeeds"):
        return
    tap.note(f"created after {vm.elapsed():.1f} s")
    vm.until_log("one", "GUEST-UP one")
    tap.ok(True, "the guest's kernel reaches user space; its log has the line")
    _, lines = vm.vl("list")
    rows = [line.split() for line in lines]
    tap.ok(re.match(r"Name +ID +Mem VCPUs\tState\tTime\(s\)$", lines[0]),
           "list: its head", lines[0])
    tap.ok(all(len(row) == 6 for row in rows) and rows[1][0] == "Domain-0",
           "list: six words in each row, the control domain first", lines)
    row = next((row for row in rows if row[0] == "one"), [])
    tap.ok(row[2:4] == ["96", "4"] and re.match(r"[r-][b-]----$", row[4]),
           "list: memory, vCPUs and state of the guest", lines)
    _, lines = vm.vl("domid one")
    number = lines[0]
    tap.equal(vm.vl(f"domname {number}"), (0, ["one"]), "domid and domname agree")
    _, lines = vm.vl("info")
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    found = {key.strip(): value.strip() for key, value in found.items()}
    tap.ok(all(found.get(key, "").isdigit() for key in
               ("total_memory", "free_memory", "nr_cpus", "nr_nodes",
                "cores_per_socket", "threads_per_core", "xen_major", "xen_minor")),
           "info: the numbers that cluster managers read", "\n".join(lines))
    tap.equal(vm.vl("info nr_cpus"), (0, ["2"]), "info with a field: its bare value")


def vcpus(vm, name):
    """Which of its vCPUs are online, by vl vcpu-list."""
    _, lines = vm.vl(f"vcpu-list {name}")
    rows = [line.split() for line in lines[1:]]
    # It has a place if it is online, and "p" among its three letters if not.
    return [(row[0], int(row[2])) for row in rows if row[3].isdigit() and row[4][2] == "-"], \
        [(row[0], int(row[2])) for row in rows if row[3] == "-" and row[4] == "--p"]


def as_xml(tap, vm):
    """By vl-xml, with the system calls that it has left on this kernel."""
    code, lines = vm.run(f"{STACK} dumpxml one 2>&1 > /tmp/one.xml && {STACK} create -nq "
                         "/tmp/one.xml > /tmp/one.json")
    tap.equal((code, lines), (0, []), "dumpxml, and create reads it")
    code, lines = vm.run(f"{STACK} list -l one > /tmp/one.list; for f in json list; do "
                         "grep -v domid /tmp/one.$f | tr -d '[] \\n'; echo; done")
    tap.ok(len(lines) == 2 and lines[0] == lines[1] and "one" in lines[0],
           "what comes back is what it was", "\n".join(lines))


def consoles(tap, vm):
    vm.console("one")
    vm.type("echo in-$((40 + 2))-$(cat /sys/hypervisor/type)", "in-42-xen")
    vm.type("nproc", "^4$")
    vm.leave()
    tap.equal(vcpus(vm, "one"), ([("one", n) for n in range(4)], []),
              "four vCPUs: the guest runs on all of them, and vcpu-list shows them")
    tap.ok(True, "console: a command in the guest, and back by Ctrl-]")
    tap.ok(any("in-42-xen" in line for line in vm.guest_log("one")),
           "what was shown is in the log as well")


def paused(tap, vm):
    vm.vl("pause one")
    tap.equal((vm.state("one") or "")[2:3], "p", "pause: the state says so")
    _, lines = vm.vl("list one")
    before = lines[-1].split()[-1]
    vm.run("sleep 1")
    _, lines = vm.vl("list one")
    tap.equal(lines[-1].split()[-1], before, "pause: it runs no more")
    vm.vl("unpause one")
    tap.equal((vm.state("one") or "")[2:3], "-", "unpause")
    code, _ = vm.vl("rename one two")
    tap.equal((code, vm.names()), (0, ["two"]), "rename")
    code, _ = vm.vl("domid one")
    tap.ok(code != 0, "the old name is nobody's")
    vm.vl("rename two one")


def reboots(tap, vm):
    before = vm.out(f"{STACK} domid one")
    tap.equal(vm.vl("reboot one")[0], 0, "reboot is asked for")
    vm.until(f"[ $({STACK} domid one || echo {before}) != {before} ]", 60,
             f"{STACK} list")
    vm.until(f"[ $(grep -c 'GUEST-UP one' {LOG}) = 2 ]", 90, f"tail -n 5 {LOG}")
    tap.ok(True, "the guest comes up again under another number")


LOG = "/var/log/vellum/guest-one.log" if STACK == "vl" else \
    "/var/log/xen/console/guest-one.log"


def shut_down(tap, vm):
    code, lines = vm.vl("shutdown -w one", 90)
    # It waits for the shutdown; vld ends what is left of the guest a moment later.
    vm.gone("one")
    tap.equal((code, vm.names()), (0, []), "shutdown -w: it goes")
    vm.config("kept", "nproc", on_poweroff="preserve", vcpus=3, maxvcpus=4)
    vm.create("kept")
    vm.until_log("kept", "GUEST-DONE kept nproc 0")
    tap.ok("3" in vm.guest_log("kept"), "vcpus=3, maxvcpus=4: the guest has three online",
           vm.guest_log("kept"))
    tap.equal(vcpus(vm, "kept"), ([("kept", n) for n in range(3)], [("kept", 3)]),
              "and vcpu-list shows three online, and one that is not")
    code, _ = vm.vl("shutdown -w kept", 90)
    tap.equal((code, vm.state("kept")), (0, "---s--"),
              "on_poweroff=preserve: it stays, powered off")
    tap.equal((vm.vl("destroy kept")[0], vm.names()), (0, []), "destroy")


def refused(tap, vm, what, words, pattern, config=None, **keys):
    """A create that must fail with one sentence, and leave no guest."""
    if config is None:
        vm.config("bad", **keys)
    code, lines = vm.vl(f"create -q {words or '/tmp/bad.cfg'}", 60)
    text = "\n".join(lines)
    tap.ok(code != 0 and (STACK != "vl" or (len(lines) == 1 and
                                            re.search(pattern, text))),
           f"{what}: {lines[-1] if lines else code}", f"exit code {code}\n{text}")


def mistakes(tap, vm):
    vm.config("one")
    vm.vl("create -q -p /tmp/one.cfg", 90)
    refused(tap, vm, "a name that is taken", "/tmp/one.cfg", r"one", config=True)
    tap.equal(vm.names(), ["one"], "the first of that name is still there")
    vm.vl("destroy one")
    refused(tap, vm, "no such file", "/tmp/none.cfg", r"/tmp/none\.cfg", config=True)
    refused(tap, vm, "no such kernel", "", r"/boot/none", kernel="/boot/none")
    vm.run("head -c 4000000 /boot/vmlinuz > /tmp/half")
    refused(tap, vm, "half a kernel", "", r"/tmp/half|kernel", kernel="/tmp/half")
    refused(tap, vm, "too little memory", "", r"memory|MiB", memory=16)
    refused(tap, vm, "more memory than there is", "", r"memory|MiB", memory=60000)
    refused(tap, vm, "no such bridge", "", r"nobridge", vif=["bridge=nobridge"])
    refused(tap, vm, "no such disk", "", r"/tmp/nodisk", disk=["file:/tmp/nodisk,xvda,w"])
    vm.run("echo 'memory = (' > /tmp/worse.cfg")
    refused(tap, vm, "no configuration", "/tmp/worse.cfg", r"worse\.cfg", config=True)
    tap.equal(vm.names(), [], "nothing is left of any of them")


def at_once(tap, vm):
    """Two of one name at the same moment: one wins, the other says why not."""
    vm.config("twin")
    vm.run(f"for n in 1 2; do ({STACK} create -q -p /tmp/twin.cfg > /tmp/twin.$n 2>&1; "
           "echo code $? >> /tmp/twin.$n) & done; wait", 120)
    _, lines = vm.run("cat /tmp/twin.1 /tmp/twin.2")
    codes = sorted(int(line.split()[1]) for line in lines if line.startswith("code"))
    tap.ok(codes[:1] == [0] and codes[-1:] != [0] and vm.names() == ["twin"],
           "two at once of one name: one of them", "\n".join(lines))
    vm.vl("destroy twin")


def by_program(tap, vm):
    """The program of the library's document makes what vl knows."""
    vm.config("none", kernel="/boot/none")
    code, lines = vm.run("start-guest /tmp/none.cfg 2>&1")
    tap.ok(code == 1 and len(lines) == 1 and "/boot/none" in lines[0],
           "the document's program, no such kernel: " + " ".join(lines), code)
    code, lines = vm.run("start-guest /tmp/one.cfg vcpus=1 2>&1", 60)
    tap.equal((code, lines), (0, [f"domain {vm.vl('domid one')[1][0]} runs"]),
              "the document's program starts a guest")
    vm.until(f"[ $(grep -c 'GUEST-UP one' {LOG}) = 3 ]", 90, f"tail -n 5 {LOG}")
    tap.ok(True, "which comes up, its console in the log")
    tap.equal((vm.vl("destroy one"), vm.names()), ((0, []), []), "and vl destroys it")


def cycles(tap, vm):
    vm.config("cycle")
    code, lines = vm.run(
        f"n=0; while [ $n -lt {CYCLES} ]; do n=$((n+1)); {STACK} create -q "
        f"{'' if CYCLES < 100 else '-p '}/tmp/cycle.cfg && {STACK} destroy cycle || break; "
        f"done; [ $n = {CYCLES} ]", 30 + CYCLES * 10)
    tap.ok(code == 0, f"{CYCLES} times created and destroyed", "\n".join(lines))


def main():
    tap = require_control(Tap())
    with Control("vl-life") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        steps = [created, as_xml, consoles, paused, reboots, shut_down, mistakes, at_once,
                 by_program]
        for step in steps:
            if STACK != "vl" and step in (as_xml, by_program):
                continue
            tap.attempt(step.__name__, step, tap, vm)
        if CYCLES:
            tap.attempt("cycles", cycles, tap, vm)
        else:
            tap.skip("many cycles", "VL_CYCLES=1000 runs them")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
    tap.done()


if __name__ == "__main__":
    main()
