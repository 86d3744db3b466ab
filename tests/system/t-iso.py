#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The image of "make iso" boots by itself: as CD and as disk from BIOS, and as
CD from UEFI, where the control domain must learn from the core where the ACPI
tables are: without them it could neither find its devices nor power off. The
disk's memory map is in pieces, as firmware's can be."""
import os
import shutil
import subprocess

from vmrun import RUN, VM, Tap, require_images

FIRMWARE = "/usr/share/ovmf/OVMF.fd"


def started(tap, vm, name):
    """Until the kernel's start; how many KiB of RAM there are."""
    vm.expect(r"\(VL\) started by GRUB", 120)
    match = vm.expect(r"\(VL\) memory: (\d+) KiB of RAM", 60)
    vm.expect(r"\(VL\) start-up done", 60)
    tap.ok(True, f"{name}: GRUB starts the core")
    tap.note(f"{name}: {vm.elapsed():.2f} s until the kernel's start")
    return int(match.group(1))


def whole(tap, name, media):
    """Up to a shell, and off again."""
    with VM("iso-" + name.replace(" ", "-"), media=media) as vm:
        memory = started(tap, vm, name)
        tap.note(f"{name}: user space after {vm.expect_marker(120):.2f} s")
        vm.shell()
        _, lines = vm.run("dmesg | grep -c 'ACPI: RSDP 0x'; nproc;"
                          "ls /sys/bus/pci/devices | wc -l")
        tap.ok(lines[:2] == ["1", "2"] and int(lines[2]) >= 4,
               f"{name}: ACPI, both CPUs, PCI devices", lines)
        _, lines = vm.run("dmesg -r | grep -E 'WARNING:|BUG:|ACPI.*rror'")
        tap.equal(lines, [], f"{name}: no kernel warning")
        vm.send_line("poweroff -f")
        tap.equal(vm.wait_exit(30), 0, f"{name}: power off ends QEMU")
        return memory


# GRUB takes a page of each 8 MiB of the second GiB away.
HOLES = "badram 0x40400000,0x407ff000"


def disk(tap, name, image, whole_memory):
    with VM("iso-" + name.replace(" ", "-"), smp=1, media=[
            "-drive", f"file={image},format=raw,snapshot=on"]) as vm:
        memory = started(tap, vm, name)
        tap.equal(memory, (whole_memory or 0) - 128 * 4,
                  f"{name}: memory with 128 holes")


def make(name, commands=""):
    image = os.path.join(RUN, name)
    subprocess.run([os.path.join(os.path.dirname(__file__), "mkiso.sh"),
                    image], check=True, env=dict(os.environ, GRUBCMD=commands))
    return image


def main():
    tap = require_images(Tap())
    for tool in ("grub-mkrescue", "xorriso", "mformat"):
        if not shutil.which(tool):
            print(f"1..0 # SKIP {tool} is not installed (make deps)")
            return
    cd = ["-cdrom", make("cd.iso")]
    memory = tap.attempt("BIOS CD", whole, tap, "BIOS CD", cd)
    tap.attempt("BIOS disk", disk, tap, "BIOS disk",
                make("disk.iso", HOLES), memory)
    if os.path.exists(FIRMWARE):
        tap.attempt("UEFI CD", whole, tap, "UEFI CD", ["-bios", FIRMWARE] + cd)
    else:
        tap.skip("UEFI CD", f"{FIRMWARE} is not there (make deps)")
    tap.done()


if __name__ == "__main__":
    main()
