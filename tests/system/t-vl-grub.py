#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that find their kernel on their own disk, by GRUB's PV image of Debian's
package grub-xen-host: with its menu, by another GRUB that the disk has, and GRUB's
prompt for who has no menu. None of this is a file of the control domain, which
never reads a guest's disk. GRUB reads pages one by one, and so is slow."""
import os

from control import ESCAPE, GUEST_MIB, LOGS, STACK, Control, require_control
from vmrun import RUN, Tap

GRUB = "/usr/lib/grub-xen/grub-x86_64-xen.bin"
# GRUB holds the kernel packed and unpacked before it starts it.
MEMORY = GUEST_MIB + 160
TREE = "/tmp/tree"


def image(vm, menu, *commands):
    """/tmp/grub.img: a file system with kernel and ramdisk in /boot, perhaps a menu,
    and what the commands add."""
    vm.out(f"mkdir -p {TREE}/boot/grub; cp /boot/vmlinuz /boot/initrd-guest.gz {TREE}/boot")
    if menu:
        vm.write(f"{TREE}/boot/grub/grub.cfg", menu)
    for command in commands:
        vm.out(command)
    vm.out("rm -f /tmp/grub.img; truncate -s 48M /tmp/grub.img && "
           f"/bin/mke2fs -q -t ext4 -F -d {TREE} /tmp/grub.img && rm -r {TREE}", 60)


def start(tap, vm, name, text, **keys):
    vm.config(name, **{"kernel": None, "ramdisk": None, "memory": MEMORY,
                       "disk": ["file:/tmp/grub.img,xvda,w"], **keys})
    return tap.equal(vm.create(name), (0, []), text)


def from_menu(tap, vm):
    """Its kernel is on its disk, and has two processors, disk and network."""
    image(vm, ["set timeout=0", "menuentry guest {",
               "linux /boot/vmlinuz console=hvc0 quiet gname=menu gscript=disk,dhcp",
               "initrd /boot/initrd-guest.gz", "}"])
    if not start(tap, vm, "menu", "firmware=pvgrub64", firmware="pvgrub64", vcpus=2,
                 vif=["bridge=vlbr0"]):
        return
    vm.until_log("menu", "GUEST-DONE menu dhcp 0", 240)
    tap.ok(True, "the kernel of its disk starts, and has disk and network")
    vm.console("menu")
    vm.type("grep -c ^processor /proc/cpuinfo", "^2")
    vm.type("mount -t ext4 /dev/xvda /mnt && touch /mnt/written && umount /mnt; echo code-$?",
            "^code-0", 60)
    vm.leave()
    tap.ok(True, "two processors, and the disk can be written")
    vm.vl("reboot menu")
    log = f"{LOGS}/guest-menu.log"
    vm.until(f"[ $(grep -ac 'Booting .guest' {log}) = 2 ]", 120, f"tail -n 20 {log}")
    tap.ok(True, "restarted it goes through its menu again")
    tap.equal(vm.vl("destroy menu")[0], 0, "destroyed as GRUB loads its kernel")
    tap.equal(vm.run("e2fsck -f -n /tmp/grub.img", 60)[0], 0, "its file system is clean")


def as_kernel(tap, vm):
    """The image named as a kernel, as older files do it, and pygrub's files."""
    for name, keys in (("old", {"kernel": GRUB}), ("pygrub", {"bootloader": "pygrub"})):
        (key, value), = keys.items()
        if start(tap, vm, name, f"{key}={value}", **keys):
            vm.until_log(name, "Booting .guest", 120)
            tap.ok(True, f"{name}: GRUB finds the menu of the disk")
        vm.vl(f"destroy {name}")


def chained(tap, vm):
    """A disk with a GRUB of its own, which has its menu in itself. It starts a small
    kernel, for a change, which crashes as it should."""
    image(vm, None, f"mkdir {TREE}/boot/xen; cp /boot/crash.elf {TREE}/boot",
          f"cp /boot/pvboot.elf {TREE}/boot/xen/pvboot-x86_64.elf")
    if start(tap, vm, "chained", "a disk with a boot loader", firmware="pvgrub64"):
        vm.until_log("chained", "starting the small kernel", 240)
        vm.until_log("chained", "has ended: crash", 60)
        tap.ok(True, "GRUB starts the disk's GRUB, and that the kernel")
    vm.vl("destroy chained")


def typed(tap, vm):
    """No menu: a person finds out what is there."""
    image(vm, None)
    if not start(tap, vm, "typed", "a disk without a menu", firmware="pvgrub64"):
        return
    vm.send_line(f"{STACK} console typed")
    vm.send("\n")
    vm.expect(r"grub> ", 120)
    vm.type("ls", r"\(xen/xvda\)", 60)
    vm.type("ls (xen/xvda)/boot/", "vmlinuz", 60)
    vm.send(ESCAPE)
    # Not before its prompt: what follows the escape in one piece is dropped with it.
    vm.expect(r"^# ", 20)
    vm.run("stty -echo; true")
    tap.ok(True, "what is typed at GRUB's prompt is answered")
    tap.equal(vm.vl("destroy typed")[0], 0, "and it is destroyed there")


def main():
    tap = require_control(Tap())
    if not os.path.exists(os.path.join(RUN, "pvboot.elf")):
        print("1..0 # SKIP Debian's grub-xen-host is not there (make deps)")
        return
    with Control("vl-grub") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        for step in (from_menu, as_kernel, chained, typed):
            tap.attempt(step.__name__, step, tap, vm)
            for name in vm.names():
                vm.vl(f"destroy {name}")
        vm.run("rm -f /tmp/grub.img")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
        tap.ok("PANIC" not in vm.text, f"{STACK}: no panic")
    tap.done()


if __name__ == "__main__":
    main()
