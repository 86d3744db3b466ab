#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks and networks of guests: files written by one guest are read by the
next, a guest that is destroyed in the middle leaves a file system that can be
repaired, what it was told is on the disk is there, and two guests reach each
other, the control domain, and get their addresses by DHCP. Queues, persistent
grants and indirect descriptors as the kernels negotiate them. Images that guests
share, and scripts that set devices up. Nothing may be left at the end."""
from control import STACK, Control, require_control
from vmrun import Tap


def disk(tap, vm):
    image = "/tmp/disk.img"
    vm.out(f"truncate -s 48M {image} && /bin/mke2fs -q -t ext4 -F {image}")
    vm.config("writer", "fill", vcpus=2, disk=[f"file:{image},xvda,w"])
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


def numbers(lines, word):
    return [int(line.split()[1]) for line in lines if line.startswith(word + " ")]


def killed(tap, vm):
    """Three times destroyed as it writes: all that was synced is there."""
    image = "/tmp/disk.img"
    vm.out(f"truncate -s 48M {image} && /bin/mke2fs -q -t ext4 -F {image}")
    for first, count in ((1000, 5), (2000, 20), (3000, 120)):
        vm.config("keeper", f"keep:{first}", disk=[f"file:{image},xvda,w"])
        vm.create("keeper")
        vm.until_log("keeper", f"GUEST-KEPT {first + count}", 240)
        vm.vl("destroy keeper")
        last = numbers(vm.guest_log("keeper"), "GUEST-KEPT")[-1]
        name = f"after{first}"
        vm.config(name, "kept", disk=[f"file:{image},xvda,w"])
        vm.create(name)
        vm.until_log(name, f"GUEST-DONE {name} kept 0", 120)
        lines = vm.guest_log(name)
        lost = set(range(max(first + 1, last - 98), last + 1)) - set(numbers(lines, "GUEST-FOUND"))
        tap.ok(not lost and not any("SPOILT" in line for line in lines),
               f"destroyed after {last - first} files: those that were synced are there",
               f"lost: {lost}")
        tap.equal(numbers(lines, "GUEST-REPLAYS"), [1], "the journal was played back")
        vm.vl(f"destroy {name}")
        tap.equal(vm.run(f"e2fsck -f -n {image}", 60)[0], 0, "the file system is clean then")
    vm.run(f"rm {image}")


def shared(tap, vm):
    """One image for two guests, if both say so."""
    vm.out("truncate -s 8M /tmp/shared.img")
    for name, mode in (("one", "w!"), ("two", "w!"), ("three", "w")):
        vm.config(name, "disk", disk=[f"file:/tmp/shared.img,xvda,{mode}"])
    tap.equal(vm.create("one"), (0, []), "w!: a guest writes the image")
    tap.equal(vm.create("two"), (0, []), "w!: and another one at the same time")
    code, lines = vm.create("three")
    tap.ok(code != 0 and any("shared.img" in line for line in lines),
           "w: refused while others write it", "\n".join(lines))
    for name in ("one", "two"):
        vm.until_log(name, f"GUEST-DONE {name} disk 0", 90)
    vm.console("one")
    vm.type("echo from-one | dd of=/dev/xvda bs=512 seek=9 conv=sync oflag=direct 2>/dev/null; "
            "echo code-$?", "^code-0")
    vm.leave()
    vm.console("two")
    vm.type("dd if=/dev/xvda bs=512 skip=9 count=1 iflag=direct 2>/dev/null | tr -d '\\0'",
            "from-one")
    vm.leave()
    tap.ok(True, "what one writes the other reads")
    for name in ("one", "two"):
        vm.vl(f"destroy {name}")
    tap.equal(vm.create("three"), (0, []), "w: when they are gone")
    vm.vl("destroy three")
    vm.run("rm /tmp/shared.img")


BLOCK_SCRIPT = """#!/bin/busybox sh
# A disk that is neither file nor block device until it is asked for.
echo "$1 $XENBUS_TYPE $(xenstore-read "$XENBUS_PATH/params")" >> /tmp/scripts
case $1 in
add)
  truncate -s 8M /tmp/made.img
  echo made-by-script > /tmp/made.img.head && dd if=/tmp/made.img.head of=/tmp/made.img conv=notrunc
  device=$(losetup -f) && losetup "$device" /tmp/made.img || exit 1
  xenstore-write "$XENBUS_PATH/node" "$device" \
    "$XENBUS_PATH/physical-device" "$(stat -c %t:%T "$device")" ;;
