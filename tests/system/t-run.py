#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What "make run" gives: a Debian control domain with systemd that creates its
guests as it starts, each a Debian on its own disk. Logged in as a person would:
the guests are listed, have addresses, answer, and can be logged in to; the
README's chapter on a first guest is typed as it stands there; a guest whose script
does what vld's sandbox forbids is started again by vld; poweroff ends all and leaves
every file system clean."""
import os
import re
import shutil
import subprocess
import sys

from control import ESCAPE, is_hypervisor_line
from vmrun import O, RUN, VM, Tap, hypervisor

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(RUN, "demo-test")
GUESTS = ("guest1", "guest2")
README = os.path.join(HERE, "../../README.md")
# systemd gives up on a device after 90 s, which a busy emulator may need.
PATIENCE = "systemd.default_timeout_start_sec=900"


class Demo(VM):
    def run(self, command, timeout=30):
        code, lines = super().run(command, timeout)
        return code, [line for line in lines if not is_hypervisor_line(line)]

    def out(self, command, timeout=30):
        return "\n".join(self.run(command, timeout)[1])


def prepare():
    """Fresh disks; why there are none, or None."""
    made = subprocess.run([os.path.join(HERE, "demo.sh"), "-f", DEMO],
                          stdout=sys.stderr, check=False)
    if made.returncode == 77:
        return "no mirror is reachable, or a tool of mkroot.sh is missing"
    made.check_returncode()
    return None


def machine():
    drives = ["control", *GUESTS]
    return Demo("run", kernel=os.path.join(DEMO, "vmlinux"), mem="3G",
                initrd=os.path.join(DEMO, "initrd.img"),
                kargs=f"root=/dev/vda ro quiet {PATIENCE}",
                hv_base="com1=115200,8n1 console=com1 loglvl=warning",
                qargs=["-vga", "none", "-nic", "user,model=virtio-net-pci",
                       *(word for name in drives for word in
                         ("-drive", f"file={DEMO}/{name}.img,if=virtio,format=raw,cache=unsafe"))])


def log_in(vm, timeout=400):
    """As a person does; the text between log-in and prompt is returned."""
    vm.expect(r"^ctl login: ", timeout)
    vm.send_line("root")
    start = vm.seen
    vm.expect(r"root@ctl:~# ", 90)
    return vm.text[start:vm.seen]


def plain_shell(vm):
    vm.send_line("exec env TERM=dumb PS1='# ' SYSTEMD_COLORS=0 sh")
    # Behind the escape sequences of the shell that ends.
    vm.expect(r"(^|\x1b\[\?2004l)# ", 60)
    vm.run("stty -echo; dmesg -n 1", 60)


def starts(tap, vm):
    text = log_in(vm)
    tap.note(f"log-in after {vm.elapsed():.0f} s")
    tap.ok("Domain-0" in text and "vl console" in text,
           "log-in: a word of help and vl list", text)
    plain_shell(vm)
    _, lines = vm.run("systemctl is-system-running --wait", 600)
    tap.equal(lines, ["running"], "no unit of the control domain has failed")
    if lines != ["running"]:
        tap.note("\n# ".join(vm.run("systemctl --failed --no-legend --plain | cat; "
                                    "journalctl -q -b -p warning --no-pager | tail -n 40")[1]))
    tap.note(f"all started after {vm.elapsed():.0f} s")
    _, lines = vm.run("vl list")
    names = [line.split()[0] for line in lines[1:]]
    tap.equal(names, ["Domain-0", *GUESTS], "vl list: the guests are there")


def reached(tap, vm):
    """Names and addresses, as vl-network status prints them."""
    found = {}
    for _ in range(120):
        _, lines = vm.run("vl-network status; sleep 1")
        found = {name: line.split()[1] for line in lines for name in GUESTS
                 if name in line.split()}
        if len(found) == len(GUESTS):
            break
    tap.equal(sorted(found), sorted(GUESTS), "each guest has an address")
    for name, address in found.items():
        code, lines = vm.run(f"ping -c 2 -W 10 {address}", 60)
        tap.ok(code == 0, f"{name} at {address} answers", "\n".join(lines))
    return found


def logged_in(tap, vm, name, other):
    vm.send_line(f"vl console {name}")
    vm.send("\n")
    vm.expect(rf"{name} login: ", 180)
    vm.send_line("root")
    vm.expect(rf"root@{name}:~# ", 90)
    vm.send_line("findmnt -no SOURCE,FSTYPE / | cat; uname -r; systemctl is-system-running --wait")
    vm.expect(r"/dev/xvda ext4", 60)
    vm.expect(r"^(running|degraded)\s", 240)
    tap.ok(vm.text[:vm.seen].rstrip().endswith("running"),
           f"{name}: a log-in by vl console; its root is its own disk, no unit failed",
           vm.tail())
    vm.send_line(f"ping -c 2 -W 10 {other}; echo code-$?")
    vm.expect(r"^code-0", 60)
    tap.ok(True, f"{name} reaches another guest at {other}")
    vm.send_line("ping -c 1 -W 10 10.0.2.2; echo way-out-$?")
    match = vm.expect(r"^way-out-(\d)", 60)
    tap.equal(match[1], "0", f"{name} reaches the network beyond the control domain")
    vm.send_line("exit")
    vm.expect(rf"{name} login: ", 60)
    vm.send(ESCAPE)
    vm.expect(r"# ", 20)
    vm.run("stty -echo; true")


def chapter():
    """Commands of README's chapter on a first guest, for the control domain."""
    with open(README, encoding="utf-8") as file:
        text = file.read()
    found = re.search(r"^#+ [^\n]*first guest\n(.*?)(?=^#)", text, re.M | re.S | re.I)
    return re.findall(r"^    ctl# (.*)$", found[1], re.M) if found else []


