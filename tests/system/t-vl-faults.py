#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What goes wrong while guests run: kernels that panic, run out of memory, lose
their init or are stopped by the core, whose reasons must be shown; daemons that are killed or do
not run; vl killed before any step of a creation; disks that are full. The next
command works, and nothing may be left at the end.

VL_KILLS=N kills create so often (default 8), before steps that lie evenly
between its start and its end; 0 means before each of them, which are a
hundred.
VL_ONLY=STEP,... runs only these functions."""
import os
import re

from control import LOGS, STACK, Control, require_control
from vmrun import SLOW, Tap, Timeout

KILLS = int(os.environ.get("VL_KILLS", "8"))
ONLY = os.environ.get("VL_ONLY", "").split(",")
# Calls of the system that change something outside vl.
CHANGES = "ioctl,write,pwrite64,writev,sendto,sendmsg,openat,rename,link,unlink,flock,ftruncate," \
    "mkdir,connect,close"

# name: gscript, what the guest's kernel or the core says; all end at the same time
DEATHS = {
    "panic": ("panic", "Kernel panic - not syncing: sysrq"),
    "oom": ("oom", "Kernel panic - not syncing: Out of memory"),
    "no-handler": (None, "no handler for exception 6"),
    "wild-stack": (None, "kernel stack .* not writable"),
    "wild-jump": (None, "no handler for exception 14 .error 10, address 600000000000. "
                        "at 600000000000"),
    "wild-init": ("exec:wild-jump", r"Attempted to kill init! exitcode=0x0000000b"),
}
# What the guest's kernel says before that, if not the panic itself tells the fault.
FAULTS = {"wild-init": r"wild-jump\[1\]: segfault at 1000 ip 0+1000 "}


def died(vm, name):
    vm.until(f"{STACK} list {name} | grep -q -- '---sc-'", 90,
             f"{STACK} list; tail -n 5 {LOGS}/guest-{name}.log")


def make_deaths(vm):
    made = {name: death for name, death in DEATHS.items() if STACK == "vl" or death[0]}
    for name, (script, _) in made.items():
        if script:
            vm.config(name, script, on_crash="preserve")
        else:
            vm.write(f"/tmp/{name}.cfg", [f"name = '{name}'", "kernel = '/boot/crash.elf'",
                                          "memory = 16", "on_crash = 'preserve'",
                                          f"extra = '{name}'"])
    vm.out("for n in " + " ".join(made) + f"; do {STACK} create -q /tmp/$n.cfg & done; wait", 90)
    return made


def reasons(tap, vm):
    """on_crash=preserve: the dead are looked at."""
    for name, (script, said) in make_deaths(vm).items():
        died(vm, name)
        if STACK == "vl":
            vm.until(f"grep -aq 'has ended: crash' {LOGS}/guest-{name}.log", 30)
        log = vm.guest_log(name)
        tap.ok(any(re.search(said, line) for line in log), f"{name}: the log says why",
               "\n".join(log[-8:]))
        if name in FAULTS:
            tap.ok(any(re.search(FAULTS[name], line) for line in log),
                   f"{name}: and at which address", "\n".join(log))
        _, lines = vm.vl(f"list -v {name}")
        tap.ok(any("3" in line.split() for line in lines[1:]),
               f"{name}: list -v shows the reason's number", "\n".join(lines))
        if STACK == "vl":
            # Its console shows what is in the log, and then that this is the end.
            # Both of its outputs in one pipe: the end is said beside the console.
            _, lines = vm.vl(f"console {name} < /dev/null 2>&1 | tr -d '\\r'")
            tap.ok(any(re.search(said, line) for line in lines) and
                   re.search("has ended: crash", lines[-1]),
                   f"{name}: console shows its last words and its end", "\n".join(lines[-8:]))
            _, lines = vm.vl(f"list --json {name} | tr -d '\\n'")
            tap.ok(bool(re.search(r'"crash_reason": *' + (f'".*{said}' if not script else "null"),
                                  "".join(lines))),
                   f"{name}: list --json has what the core said", "\n".join(lines))
        if not script:
            # Behind a mark: run() leaves out what the core itself has written.
            _, lines = vm.vl(f"dmesg | sed 's/^/: /' | grep -a 'domain .* crashed.*{said}'")
            tap.ok(lines, f"{name}: dmesg says so, too")
        vm.vl(f"destroy {name}")


def restarts(tap, vm):
    """Crashed from outside, and once: what vld has begun to start anew is no guest yet
    that could be destroyed."""
    vm.config("again", on_crash="restart")
    vm.create("again")
    vm.until_log("again", "GUEST-UP", 120)
    vm.out(f"xenstore-write /local/domain/$({STACK} domid again)/control/sysrq c")
    vm.until(f"[ $(grep -c GUEST-UP {LOGS}/guest-again.log) -ge 2 ]", 120,
             f"tail {LOGS}/guest-again.log")
    tap.ok(True, "on_crash=restart: it comes again")
    tap.equal(vm.vl("destroy again"), (0, []), "destroy")


def end_daemons(vm, names, signal):
    vm.out(f"kill -{signal} $(pidof {names})")
    vm.until(f"! pidof {names} > /dev/null", 20)


def no_daemons(tap, vm):
    """A sentence each, no hanging."""
    end_daemons(vm, "vld vl-stored", "TERM")
    code, lines = vm.vl("list", 20)
    tap.ok(code == 0 or len(lines) == 1, "without daemons, list: "
           + " ".join(lines[-1:]), "\n".join(lines))
    vm.config("none")
    code, lines = vm.vl("create -q /tmp/none.cfg", 60)
    tap.ok(code != 0 and len(lines) == 1, "without daemons, create: "
           + " ".join(lines[-1:]), "\n".join(lines))
    code, lines = vm.vl("console Domain-0", 20)
    tap.ok(code != 0 and len(lines) == 1, "without daemons, console: "
           + " ".join(lines[-1:]), "\n".join(lines))
    vm.run("vl-stored -D; vld -D; sleep 1")


def killed_daemons(tap, vm):
    """kill -9 while a guest runs; both come back and know it."""
    vm.config("stays", "dhcp", vif=["bridge=vlbr0"])
    vm.create("stays")
    vm.until_log("stays", "GUEST-DONE stays dhcp", 90)
    nodes = vm.out("xenstore-ls -f / | wc -l")
    end_daemons(vm, "vld", "KILL")
    vm.out("vld -D")
    vm.console("stays")
    vm.type("echo after-$((1 + 1))", "after-2")
    vm.leave()
    tap.ok(True, "vld killed and started again: the console works")
    end_daemons(vm, "vl-stored", "KILL")
    vm.out("vl-stored -D; sleep 1")
    tap.equal(vm.out("xenstore-ls -f / | wc -l"), nodes,
              "vl-stored killed and started again: no node is lost")
    # vld's connection ended with the daemon.
    vm.run("pidof vld || vld -D; sleep 1")
    vm.console("stays")
    vm.type("echo still-$((2 + 2))", "still-4")
    vm.leave()
    code, lines = vm.run(f"timeout 240 {STACK} shutdown -w stays 2>&1", 90)
    _, more = vm.run(f"{STACK} list; tail -n 8 {LOGS}/vld.log {LOGS}/guest-stays.log")
    tap.ok(code == 0 and not vm.names(),
           "a guest from before is shut down through the new daemon", "\n".join(lines + more))


def steps_of_create(vm):
    """What create does, in order: (call, which one of its kind, its line)."""
    vm.out(f"strace -qq -f -o /tmp/trace -e trace={CHANGES} {STACK} create -q /tmp/killed.cfg"
           f" && {STACK} destroy killed", 90)
    seen, steps = {}, []
    for line in vm.out("cut -d ' ' -f 2- /tmp/trace").splitlines():
        match = re.match(r" *(\w+)\(", line)
        if match:
            call = match.group(1)
            seen[call] = seen.get(call, 0) + 1
            # Before one that changes nothing is before the one behind it.
            if " = -1 E" not in line and not re.search(r"O_RDONLY(?!.*O_CREAT)", line):
                steps.append((call, seen[call], re.sub(" *=.*|  *", " ", line)[:48]))
    # What comes before is the dynamic linker's.
    first = next(n for n, step in enumerate(steps) if step[0] == "ioctl")
    return steps[first:]


def left(vm):
    return vm.out("vlstate | grep domains; ls /run/vellum/guests /run/vellum/lock; "
                  "ls -d /sys/block/loop*/loop 2>/dev/null; xenstore-ls -f / | "
                  "grep '^/local/domain/[^0]\\|^/local/domain/0/backend\\|^/vm'; true")


def await_nothing(vm, empty, enough=lambda: False):
    """Frames that others still map keep a domain for a moment, too."""
    for _ in range(int(20 * SLOW)):
        rest = left(vm)
        if rest == empty or enough():
            break
        vm.run("usleep 200000")
    return rest


def runs(vm):
    """It had come so far that the guest is whole; one that is paused never is."""
    return "p" not in (vm.state("killed") or "p")


def kill_create(vm, call, number):
    """Whether it was killed there, and what was wrong. How many messages it takes until
    backends are there depends on them, so that the last do not always come."""
    for _ in range(3):
        code, lines = vm.run(
            f"strace -qq -f -o /dev/null -e trace={call} -e inject={call}:signal=KILL"
            f":when={number} {STACK} create -q /tmp/killed.cfg 2>&1", 60)
        if code == 137:
            return True, []
        if code != 0 and not runs(vm):
            return False, lines
        vm.vl("destroy killed")
    return False, []


def cleared_by_next(vm, empty):
    """The next creation finds nothing in its way, or a guest that runs."""
    code, lines = vm.create("killed", "-p")
    return code == 0 or runs(vm), lines


def cleared_by_vld(vm, empty):
    """vld takes it away, without any command, unless it runs."""
    rest = await_nothing(vm, empty, lambda: runs(vm))
    return rest == empty or runs(vm), rest.splitlines()


def killed_create(tap, vm):
    """Killed before a call that changes something. What was left of it stayed until
    the next creation, and for ever if the guest was only to be let run."""
    vm.run("dd if=/dev/zero of=/tmp/kill.img bs=1M count=1 2>/dev/null")
    # The smallest guest that takes all steps, unpacked as any kernel is.
    vm.out("gzip -c /boot/crash.elf > /tmp/crash.gz")
    vm.config("killed", kernel="/tmp/crash.gz", memory=16, on_poweroff="preserve",
              disk=["file:/tmp/kill.img,xvda,w"], vif=["bridge=vlbr0"])
    vm.out(f"{STACK} create -q /tmp/killed.cfg && {STACK} destroy killed", 90)
    steps = steps_of_create(vm)
    count = min(KILLS, len(steps)) or len(steps)
    empty = left(vm)
    killed = 0
    ways = (cleared_by_next, cleared_by_vld)
    for turn in range(count):
        call, number, line = steps[turn * (len(steps) - 1) // max(count - 1, 1)]
        there, lines = kill_create(vm, call, number)
        killed += there
        what = f"create killed before {call} {number}, {line}"
        if lines:
            tap.ok(False, what + ": the one before it is in the way", "\n".join(lines))
        elif not there:
            tap.note(f"{call} {number} does not come each time")
        # If all are tried, most are followed by one that fails when it has cleared up.
        if not KILLS and (turn + 1) % 8 and turn + 1 < count:
            code, lines = vm.vl("create -q /tmp/killed.cfg kernel=/none")
            if "/none" not in "".join(lines):
                tap.ok(runs(vm), f"{what}: the next one", "\n".join(lines))
                vm.vl("destroy killed")
            continue
        way = ways[(turn if KILLS else turn // 8) % 2]
        good, lines = way(vm, empty)
        vm.vl("destroy killed")
        rest = await_nothing(vm, empty)
        if not tap.ok(good and rest == empty, f"{what}: {way.__name__}",
                      "\n".join([*lines, "left:", rest])):
            empty = rest
    tap.note(f"{killed} kills before {count} of {len(steps)} steps")
    tap.ok(killed >= count * 3 / 4, "nearly all of these steps came")
    tap.equal(vm.names(), [], "no guest is left")


def full_logs(tap, vm):
    """No room where the logs are: the guest and its console go on."""
    log = f"{LOGS}/guest-talks.log"
    vm.config("talks", "seq:6000")
    vm.create("talks", "-p")
    vm.out(f"used=$(df -k {LOGS} | tail -n 1 | tr -s ' ' | cut -d ' ' -f 3); "
           f"mount -o remount,size=$((used + 16))k {LOGS}; {STACK} unpause talks")
    vm.until(f"grep -q '{log} cannot be written: No space' {LOGS}/vld.log", 60,
             f"tail {LOGS}/vld.log; df {LOGS}")
    vm.console("talks")
    vm.type("echo goes-$((1 + 1))-on", "goes-2-on")
    vm.leave()
    tap.ok(True, "no room for logs: the guest goes on, and its console")
    vm.out(f"mount -o remount,size=4m {LOGS}")
    vm.until_log("talks", "goes-2-on", 60)
    tap.equal(vm.out(f"grep -c '{log} is written again; 0 bytes' {LOGS}/vld.log"), "1",
              "room again: the log has the rest, and vld's one line that says so")
    tap.equal(vm.out(f"tr -d '\\r' < {log} | grep -c '^[0-9][0-9]*$'"), "6000",
              "no line of it is lost")
    tap.equal(vm.out(f"grep -c '{log} cannot be written' {LOGS}/vld.log"), "1",
              "that there was no room was said once")
    vm.vl("destroy talks")


def full_run(tap, vm):
    """No room in /run: one sentence, nothing left, daemons that live."""
    pids = vm.out("pidof vld vl-stored")
    vm.config("late", disk=["file:/tmp/kill.img,xvda,w"])
    vm.run("[ -e /tmp/kill.img ] || truncate -s 1M /tmp/kill.img")
    empty = left(vm)
    vm.out("used=$(df -k /run | tail -n 1 | tr -s ' ' | cut -d ' ' -f 3); "
           "mount -o remount,size=${used}k /run; ! dd if=/dev/zero of=/run/more bs=4k count=1")
    code, lines = vm.create("late")
    vm.run("rm -f /run/more")
    tap.ok(code != 0 and len(lines) == 1 and "No space left" in lines[0],
           "no room in /run, create: " + " ".join(lines[-1:]), "\n".join([str(code), *lines]))
    tap.equal(left(vm), empty, "nothing of it is left")
    vm.out("mount -o remount,size=64m /run")
    code, lines = vm.create("late")
    tap.equal((code, lines), (0, []), "room again: it is created")
    vm.until_log("late", "GUEST-UP late", 90)
    tap.equal(vm.out("pidof vld vl-stored"), pids, "both daemons are those of before")
    tap.equal(vm.vl("destroy late"), (0, []), "and destroyed")


def main():
    tap = require_control(Tap())
    with Control("vl-faults") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        # The logs' disk is filled while vld's own log has room left in its page.
        steps = (full_logs, full_run, reasons, restarts, no_daemons, killed_daemons,
                 killed_create)
        for step in steps if STACK == "vl" else (reasons, restarts):
            if ONLY != [""] and step.__name__ not in ONLY:
                continue
            tap.attempt(step.__name__, step, tap, vm)
            tap.note(f"{step.__name__} was over after {vm.elapsed():.0f} s")
            try:
                for name in vm.names():
                    vm.vl(f"destroy '{name}'")
            except Timeout as error:
                tap.note(error)
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
        tap.ok("PANIC" not in vm.text, "no panic")
    tap.done()


if __name__ == "__main__":
    main()