remove) losetup -d "$(xenstore-read "$XENBUS_PATH/node")"; rm /tmp/made.img* ;;
esac
"""
VIF_SCRIPT = """#!/bin/busybox sh
# An interface that is in no bridge, but has an address of its own.
echo "$1 $XENBUS_TYPE $vif $2" >> /tmp/scripts
[ "$1" = online ] || exit 0
ip address add 10.78.0.1/24 dev "$vif" && ip link set "$vif" up || exit 1
xenstore-write "$XENBUS_PATH/hotplug-status" connected
"""


def scripts(tap, vm):
    """Devices that a user's programs set up, and take down again."""
    for path, text in (("/tmp/block-made", BLOCK_SCRIPT), ("/tmp/vif-routed", VIF_SCRIPT),
                       ("/tmp/block-fails", "#!/bin/busybox sh\nexit 1\n")):
        vm.write(path, text.splitlines())
    vm.out("chmod 755 /tmp/block-* /tmp/vif-*; rm -f /tmp/scripts")
    vm.config("scripted", "disk,address:10.78.0.2/24",
              disk=["vdev=xvda,access=w,script=/tmp/block-made,target=thing:one"],
              vif=["script=/tmp/vif-routed"])
    tap.equal(vm.create("scripted"), (0, []), "a disk and an interface by scripts")
    vm.until_log("scripted", "GUEST-IP scripted", 90)
    vm.console("scripted")
    vm.type("head -c 14 /dev/xvda", "made-by-script")
    vm.type("ping -c 2 -W 5 10.78.0.1; echo code-$?", "^code-0", 30)
    vm.leave()
    tap.ok(True, "the guest reads what the script made, and reaches what it set up")
    domid = vm.out("vl domid scripted")
    vm.vl("destroy scripted")
    tap.equal(sorted(vm.out("cat /tmp/scripts").splitlines()),
              sorted(["add vbd thing:one", f"online vif vif{domid}.0 type_if=vif",
                      "remove vbd thing:one", f"offline vif vif{domid}.0 type_if=vif"]),
              "each script ran as the guest came and as it went")
    vm.config("failing", disk=["vdev=xvda,access=w,script=/tmp/block-fails,target=x"])
    code, lines = vm.create("failing")
    tap.ok(code != 0 and any("/tmp/block-fails add has failed" in line for line in lines),
           "a script that fails is named", "\n".join(lines))
    tap.equal(vm.names(), [], "and no guest is left")
    vm.run("rm -f /tmp/block-* /tmp/vif-* /tmp/scripts")


def network(tap, vm):
    for name, vcpus in (("left", 2), ("right", 1)):
        vm.config(name, "dhcp,echo_server", vif=["bridge=vlbr0"], vcpus=vcpus)
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
    # At once: they went a little later, and one of the same name could not be made.
    tap.equal(vm.out("ls /sys/class/net | grep -c vif || true"), "0",
              "destroyed: their interfaces are gone")


# What Debian's kernels agree upon where guest and control domain have two vCPUs each,
# as they do with Xen's tools: NODE of the frontend or the backend, its value.
VBD_FRONT = {"state": "4", "multi-queue-num-queues": "2", "feature-persistent": "1"}
VBD_BACK = {"state": "4", "multi-queue-max-queues": "2", "feature-persistent": "1",
            "feature-max-indirect-segments": "256"}