def first_guest(tap, vm):
    commands = chapter()
    tap.ok(commands, "README has a chapter on a first guest")
    for command in commands:
        if command.startswith("vl console "):
            vm.send_line(command)
            vm.send("\n")
            vm.expect(r"\(initramfs\) ", 120)
            vm.send_line("echo in-$((40 + 2))")
            vm.expect(r"^in-42", 30)
            vm.send(ESCAPE)
            vm.expect(r"# ", 20)
            vm.run("stty -echo; true")
            tap.ok(True, f"README: {command}")
            continue
        code, lines = vm.run(command, 180)
        tap.ok(code == 0, f"README: {command}", "\n".join(lines))


def daemons(tap, vm):
    """Guests were shut down, and started anew, by who restarted vld."""
    before = vm.out("vl list | awk '{print $1, $2}'")
    tap.equal(vm.run("systemctl restart vld vl-stored", 120)[0], 0, "daemons are started anew")
    _, lines = vm.run("systemctl is-active vld vl-stored vellum-guests vellum-autostart")
    tap.equal(lines, ["active"] * 4, "all units of Vellum are active")
    tap.equal(vm.out("vl list | awk '{print $1, $2}'"), before, "the guests did not notice")


# It makes a network namespace, and tells which unit it ran in.
SCRIPT = """#!/bin/sh -e
if [ $1 = online ]; then
ip netns add "space-$vif"
xenstore-write "/local/domain/0/$XENBUS_PATH/hotplug-status" connected
else
ip netns delete "space-$vif" || true
fi
echo "$1 $(sed "s|.*/||" /proc/self/cgroup)" >> /root/space.log"""
# Without a root it panics, waits, and reboots: it lives longer than --min-uptime.
SPACE = """name = "space"
memory = 128
kernel = "/vmlinuz"
extra = "console=hvc0 quiet panic=20"
on_crash = "restart"
vif = ["script=/root/vif-space"]"""
LOG = "space.log"


def script(tap, vm):
    """A script worked at vl create, and failed at each restart, in vld's sandbox."""
    for name, text in (("vif-space", SCRIPT), ("space.cfg", SPACE)):
        for line in text.splitlines():
            vm.run(f"echo '{line}' >> /root/{name}")
    vm.run("chmod 755 /root/vif-space")
    code, lines = vm.run("vl create /root/space.cfg", 180)
    tap.ok(code == 0, "a guest whose script makes a namespace", "\n".join(lines))
    for _ in range(180):
        seen = vm.out(f"grep online /root/{LOG}; sleep 1").splitlines()
        if len(seen) > 1:
            break
    tap.ok(len(seen) > 1 and "vellum-script@" not in seen[0] and "vellum-script@" in seen[1],
           "vld starts it again, and the script runs outside of its sandbox",
           "\n".join(seen) + vm.out("journalctl -q -b -n 40 --no-pager -u vld -u 'vellum-script*'"))
    tap.equal(vm.out("systemctl is-system-running"), "running", "no unit has failed")


def ends(tap, vm):
    begun, seen = vm.elapsed(), len(vm.text)
    vm.send_line("poweroff")
    tap.equal(vm.wait_exit(400), 0, "poweroff ends guests and machine")
    tap.note(f"off after {vm.elapsed() - begun:.0f} s")
    # What vellum-guests.service says is on the console, too.
    said = vm.text[seen:]
    # The one of the script may just be on its way from one domain to the next.
    tap.ok(re.search("Waiting for [23] domains", said) and "has not ended within" not in said,
           "the guests ended by themselves", said)
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    # No unit starts as the machine goes down, if it does not say that it may.
    dump = subprocess.run(["debugfs", "-R", f"cat /root/{LOG}", f"{DEMO}/control.img"], text=True,
                          check=False, env={**os.environ, "PATH": path}, capture_output=True)
    lines = [line.split() for line in dump.stdout.splitlines()]
    tap.ok(lines and [line[0] for line in lines] == ["online", "offline"] * (len(lines) // 2) and
           lines[-1][1].startswith("vellum-script@"),
           "the script ran for each end, also as the machine went down", dump.stdout)
    for name in ("control", *GUESTS):
        check = subprocess.run(["e2fsck", "-f", "-n", f"{DEMO}/{name}.img"], text=True,
                               check=False, env={**os.environ, "PATH": path},
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        tap.ok(check.returncode == 0 and "recovering" not in check.stdout,
               f"{name}: its file system is clean", check.stdout)


def main():
    tap = Tap()
    for path in (hypervisor(), os.path.join(O, "bin", "vl")):
        if not path or not os.path.exists(path):
            print(f"1..0 # SKIP {path} is not there (make all)")
            return
    why = prepare()
    if why:
        print(f"1..0 # SKIP {why}")
        return
    with machine() as vm:
        tap.attempt("start", starts, tap, vm)
        found = tap.attempt("network", reached, tap, vm) or {}
        if len(found) == len(GUESTS):
            tap.attempt("log-in", logged_in, tap, vm, "guest1", found["guest2"])
        tap.attempt("first guest", first_guest, tap, vm)
        tap.attempt("daemons", daemons, tap, vm)
        tap.attempt("script", script, tap, vm)
        tap.attempt("end", ends, tap, vm)
    if not tap.failed:
        shutil.rmtree(DEMO)
    tap.done()


if __name__ == "__main__":
    main()
