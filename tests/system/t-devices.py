#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real drivers of the control domain: disks, network devices and USB, with the
messages and lines they interrupt by, on a machine with and one without
memory-mapped PCI configuration space.

Each disk's content is read and compared, and replaced by what a server on the
host sends; half of them by way of each network device, which sends one disk's
content back, too. DEVICES_MIB (default 4) is how much of each.
"""
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import threading

from vmrun import O, RUN, VM, Tap, require_images

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = int(os.environ.get("DEVICES_MIB", "4"))
MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "ahci", "sd_mod", "nvme",
           "e1000", "xhci_pci", "usb_storage", "uas"]
# Disk: QEMU's device, name in the guest, PCI driver, name of its interrupts.
DISKS = {
    "virtio": (["virtio-blk-pci,drive=virtio"], "/dev/vda", "virtio-pci",
               r"virtio\d+-req"),
    "ahci": (["ich9-ahci,id=sata", "ide-hd,drive=ahci,bus=sata.0"], "/dev/sd",
             "ahci", r"ahci"),
    "nvme": (["nvme,drive=nvme,serial=1"], "/dev/nvme0n1", "nvme", r"nvme0q[1-9]"),
    "usb": (["qemu-xhci,id=usb3", "usb-storage,drive=usb,bus=usb3.0"],
            "/dev/sd", "xhci_hcd", r"xhci_hcd"),
}
NETS = {"virtio_net": ("virtio-net-pci", "10.0.2", r"virtio\d+-input"),
        "e1000": ("e1000", "10.0.3", r"eth\d")}
# Said by every Linux on this kind of machine, Vellum or not.
KNOWN = (r"(?i)MSR|microcode|mitigation|firmware|ACPI: |unchecked|RETBleed|"
         r"Spectre|MDS|x86/|floppy|i8042|rtc|PCI: |pnp|mce|no caching mode|"
         r"write cache|assuming|UAS|unsupported|VFS: |spinlock event irq|"
         r"hpet_acpi_add|interrupt took|Grant table initialized")


def path(name):
    return os.path.join(O, "run", f"devices-{name}.img")


def pattern(seed):
    source = random.Random(seed)
    return b"".join(source.randbytes(1 << 20) for _ in range(MIB))


def initrd():
    """The usual initramfs with drivers in it."""
    out = os.path.join(RUN, "initrd-devices.gz")
    sources = [os.path.join(HERE, n) for n in ("mkinitramfs.sh", "init", "t-devices.py")]
    if not os.path.exists(out) or any(
            os.path.getmtime(s) > os.path.getmtime(out) for s in sources):
        subprocess.run([sources[0], "-o", out, "-k", os.path.join(RUN, "modules"),
                        *[w for m in MODULES for w in ("-m", m)]], check=True)
    return out


class Peer:
    """One TCP connection from the guest: takes bytes in, or gives some out."""

    def __init__(self, data=None):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.data = data
        self.digest = hashlib.sha256()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        conn = self.server.accept()[0]
        with conn, self.server:
            if self.data is not None:
                conn.sendall(self.data)
                conn.shutdown(socket.SHUT_WR)
            while block := conn.recv(1 << 16):
                self.digest.update(block)


def interrupts(vm, regex):
    """{number: counts by vCPU} of /proc/interrupts, for names that match."""
    found = {}
    for line in vm.run("cat /proc/interrupts")[1]:
        match = re.match(r"\s*(\d+):((?:\s+\d+)+)\s+(.*)", line)
        if match and re.search(regex, match.group(3)):
            found[int(match.group(1))] = [int(n) for n in match.group(2).split()]
    return found


def rise(before, after):
    return {n: [b - a for a, b in zip(before[n], after[n])] for n in before}


def config(vm, driver):
    """Configuration space of the first device of a PCI driver."""
    lines = vm.run(f"cd /sys/bus/pci/drivers/{driver} && for d in 0*; do "
                   "od -An -v -tx1 $d/config; break; done; cd /")[1]
    return bytes(int(b, 16) for line in lines for b in line.split())


def message_kind(space):
    """What a device interrupts by, from the enable bits of its capabilities."""
    at, kind = space[0x34], "line"
    while at and space[6] & 0x10:
        control = int.from_bytes(space[at + 2:at + 4], "little")
        if space[at] == 0x11 and control & 0x8000:
            kind = "MSI-X"
        elif space[at] == 0x05 and control & 1:
            kind = "MSI"
        at = space[at + 1]
    return kind


def follows(tap, vm, name, regex, load):
    """The interrupts of a device arrive on the vCPU that they are bound to."""
    for cpu in (0, 1):
        numbers = interrupts(vm, regex)
        for n in numbers:
            # Refused for those that the kernel spreads over CPUs itself.
            vm.run(f"echo {1 << cpu} > /proc/irq/{n}/smp_affinity 2>/dev/null")
        vm.run(load.format(cpu=1 << cpu), 120)   # on the way still
        before = interrupts(vm, regex)
        rc, lines = vm.run(load.format(cpu=1 << cpu), 120)
        got = rise(before, interrupts(vm, regex)).values()
        here = sum(g[cpu] for g in got)
        other = sum(g[1 - cpu] for g in got)
        tap.ok(rc == 0 and here > 4 and other <= here // 10,
               f"{name}: interrupts on vCPU {cpu}", f"{here} there, {other} elsewhere; {lines}")


def find_disks(vm):
    """Names in the guest, by the size that each image has of its own."""
    found = {}
    for _ in range(40):
        lines = vm.run("cat /proc/partitions; sleep 0.5")[1]
        for line in lines:
            words = line.split()
            if len(words) == 4 and words[2].isdigit():
                extra = int(words[2]) - (MIB << 10)
                if 0 <= extra < len(DISKS):
                    found[list(DISKS)[extra]] = "/dev/" + words[3]
        if len(found) == len(DISKS):
            break
    return found


def transfer(tap, vm, machine, name, disk, net, old, new, send):
    """Old content out, new content in, all past the guest's cache."""
    host, timeout = NETS[net][1] + ".2", 60 + 4 * MIB
    read = f"dd if={disk} bs=1M count={MIB} iflag=direct 2>/dev/null"
    want = hashlib.sha256(old).hexdigest()
    if send:
        peer = Peer()
        vm.run(f"nc {host} {peer.port} -e {read}", timeout)
        peer.thread.join(10)
        tap.equal(peer.digest.hexdigest(), want, f"{machine}: {name} read and sent by {net}")
    else:
        got = vm.run(f"{read} | sha256sum", timeout)[1][0].split()[0]
        tap.equal(got, want, f"{machine}: {name} read")
    peer = Peer(new)
    vm.run(f"nc {host} {peer.port} -e dd of={disk} bs=1M iflag=fullblock oflag=direct "
           "2>/dev/null; sync", timeout)
    peer.thread.join(10)


