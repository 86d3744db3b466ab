#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A whole Debian as control domain: its own initrd, systemd, a login prompt.

Boots the disk of mkroot.sh as a person would use it, looks for anything that
failed, loads it, and shuts it down; the file system must be clean afterwards.

DEBIAN_SMP="1 2 4"  numbers of vCPUs (default 2)
DEBIAN_SET=full     the disk with a compiler: builds zlib in the guest, too,
                    and ends with a reboot of the disk that was used
DEBIAN_BARE=1       the same boots without the hypervisor, for comparison
STRESS_TIME=SECONDS of each group of stress-ng (default 5)
"""
import os
import re
import subprocess
import sys

from vmrun import O, RUN, VM, Tap, hypervisor, require_images

HERE = os.path.dirname(os.path.abspath(__file__))
SMP = [int(n) for n in os.environ.get("DEBIAN_SMP", "2").split()]
SET = os.environ.get("DEBIAN_SET", "small")
BARE = bool(os.environ.get("DEBIAN_BARE"))
STRESS_TIME = int(os.environ.get("STRESS_TIME", "5"))
CACHE = os.path.join(O, "cache", f"debian-{SET}")
DISK = os.path.join(O, "run", "debian-test.img")
NETWORK = ["-netdev", "user,id=net", "-device",
           "virtio-net-pci,netdev=net,romfile="]

# systemd gives up on a device after 90 s, which a busy emulator may need.
PATIENCE = "systemd.default_timeout_start_sec=900"

# Groups of stress-ng's stressors: they run side by side, two groups' worth of
# work on two vCPUs.
STRESS = [
    "--cpu 1 --vm 1 --vm-bytes 64M --vm-keep",
    "--fork 1 --signal 1 --pipe 1",
    "--timer 1 --timer-freq 1000 --futex 1 --mmap 1 --mmap-bytes 16M",
    "--syscall 1",
]

# What the log may say at the levels error and warning, by its cause. Numbers
# in the lines are N.
NORMAL = [
    # The emulated machine, with and without a hypervisor.
    r"acpi PNPNAN:N: fail to add MMCONFIG information",
    # What is not on the disk: firmware for radios, locales.
    r"regulatory|firmware_class: See https|Missing Free Firmware",
    r"pam_env\(login:session\): Unable to open env file: /etc/default/locale",
    # Said of every machine by drivers that are modules.
    r"device-mapper: core: CONFIG_IMA_DISABLE_HTABLE is disabled",
    # What stress-ng does on purpose.
    r"mmap: stress-ng-\w* \(N\) uses deprecated remap_file_pages",
    # Linux says these under every hypervisor of this interface: messages
    # without a level; the HPET, left to the hypervisor, which Linux finds anew;
    # the bounce buffer lies above what ISA's DMA reaches.
    r"cpu N spinlock event irq N|Grant table initialized",
    r"hpet_acpi_add: no address or irqs in _CRS",
    r"parport_pc parport_pc.N: Unable to set coherent dma mask",
    # The host ran something else while the emulated CPU was in its interrupt;
    # bare Linux says so as often there.
    r"^hrtimer: interrupt took N ns$",
    # Vellum refuses machine checks.
    r"xen_mcelog: Failed to get CPU numbers",
]


def prepare():
    """The disk, from the cache or made now; why it cannot be, or None."""
    made = subprocess.run([os.path.join(HERE, "mkroot.sh"), SET],
                          stdout=sys.stderr, check=False)
    if made.returncode == 77:
        return "no mirror is reachable, or a tool of mkroot.sh is missing"
    made.check_returncode()
    subprocess.run([os.path.join(O, "bin", "vl-unpack"),
                    os.path.join(CACHE, "vmlinuz"),
                    os.path.join(RUN, "debian-vmlinux")], check=True)
    return None


def machine(name, smp, hv, reuse=False):
    if not reuse:
        subprocess.run(["cp", "--sparse=always", os.path.join(CACHE, "root.img"),
                        DISK], check=True)
    kernel = os.path.join(RUN, "debian-vmlinux") if hv else \
        os.path.join(CACHE, "vmlinuz")
    return VM(f"debian-{name}-{smp}", hv=hv, smp=smp, kernel=kernel,
              kargs=f"root=/dev/vda ro {PATIENCE}", initrd=os.path.join(CACHE, "initrd.img"),
              qargs=["-drive", f"file={DISK},if=virtio,format=raw,cache=unsafe",
                     "-vga", "none", *NETWORK])


def log_in(vm):
    """As a person does, at the prompt; then a plain shell for the test."""
    vm.expect(r"^ctl login: ", 240)
    vm.send_line("root")
    vm.expect(r"root@ctl:~# ", 60)
    vm.send_line("exec env TERM=dumb PS1='# ' SYSTEMD_COLORS=0 sh")
    # Behind the escape sequences of the shell that ends.
    vm.expect(r"(^|\x1b\[\?2004l)# ", 60)
    vm.run("stty -echo; dmesg -n 1", 60)


def without_numbers(line):
    return re.sub(r"0x[0-9a-f]+|\d+", "N", re.sub(r"^\[[^]]*\] *", "", line))


def unusual(lines):
    return [line for line in lines
            if not any(re.search(p, without_numbers(line)) for p in NORMAL)]


def healthy(tap, vm, name, when):
    """Nothing has failed, and the kernel has no complaint."""
    _, lines = vm.run("systemctl --failed --no-legend --plain | cat")
    tap.ok(not lines, f"{name}: no unit has failed {when}", "\n".join(lines))
    _, lines = vm.run("journalctl -q -b -p err -o cat --no-pager", 60)
    bad = unusual(lines)
    tap.ok(not bad, f"{name}: no error in the journal {when}", "\n".join(bad))
    _, lines = vm.run("dmesg -l emerg,alert,crit,err,warn")
    bad = unusual(lines)
    tap.ok(not bad, f"{name}: no warning of the kernel {when}", "\n".join(bad))


def packages(tap, vm, name):
    """apt over the emulated network card."""
    code, lines = vm.run("ip -4 -o addr show dev $(ls /sys/class/net | "
                         "grep ^en) | cat", 30)
    tap.ok(any("10.0.2." in line for line in lines),
           f"{name}: the network card has an address", "\n".join(lines))
    _, lines = vm.run("apt-get indextargets --format '$(SITE)' | sort -u")
    hosts = {re.sub(r"^\w+://([^/:]*).*", r"\1", line) for line in lines}
    # The names that this machine knows, which the guest's resolver may not.
    for host in sorted(hosts):
        found = subprocess.run(["getent", "ahostsv4", host], text=True,
                               stdout=subprocess.PIPE, check=False).stdout
        if found:
            vm.run(f"echo {found.split()[0]} {host} >> /etc/hosts")
    code, lines = vm.run("apt-get update -q 2>&1 | tail -n 5; "
                         "ls /var/lib/apt/lists/*Packages* >/dev/null", 240)
    if code != 0:
        tap.skip(f"{name}: apt", "no mirror is reachable from the guest: "
                 + " ".join(lines)[-150:])
        return
    code, lines = vm.run("apt-get install -q -y --no-install-recommends hello "
                         "2>&1 | tail -n 5; hello", 180)
    tap.ok(code == 0 and "Hello, world!" in lines,
           f"{name}: apt installs a package", "\n".join(lines))


def stress(tap, vm, name):
    for group in STRESS:
        names = " ".join(re.findall(r"--(\w+) \d\b(?!-)", group))
        code, lines = vm.run(f"stress-ng {group} --verify --timeout "
                             f"{STRESS_TIME} --metrics-brief 2>&1",
                             STRESS_TIME * 3 + 120)
        tap.ok(code == 0, f"{name}: stress-ng {names}, {STRESS_TIME} s",
               "\n".join(lines))


def compile_zlib(tap, vm, name):
    code, lines = vm.run("cd zlib && ./configure --static >/dev/null && "
                         "make -s -j2 2>&1", 600)
    tap.ok(code == 0, f"{name}: zlib compiles", "\n".join(lines[-10:]))
    code, lines = vm.run("make -s test 2>&1", 200)
    tap.ok(code == 0 and sum("test OK" in line for line in lines) == 2,
           f"{name}: its own tests pass", "\n".join(lines))
    code, lines = vm.run("sha256sum -c --quiet ../zlib.sums 2>&1; cd", 60)
    tap.equal((code, lines), (0, []),
              f"{name}: every byte is what the host's processor compiled")


def boot(tap, smp, hv):
    where = "vellum" if hv else "bare"
    name = f"{where}, {smp} CPUs"
    with machine(where, smp, hv) as vm:
        log_in(vm)
        tap.ok(True, f"{name}: log-in on the console")
        tap.note(f"{name}: {vm.elapsed():.1f} s from QEMU's start")
        _, lines = vm.run("systemctl is-system-running --wait", 180)
        tap.equal(lines, ["running"], f"{name}: the system is running")
        tap.note(f"{name}: running after {vm.elapsed():.1f} s")
        _, lines = vm.run("nproc")
        tap.equal(lines, [str(smp)], f"{name}: CPUs")
        if hv:
            _, lines = vm.run("systemd-detect-virt")
            tap.note(f"{name}: systemd-detect-virt says {' '.join(lines)}")
        healthy(tap, vm, name, "after the start")
        packages(tap, vm, name)
        stress(tap, vm, name)
        if SET == "full":
            compile_zlib(tap, vm, name)
        healthy(tap, vm, name, "after the load")
        vm.send_line("systemctl poweroff")
        tap.equal(vm.wait_exit(120), 0, f"{name}: systemctl poweroff ends QEMU")
        if hv:
            tap.ok("power-off" in vm.text[-2000:] or "Power down" in vm.text,
                   f"{name}: it was a power-off", vm.tail())
    clean(tap, name)


def clean(tap, name):
    check = subprocess.run(["e2fsck", "-f", "-n", DISK], text=True, check=False,
                           env=dict(os.environ, PATH=os.environ["PATH"]
                                    + ":/usr/sbin:/sbin"),
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.ok(check.returncode == 0 and "recovering" not in check.stdout,
           f"{name}: the file system is clean", check.stdout)


def restart(tap, smp, hv):
    """reboot ends in a reset, with the disk clean; the used disk boots again."""
    name = f"{smp} vCPUs, again"
    with machine("again", smp, hv, reuse=True) as vm:
        log_in(vm)
        vm.send_line("reboot")
        tap.equal(vm.wait_exit(120), 0, f"{name}: reboot resets the machine")
    clean(tap, name)


def main():
    tap = require_images(Tap())
    if hypervisor() is None:
        print("1..0 # SKIP this test chooses the hypervisor itself")
        return
    why = prepare()
    if why:
        print(f"1..0 # SKIP {why}")
        return
    for smp in SMP:
        if BARE:
            tap.attempt(f"bare, {smp} CPUs", boot, tap, smp, None)
        tap.attempt(f"{smp} vCPUs", boot, tap, smp, hypervisor())
    if SET == "full" and not tap.failed:
        tap.attempt("reboot", restart, tap, SMP[-1], hypervisor())
    if os.path.exists(DISK):
        os.remove(DISK)
    tap.done()


if __name__ == "__main__":
    main()
