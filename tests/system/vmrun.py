#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drive one QEMU machine by its serial console; Python standard library only.

    with VM("boot", smp=2, kargs="quiet") as vm:
        vm.expect_marker()
        rc, lines = vm.run("cat /sys/hypervisor/type")

A machine is started, watched and killed by its own process id; everything it
prints goes to $O/log/NAME.log, each line behind the milliseconds since QEMU's
start. $O is the build folder (environment variable O, default "build").
TEST_HV=FILE runs another Multiboot hypervisor in place of $O/vellum.elf;
TEST_HV=none boots the bare kernel.

Run as a program it boots once and reports: vmrun.py --help.
"""
import argparse
import os
import re
import select
import signal
import subprocess
import sys
import time

O = os.environ.get("O", "build")
RUN = os.path.join(O, "run")
MARKER = r"VELLUM-MARKER userspace (\d+\.\d+)"
HV_ARGS = "com1=115200,8n1 console=com1 loglvl=info"
DOM0_MEM = "1024M"
# Timeouts are those of an idle machine, times this: others, and busy ones, are slower.
SLOW = float(os.environ.get("TEST_SLOW", "4"))
INTERRUPT = "\x1d\x03"  # out of a guest's console, and of a program


class Timeout(Exception):
    """The awaited text did not come in time, or QEMU ended before it."""


def hypervisor():
    """The hypervisor under test: a path, or None for the bare kernel."""
    path = os.environ.get("TEST_HV") or os.path.join(O, "vellum.elf")
    return None if path == "none" else path


class VM:
    """One QEMU process.

    hv        hypervisor image; None: the bare kernel; default: hypervisor()
    hvargs    added to the hypervisor's command line; dom0_mem=None leaves the
              dom0_mem= option out
    kernel    first module (default $O/run/vmlinux, or vmlinuz without hv);
              "" starts the hypervisor without any module
    kargs     added to the kernel's command line; no commas
    initrd    second module; "" for none
    modules   more modules, each "FILE ARGUMENTS"
    media     QEMU's arguments for a medium that boots by itself, a list; what
              is above has no effect then
    smp, mem, cpu, accel, qargs    the machine; qargs is a list
    """

    def __init__(self, name, hv="", hvargs="", kernel=None, kargs="",
                 initrd=None, modules=(), media=None, smp=2, mem="2G",
                 dom0_mem=DOM0_MEM, cpu="max,-smap", accel="tcg,thread=multi",
                 qargs=(), hv_base=HV_ARGS):
        hv = hypervisor() if hv == "" else hv
        if kernel is None:
            kernel = os.path.join(RUN, "vmlinux" if hv else "vmlinuz")
        if initrd is None:
            initrd = os.path.join(RUN, "initrd.gz")
        self.name = name
        self.argv = [
            os.environ.get("QEMU", "qemu-system-x86_64"), "-accel", accel,
            "-cpu", cpu, "-smp", str(smp), "-m", mem, "-display", "none",
            "-serial", "stdio", "-monitor", "none", "-net", "none",
            "-no-reboot"]
        if media:
            self.argv += media
        elif hv:
            if "," in kargs:
                raise ValueError("a comma ends a module's command line")
            line = f"{hv_base} {hvargs}"
            if dom0_mem:
                line += f" dom0_mem={dom0_mem}"
            mods = [m for m in (f"{kernel} console=hvc0 {kargs}" if kernel
                                else "", initrd if kernel else "") if m]
            self.argv += ["-kernel", hv, "-append", line]
            if mods or modules:
                self.argv += ["-initrd", ",".join([*mods, *modules])]
        else:
            self.argv += ["-kernel", kernel,
                          "-append", f"console=ttyS0 {kargs}"]
            if initrd:
                self.argv += ["-initrd", initrd]
        self.argv += list(qargs)
        self.text = ""       # all output so far, carriage returns removed
        self.seen = 0        # how much of it expect() has consumed
        self.commands = 0    # how many run() has sent
        self.logged = 0      # how much of it the log has, in whole lines
        self.proc = None
        self.started = 0.0
        self.ended = None

    # -- life ----------------------------------------------------------------

    def start(self):
        os.makedirs(os.path.join(O, "log"), exist_ok=True)
        self.log = open(os.path.join(O, "log", self.name + ".log"), "w",
                        encoding="utf-8")
        self.log.write("# " + " ".join(
            f"'{a}'" if " " in a else a for a in self.argv) + "\n")
        # Terminated, a test ends by an exception, and its machine with it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.started = time.monotonic()
        self.proc = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        os.set_blocking(self.proc.stdout.fileno(), False)
        return self

    def stop(self):
        """Kill the machine if it still runs."""
        if self.proc and self.proc.poll() is None:
            os.kill(self.proc.pid, signal.SIGTERM)
            try:
                self.proc.wait(5)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        if self.proc:
            self._read(0)
            if self.logged < len(self.text):
                self._log_line(self.text[self.logged:])
            self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- output --------------------------------------------------------------

    def elapsed(self):
        """Seconds since QEMU was started."""
        return time.monotonic() - self.started

    def _log_line(self, line):
        self.log.write(f"{self.elapsed() * 1000:9.0f} {line}\n")
        self.log.flush()
        if os.environ.get("TEST_VERBOSE"):
            print(f"# {self.elapsed():7.2f} {line}", file=sys.stderr)

    def _read(self, timeout):
        """Take in what there is; False when QEMU has closed its output."""
        fd = self.proc.stdout.fileno()
        if not select.select([fd], [], [], max(timeout, 0))[0]:
            return True
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.text += data.decode("utf-8", "replace").replace("\r", "")
        while (end := self.text.find("\n", self.logged)) >= 0:
            self._log_line(self.text[self.logged:end])
            self.logged = end + 1
        return True

    def expect(self, pattern, timeout=60):
        """Wait for a regular expression in output not consumed yet.

        Consumes up to the end of the match and returns the match. Raises
        Timeout, with the last lines, when it does not come.
        """
        deadline = time.monotonic() + timeout * SLOW
        regex = re.compile(pattern, re.M)
        alive = True
        while True:
            match = regex.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = deadline - time.monotonic()
            if not alive or left <= 0:
                why = "QEMU ended" if not alive else f"{timeout} s passed"
                raise Timeout(f"{why} without /{pattern}/; last lines:\n"
                              + self.tail())
            alive = self._read(left)

    def expect_marker(self, timeout=60):
        """Wait for user space; returns seconds since QEMU's start."""
        self.expect(MARKER, timeout)
        return self.elapsed()

    def tail(self, count=15):
        return "\n".join(self.text.splitlines()[-count:])

    def wait_exit(self, timeout=30):
        """Wait until QEMU ends by itself; its exit code, or None."""
        deadline = time.monotonic() + timeout * SLOW
        while self._read(deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                return None
        return self.proc.wait(10)

    # -- input ---------------------------------------------------------------

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def send_line(self, line):
        self.send(line + "\n")

    def shell(self, timeout=30):
        """Wait for the shell's prompt and make its output plain."""
        # The line editor may ask for the cursor's place behind the prompt.
        self.expect(r"^# (\x1b\[6n)?", timeout)
        self.run("stty -echo; dmesg -n 1", timeout)

    def run(self, command, timeout=30):
        """Run a shell command; returns (exit code, list of its lines).

        One that does not end in time is interrupted, so that the next one finds
        the shell at its prompt, and has numbers of its own."""
        self.commands += 1
        n = self.commands
        # Split words, so that the echoed command does not look like output.
        self.send_line(f"echo VM-BE''GIN{n}; {command}; echo VM-E''ND{n} $?")
        try:
            self.expect(rf"VM-BEGIN{n}\n", timeout)
            start = self.seen
            match = self.expect(rf"VM-END{n} (\d+)\n", timeout)
        except Timeout:
            if self.proc.poll() is None:
                self.send(INTERRUPT)
            raise
        return int(match.group(1)), \
            self.text[start:match.start()].splitlines()


class Tap:
    """Test Anything Protocol on stdout."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, detail=""):
        self.count += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if not good:
            self.failed += 1
            for line in str(detail).splitlines():
                print(f"#   {line}")
        sys.stdout.flush()
        return good

    def equal(self, got, want, name):
        return self.ok(got == want, name, f"got {got!r}, expected {want!r}")

    def note(self, text):
        print(f"# {text}", flush=True)

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def attempt(self, name, step, *args, **kwargs):
        """Run step; a Timeout in it is one failed test called name."""
        try:
            return step(*args, **kwargs)
        except (Timeout, BrokenPipeError) as error:
            self.ok(False, name, error)
            return None

    def done(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


def require_images(tap):
    """Skip the whole test where an image is missing."""
    hv = hypervisor()
    for path in [p for p in (hv, os.path.join(RUN, "vmlinux"),
                             os.path.join(RUN, "initrd.gz")) if p]:
        if not os.path.exists(path):
            print(f"1..0 # SKIP {path} is not there (make all kernel initrd)")
            sys.exit(0)
    return tap


def main():
    parser = argparse.ArgumentParser(
        description="Boot once, print the console, report the marker.")
    parser.add_argument("--hv", default="", help='image, or "none"')
    parser.add_argument("--hvargs", default="")
    parser.add_argument("--kargs", default="")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--mem", default="2G")
    parser.add_argument("--expect", default=MARKER, help="regular expression")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--run", action="append", default=[],
                        help="shell command to run after the marker")
    args = parser.parse_args()
    os.environ["TEST_VERBOSE"] = "1"
    hv = None if args.hv == "none" else args.hv
    with VM("vmrun", hv=hv, hvargs=args.hvargs, kargs=args.kargs,
            smp=args.smp, mem=args.mem) as vm:
        try:
            vm.expect(args.expect, args.timeout)
            print(f"{vm.elapsed():.2f} s", flush=True)
            if args.run:
                vm.shell()
            for command in args.run:
                code, lines = vm.run(command)
                print("\n".join(lines), f"\nexit code {code}", flush=True)
        except Timeout as error:
            sys.exit(f"vmrun: {error}")


if __name__ == "__main__":
    main()