def machine(tap, kind):
    qargs = ["-machine", kind]
    for i, (disk, spec) in enumerate(DISKS.items()):
        with open(path(disk), "wb") as image:
            image.write(pattern(disk))
            image.truncate((MIB << 20) + (i << 10))
        qargs += ["-drive", f"file={path(disk)},if=none,id={disk},format=raw"]
        for device in spec[0]:
            qargs += ["-device", device]
    for net, (device, prefix, _) in NETS.items():
        qargs += ["-netdev", f"user,id={net},net={prefix}.0/24,host={prefix}.2",
                  "-device", f"{device},netdev={net}"]
    with VM(f"devices-{kind}", initrd=initrd(), qargs=qargs, smp=2) as vm:
        vm.expect_marker(120)
        vm.shell()
        for module in MODULES:
            rc, lines = vm.run(f"modprobe {module}", 60)
            if rc:
                tap.ok(False, f"{kind}: modprobe {module}", lines)
        disks = find_disks(vm)
        tap.equal(sorted(disks), sorted(DISKS), f"{kind}: all disks are there")
        for net, (_, prefix, _) in NETS.items():
            vm.run(f"for n in /sys/class/net/*; do case $(readlink $n/device/driver) in "
                   f"*/{net}) ip addr add {prefix}.15/24 dev ${{n##*/}}; "
                   f"ip link set ${{n##*/}} up;; esac; done")
        for name, (_, _, driver, _) in DISKS.items():
            got = message_kind(config(vm, driver))
            tap.equal(got, "MSI" if name == "ahci" else "MSI-X", f"{kind}: {name} messages")
        tap.equal(message_kind(config(vm, "e1000")), "line", f"{kind}: e1000 has a line")
        for name, disk in disks.items():
            follows(tap, vm, f"{kind}: {name}", DISKS[name][3],
                    f"taskset {{cpu}} dd if={disk} of=/dev/null bs=64k count=64 iflag=direct")
        for net, (_, prefix, regex) in NETS.items():
            follows(tap, vm, f"{kind}: {net}", regex, f"ping -q -c 20 -i 0.02 {prefix}.2")
        for i, (name, disk) in enumerate(disks.items()):
            transfer(tap, vm, kind, name, disk, list(NETS)[i % 2], pattern(name),
                     pattern(name + "new"), send=i < 2)
        lines = [l for l in vm.run("dmesg -r | sed -n 's/^<[0-4]>//p'")[1]
                 if not re.search(KNOWN, l)]
        tap.equal(lines, [], f"{kind}: nothing to complain about in dmesg")
        vm.send_line("poweroff -f")
        tap.equal(vm.wait_exit(30), 0, f"{kind}: power-off")
    for name in DISKS:
        with open(path(name), "rb") as image:
            tap.ok(image.read(MIB << 20) == pattern(name + "new"), f"{kind}: {name} was written")
        os.unlink(path(name))


def main():
    tap = require_images(Tap())
    if not os.path.isdir(os.path.join(RUN, "modules")):
        print("1..0 # SKIP the kernel under test came without modules")
        sys.exit(0)
    for kind in sys.argv[1:] or ("pc", "q35"):
        tap.attempt(kind, machine, tap, kind)
    tap.done()


if __name__ == "__main__":
    main()
