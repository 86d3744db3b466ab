# SPDX-License-Identifier: MIT
"""A control domain that creates guests, driven as a person would: the VM of
vmrun.py with the initramfs of tests/system/control in it.

    with Control("vl-life") as vm:
        vm.ready()
        vm.config("g1", vif=["bridge=vlbr0"])
        code, lines = vm.vl("create -q /tmp/g1.cfg")
        vm.until_log("g1", "GUEST-UP g1")

CONTROL_STACK=xl runs the same tests on Debian's Xen with xl in place of vl, to
tell a mistake of a test from one of the toolstack; it needs the initramfs that
tests/bench/toolstack.py makes, and CONTROL_STACK=xl TEST_HV=build/run/xen-4.17.
"""
import os
import re

from vmrun import INTERRUPT, RUN, SLOW, VM, Timeout, hypervisor

STACK = os.environ.get("CONTROL_STACK", "vl")
INITRD = os.path.join(RUN, "initrd-vl.gz" if STACK == "vl" else
                      "initrd-toolstack.gz")
LOGS = "/var/log/vellum" if STACK == "vl" else "/var/log/xen/console"
QUIET = "com1=115200,8n1 console=com1 loglvl=warning"
GUEST_MIB = 96
ESCAPE = "\x1d"  # Ctrl-], which leaves a guest's console


def is_hypervisor_line(line):
    return re.match(r"^\((VL|XEN|d\d+)\)", line)


