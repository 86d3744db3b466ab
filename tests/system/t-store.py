#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The store daemon in the control domain: its kernel and programs reach it by
the kernel's own ring, and go on when it is killed and started again."""
import os
import re
import subprocess

from vmrun import O, RUN, VM, Tap, require_images

HERE = os.path.dirname(os.path.abspath(__file__))
DAEMON = os.environ.get("TEST_STORED") or os.path.join(O, "bin/vl-stored")
MODULES = ["xen-evtchn", "xen-gntdev", "xen-privcmd", "xenfs"]
TOOLS = ["read", "write", "ls", "watch", "rm", "exists"]
# By the kernel's ring, not by the socket.
RING = "XENSTORED_PATH=/dev/xen/xenbus"

# Writes and reads numbers by the ring until it is told to stop; any failure ends it.
WORKER = """#!/bin/sh
export XENSTORED_PATH=/dev/xen/xenbus
i=0
while [ ! -e /tmp/stop ]; do
	i=$((i + 1))
	xenstore-write /work/$((i % 20)) $i || exit 1
	[ "$(xenstore-read /work/$((i % 20)))" = $i ] || exit 2
done
echo "WORKED $i"
"""


def build():
    initrd = os.path.join(RUN, "initrd-store.gz")
    worker = os.path.join(RUN, "store-worker")
    with open(worker, "w", encoding="ascii") as file:
        file.write(WORKER)
    os.chmod(worker, 0o755)
    args = ["-o", initrd, "-f", worker, "-l", DAEMON, "-k", os.path.join(RUN, "modules")]
    for tool in TOOLS:
        args += ["-l", f"/usr/bin/xenstore-{tool}"]
    for module in MODULES:
        args += ["-m", module]
    subprocess.run([os.path.join(HERE, "mkinitramfs.sh")] + args, check=True)
    return initrd


def start(vm):
    return vm.run("vl-stored -D", 60)


def store(tap, initrd):
    with VM("store", smp=2, initrd=initrd) as vm:
        vm.expect_marker(120)
        vm.shell()
        code, _ = vm.run("for m in %s; do modprobe $m || exit 1; done" % " ".join(MODULES))
        tap.equal(code, 0, "the drivers load")
        code, lines = start(vm)
        if code and "core" in " ".join(lines):
            tap.skip("store", "this core has no control operations")
            return
        tap.ok(code == 0, "it starts", "\n".join(lines))
        code, lines = vm.run("vl-stored -D")
        tap.ok(code == 1 and any("another" in l for l in lines), "a second one does not")
        vm.run("xenstore-write /a/b 'by the socket'")
        _, lines = vm.run(f"{RING} xenstore-read /a/b")
        tap.equal(lines[-1:], ["by the socket"], "programs read it by the kernel's ring")
        vm.run(f"{RING} xenstore-write /a/c 'by the ring'")
        _, lines = vm.run("xenstore-read /a/c")
        tap.equal(lines[-1:], ["by the ring"], "and write")

        vm.run(f"({RING} xenstore-watch -n 3 /watched > /tmp/events 2>&1 &) ; sleep 1")
        vm.run("(store-worker > /tmp/worker 2>&1 &)")
        for _ in range(5):
            vm.run("sleep 1; kill -9 $(pidof vl-stored)")
            code, lines = start(vm)
            tap.ok(code == 0, "it starts again after a kill", "\n".join(lines))
        vm.run("xenstore-write /watched/x 1; sleep 1; touch /tmp/stop; sleep 3")
        _, lines = vm.run("cat /tmp/worker")
        tap.ok(any(re.match(r"WORKED [1-9]", l) for l in lines),
               "a program on the ring noticed none of it", "\n".join(lines))
        _, lines = vm.run("cat /tmp/events")
        tap.ok("/watched/x" in lines, "nor did a watch", "\n".join(lines))
        _, lines = vm.run("xenstore-read /a/b; xenstore-read /a/c")
        tap.equal(lines[-2:], ["by the socket", "by the ring"], "all nodes are there")
        _, lines = vm.run("dmesg -r | grep -E '^<[0-4]>'; true")
        bad = [l for l in lines if re.search(r"BUG|WARN|Oops|xenbus|evtchn", l)]
        tap.ok(not bad, "dmesg is clean", "\n".join(bad))


def main():
    tap = require_images(Tap())
    if not os.path.isdir(os.path.join(RUN, "modules")):
        tap.skip("store", "the kernel's modules are not there")
    elif not os.path.exists("/usr/bin/xenstore-ls"):
        tap.skip("store", "xenstore-utils is not installed")
    else:
        tap.attempt("store", store, tap, build())
    tap.done()


if __name__ == "__main__":
    main()