VIF_FRONT = {"state": "4", "multi-queue-num-queues": "2", "request-rx-copy": "1"}
VIF_BACK = {"state": "4", "multi-queue-max-queues": "2", "feature-rx-copy": "1"}
VBD_QUEUE = ["event-channel", "ring-ref"]
VIF_QUEUE = ["event-channel-rx", "event-channel-tx", "rx-ring-ref", "tx-ring-ref"]


def negotiated(tap, vm):
    """Queues, persistent grants and indirect descriptors; "writer" and "left" use them."""
    domid = vm.out(f"{STACK} domid both")
    for kind, devid, front, back, queue in (("vbd", 51712, VBD_FRONT, VBD_BACK, VBD_QUEUE),
                                            ("vif", 0, VIF_FRONT, VIF_BACK, VIF_QUEUE)):
        for what, folder, want in (
                ("frontend", f"/local/domain/{domid}/device/{kind}/{devid}", front),
                ("backend", f"/local/domain/0/backend/{kind}/{domid}/{devid}", back)):
            got = vm.out(f"for n in {' '.join(want)}; do xenstore-read {folder}/$n; done")
            tap.equal(dict(zip(want, got.split())), want, f"{kind}: what its {what} says")
        folder = f"/local/domain/{domid}/device/{kind}/{devid}"
        got = vm.out(f"for n in 0 1 2; do echo $n $(xenstore-list {folder}/queue-$n "
                     "2>/dev/null | sort); done")
        tap.equal(got.splitlines(), [f"{n} " + " ".join(queue) for n in range(2)] + ["2"],
                  f"{kind}: two queues, each with rings and ports of its own")


def several(tap, vm):
    """Two disks and two interfaces, one on no bridge of ours."""
    vm.out("truncate -s 8M /tmp/a.img /tmp/b.img; echo A > /tmp/a.img; echo B > /tmp/b.img; "
           "truncate -s 8M /tmp/a.img /tmp/b.img; ip link add other type bridge; "
           "ip link set other up")
    vm.config("both", "disk,net", disk=["file:/tmp/a.img,xvda,w", "file:/tmp/b.img,xvdb,w"],
              vif=["mac=00:16:3e:01:02:03,bridge=vlbr0", "bridge=other"],
              # Four queues of networks have four MiB of buffers.
              vcpus=2, memory=128)
    vm.create("both")
    vm.until_log("both", "GUEST-DONE both net 0", 90)
    negotiated(tap, vm)
    vm.console("both")
    vm.type("head -c 1 /dev/xvda; head -c 1 /dev/xvdb; cat /sys/class/net/eth0/address; "
            "ls -d /sys/class/net/eth1", "AB00:16:3e:01:02:03\n/sys/class/net/eth1")
    vm.type("cd /sys/block/xvda; cat queue/max_segments; ls mq; ls /sys/class/net/eth0/queues",
            r"^32\n0 +1\nrx-0 +rx-1 +tx-0 +tx-1$")
    vm.leave()
    tap.ok(True, "two disks and two interfaces in their order, with queues for two vCPUs, and "
           "32 segments of a request, where a ring's entry has 11")
    _, lines = vm.run("ls /sys/class/net/other/brif /sys/class/net/vlbr0/brif | grep -c vif")
    tap.equal(lines, ["2"], "each in its bridge")
    vm.vl("shutdown -w both", 60)
    vm.run("ip link delete other; rm /tmp/[ab].img")


def main():
    tap = require_control(Tap())
    with Control("vl-devices") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        for step in (disk, killed, shared, scripts, network, several):
            tap.attempt(step.__name__, step, tap, vm)
            for name in vm.names():
                vm.vl(f"destroy {name}")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all",
                        tables=4)
        tap.ok("PANIC" not in vm.text, f"{STACK}: no panic")
    tap.done()


if __name__ == "__main__":
    main()