class Control(VM):
    def __init__(self, name, kargs="", dom0_mem="512M", **machine):
        super().__init__(name, initrd=INITRD, dom0_mem=dom0_mem, hv_base=QUIET,
                         kargs=f"quiet vlscript=/bin/start vlargs={STACK} {kargs}",
                         **machine)

    def ready(self, timeout=90):
        """Wait for the daemons, and get a shell."""
        self.expect(r"^CONTROL-READY", timeout)
        self.shell()

    # -- Commands --------------------------------------------------------------

    def run(self, command, timeout=30):
        code, lines = super().run(command, timeout)
        return code, [line for line in lines if not is_hypervisor_line(line)]

    def vl(self, words, timeout=60):
        """vl WORDS with its messages: (exit code, lines)."""
        return self.run(f"{STACK} {words} 2>&1", timeout)

    def out(self, command, timeout=30):
        """The output of a command that must succeed, as one text."""
        code, lines = self.run(command, timeout)
        if code != 0:
            raise Timeout(f"'{command}' failed with {code}:\n" + "\n".join(lines))
        return "\n".join(lines)

    def write(self, path, lines):
        """A text file; in pieces that the shell's line editor can hold."""
        super().run(f": > {path}")
        for line in lines:
            quoted = line.replace("'", "'\\''")
            super().run(f"echo '{quoted}' >> {path}")

    # -- Guests ------------------------------------------------------------------

    def config(self, name, script="", extra="", **keys):
        """Writes /tmp/NAME.cfg for a small guest; keys are of xl.cfg."""
        values = {"name": name, "type": "pv", "kernel": "/boot/vmlinuz",
                  "ramdisk": "/boot/initrd-guest.gz", "memory": GUEST_MIB,
                  "extra": f"console=hvc0 quiet gname={name} gscript={script} "
                  + extra, **keys}
        self.write(f"/tmp/{name}.cfg", [f"{key} = {value!r}" for key, value
                                        in values.items() if value is not None])

    def create(self, name, words="", timeout=90):
        code, lines = self.vl(f"create -q {words} /tmp/{name}.cfg", timeout)
        if any("no backend took it" in line for line in lines):
            # What the control domain's kernel does instead.
            lines += self.run("cat /proc/$(pidof xenwatch)/stack; dmesg | tail -n 6; "
                              "grep xen-dyn /proc/interrupts; "
                              "xenstore-ls -f /local/domain/0/backend")[1]
        return code, lines

    def guest_log(self, name):
        """What a guest has written, as a list of lines."""
        return super().run(f"tr -d '\\r' < {LOGS}/guest-{name}.log")[1]

    def until_log(self, name, text, timeout=60):
        """Waits until the log of a guest has the text; Timeout."""
        self.until(f"grep -aq '{text}' {LOGS}/guest-{name}.log", timeout,
                   f"tail -n 12 {LOGS}/guest-{name}.log")

    def until(self, condition, timeout=30, else_show="true"):
        """Waits until a shell command succeeds; Timeout."""
        # Not more often: each look costs the guests as much as they need for work.
        count = int(timeout * 4 * SLOW)
        code, lines = self.run(
            f"n=0; until {condition} 2>/dev/null; do n=$((n+1)); "
            f"[ $n -lt {count} ] || break; usleep 250000; done; [ $n -lt {count} ] || "
            f"{{ {else_show}; false; }}", timeout * 3)
        if code != 0:
            raise Timeout(f"{timeout} s without '{condition}':\n" + "\n".join(lines))

    def gone(self, *names, timeout=30):
        """Waits until no guest has one of these names."""
        for name in names:
            self.until(f"! {STACK} domid {name} >/dev/null", timeout, f"{STACK} list")

    def state(self, name):
        """The six letters of vl list, or None."""
        _, lines = self.vl("list")
        for line in lines:
            words = line.split()
            if words and words[0] == name:
                return words[4]
        return None

    def names(self):
        """Names of the guests that are there, without the control domain."""
        # What the core writes between them ends a line and leaves an empty one.
        rows = [line.split() for line in self.vl("list")[1]]
        return [row[0] for row in rows
                if len(row) == 6 and row[1].isdigit() and row[1] != "0"]

    # -- A guest's console ------------------------------------------------------

    def console(self, name, timeout=30):
        """vl console, at the guest's prompt."""
        self.send_line(f"{STACK} console {name}")
        self.send("\n")
        self.inside(r"^# (\x1b\[6n|\?\[6n)?$", timeout)

    def type(self, line, answer, timeout=20):
        """A line for the guest's shell, and what it answers with."""
        self.send_line(line)
        return self.inside(answer, timeout)

    def inside(self, pattern, timeout):
        """expect() in a console, which is left if it does not come."""
        try:
            return self.expect(pattern, timeout)
        except Timeout:
            self.send(INTERRUPT)
            raise

    def leave(self):
        """Back to the control domain's shell, whose prompt follows the guest's."""
        self.inside(r"^# ", 20)
        self.send(ESCAPE)
        self.expect(r"^# ", 20)
        super().run("stty -echo")

    # -- What must be the same before and after ----------------------------------

    def warm(self):
        """What a first guest leaves for ever: unpacked kernels, loop devices'
        nodes, folders of the store. Returns the resources from then on."""
        self.run("truncate -s 1M /tmp/warm.img")
        self.config("warm", disk=["file:/tmp/warm.img,xvda,w"], vif=["bridge=vlbr0"])
        self.create("warm", "-p")
        self.vl("destroy warm")
        self.run("rm /tmp/warm.img")
        return self.resources()

    def resources(self):
        """What guests use, by name; equal before and after all of them."""
        # Linux makes these folders for a backend's first error, once; what is in
        # them goes with the guest.
        errors = "/local/domain/0/error(/backend(/(vbd|vif))?)?"
        found = {
            "store": sorted(self.out("xenstore-ls -fp / | sed 's/ = .* *(/ (/' | "
                                     f"grep -Ev '^{errors} '").splitlines()),
            "loops": self.out("ls -d /sys/block/loop*/loop 2>/dev/null || true")
            .split(),
            "interfaces": self.out("ls /sys/class/net").split(),
            "records": self.out("ls /run/vellum/guests /run/vellum/lock 2>/dev/null "
                                "|| true").split(),
        }
        if STACK == "vl":
            for line in self.out("vlstate").splitlines():
                key, value = line.split()
                found[key] = int(value)
        else:
            found["free"] = int(self.out("xl info free_memory"))
        return found

    def same_resources(self, tap, before, name, settle=10, tables=0):
        """A test for each of them; the last ends of guests may take a moment.

        The core keeps its tables of the control domain's ports and mappings as
        large as they once were: so many frames more than before may be theirs.
        Returns how many are."""
        for _ in range(settle):
            after = self.resources()
            grown = before.get("free-frames", 0) - after.get("free-frames", 0)
            grown = grown if 0 < grown <= tables else 0
            if grown:
                after["free-frames"] += grown
            if after == before:
                break
            self.run("sleep 0.5")
        for key, value in before.items():
            if isinstance(value, list):
                new = [x for x in after[key] if x not in value]
                lost = [x for x in value if x not in after[key]]
                tap.ok(not new and not lost, f"{name}: {key} as before",
                       "\n".join([*(f"more: {x}" for x in new[:20]),
                                  *(f"less: {x}" for x in lost[:20])]))
            else:
                tap.equal(after[key], value, f"{name}: {key} as before")
        return grown


def require_control(tap):
    """Skip the whole test where an image is missing."""
    for path in (hypervisor(), os.path.join(RUN, "vmlinux"), INITRD):
        if not path or not os.path.exists(path):
            print(f"1..0 # SKIP {path} is not there (make all control)")
            raise SystemExit(0)
    return tap
