#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks and networks of guests: files written by one guest are read by the
next, a guest that is destroyed in the middle leaves a file system that can be
repaired, and two guests reach each other, the control domain, and get their
addresses by DHCP. Nothing may be left at the end."""
from control import STACK, Control, require_control
from vmrun import Tap


def disk(tap, vm):
    image = "/tmp/disk.img"
    vm.out(f"truncate -s 48M {image} && /bin/mke2fs -q -t ext4 -F {image}")
    vm.config("writer", "fill", disk=[f"file:{image},xvda,w"])
    code, lines = vm.create("writer")
    if not tap.equal((code, lines), (0, []), "a guest with a disk in a file"):
        return
    vm.until_log("writer", "GUEST-DONE writer fill 0", 120)
    tap.ok(True, "it mounts the file system and fills it")
    tap.equal(vm.vl("destroy writer")[0], 0, "destroy")
    tap.equal(vm.run(f"e2fsck -f -n {image}")[0], 0, "the file system is clean")

    vm.config("reader", "verify,scribble", disk=[f"file:{image},xvda,w"])
    tap.equal(vm.create("reader"), (0, []), "another guest with the same disk")
    vm.until_log("reader", "GUEST-DONE reader verify 0", 120)
    tap.ok(True, "another guest finds every byte")
    vm.until_log("reader", "GUEST-SCRIBBLES", 60)
    vm.run("sleep 1")
    vm.vl("destroy reader")
    vm.until("[ -z \"$(ls -d /sys/block/loop*/loop 2>/dev/null)\" ]", 20)
    code, lines = vm.run(f"e2fsck -f -p {image}", 60)
    tap.ok(code in (0, 1), "destroyed in the middle of writing: fsck repairs it", lines)
    vm.config("third", "verify", disk=[f"file:{image},xvda,r"])
    vm.create("third")
    # Read-only: the file system cannot be mounted for writing, nor be repaired.
    vm.until_log("third", "GUEST-DONE third verify 0", 120)
    tap.ok(True, "a third one reads them from a read-only disk")
    vm.console("third")
    vm.type("dd if=/dev/zero of=/dev/xvda bs=4k count=1; echo code-$?", "code-[1-9]")
    vm.leave()
    tap.ok(True, "and cannot write")
    vm.vl("destroy third")
    vm.run(f"rm {image}")


def network(tap, vm):
    for name in ("left", "right"):
        vm.config(name, "dhcp,echo_server", vif=["bridge=vlbr0"])
        code, lines = vm.create(name)
        tap.equal((code, lines), (0, []), f"{name}: a guest with a network interface")
    addresses = {}
    for name in ("left", "right"):
        vm.until_log(name, "GUEST-IP", 90)
        addresses[name] = next(line.split()[2] for line in vm.guest_log(name)
                               if line.startswith("GUEST-IP"))
    tap.ok(len(set(addresses.values())) == 2 and
           all(a.startswith("10.77.0.") for a in addresses.values()),
           f"each has an address by DHCP: {addresses}")
    for name, address in addresses.items():
        code, lines = vm.run(f"ping -c 3 -W 2 {address}", 30)
        tap.equal(code, 0, f"the control domain pings {name}")
        _, lines = vm.run(f"echo over-tcp | nc -w 5 {address} 7", 20)
        tap.equal(lines, ["over-tcp"], f"and has a line back from it by TCP")
    vm.console("left")
    vm.type(f"ping -c 3 -W 2 {addresses['right']}; echo code-$?", "code-0", 30)
    vm.type(f"echo there-and | nc -w 5 {addresses['right']} 7; echo back", "there-and\nback")
    vm.type("dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null; "
            f"nc -w 5 {addresses['right']} 7 < /tmp/a | cmp - /tmp/a; echo same-$?",
            "same-0", 60)
    vm.leave()
    tap.ok(True, "guests reach each other: ping, a line, two MiB by TCP")
    _, lines = vm.run("vl-network status")
    tap.ok(all(any(name in line for line in lines) for name in addresses),
           "vl-network status names them", "\n".join(lines))
    for name in addresses:
        vm.vl(f"destroy {name}")
    tap.equal(vm.out("ls /sys/class/net | grep -c vif || true"), "0",
              "destroyed: their interfaces are gone")


def several(tap, vm):
    """Two disks and two interfaces, one on no bridge of ours."""
    vm.out("truncate -s 8M /tmp/a.img /tmp/b.img; echo A > /tmp/a.img; echo B > /tmp/b.img; "
           "truncate -s 8M /tmp/a.img /tmp/b.img; ip link add other type bridge; "
           "ip link set other up")
    vm.config("both", "disk,net", disk=["file:/tmp/a.img,xvda,w", "file:/tmp/b.img,xvdb,w"],
              vif=["mac=00:16:3e:01:02:03,bridge=vlbr0", "bridge=other"])
    vm.create("both")
    vm.until_log("both", "GUEST-DONE both net 0", 90)
    vm.console("both")
    vm.type("head -c 1 /dev/xvda; head -c 1 /dev/xvdb; cat /sys/class/net/eth0/address; "
            "ls -d /sys/class/net/eth1", "AB00:16:3e:01:02:03\n/sys/class/net/eth1")
    vm.leave()
    tap.ok(True, "two disks and two interfaces in their order")
    _, lines = vm.run("ls /sys/class/net/other/brif /sys/class/net/vlbr0/brif | grep -c vif")
    tap.equal(lines, ["2"], "each in its bridge")
    vm.vl("shutdown -w both", 60)
    vm.run("ip link delete other; rm /tmp/[ab].img")


def main():
    tap = require_control(Tap())
    with Control("vl-devices") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        for step in (disk, network, several):
            tap.attempt(step.__name__, step, tap, vm)
            for name in vm.names():
                vm.vl(f"destroy {name}")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
        tap.ok("PANIC" not in vm.text, f"{STACK}: no panic")
    tap.done()


if __name__ == "__main__":
    main()
