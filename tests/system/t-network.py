#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vl-network on this machine, in a network namespace of its own: a bridge that
hands out addresses, the way out through a second network, and everything gone
after stop. Skipped where that is not allowed."""
import os
import shutil
import subprocess
import sys

from vmrun import Tap

NETWORK = os.path.abspath(os.path.join(os.path.dirname(__file__),
                                       "../../toolstack/network/vl-network"))
TOOLS = ("unshare", "ip", "nft", "dnsmasq", "busybox")
os.environ["PATH"] += ":/usr/sbin:/sbin"

# Namespaces: this one, a guest at the bridge, and the world beyond.
WORLD = """
mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up &&
ip link add name probe type bridge && ip link delete probe &&
ip netns add guest && ip netns add world &&
ip link add up0 type veth peer name eth0 netns world &&
ip address add 192.0.2.1/24 dev up0 && ip link set up0 up &&
ip -n world address add 192.0.2.2/24 dev eth0 && ip -n world link set eth0 up &&
ip link add vif1.0 type veth peer name eth0 netns guest &&
ip -n guest link set eth0 up && nft list tables
"""

LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip route replace default via "$router"
echo "$ip $router $dns"
"""


class Inside:
    """A shell in the namespaces, which end with it."""

    def __init__(self):
        self.shell = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc",
             "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def run(self, command):
        """(exit code, output)"""
        self.shell.stdin.write(f"{{ {command}\n}} < /dev/null 2>&1; code=$?; echo; echo END $code\n")
        try:
            self.shell.stdin.flush()
        except BrokenPipeError:
            return 1, "the shell has ended"
        lines = []
        for line in self.shell.stdout:
            if line.startswith("END "):
                return int(line.split()[1]), "".join(lines).strip()
            lines.append(line)
        return 1, "".join(lines).strip()

    def close(self):
        self.shell.stdin.close()
        self.shell.wait(10)


def rules(inside):
    return inside.run("ip -br link | sort; ip -br -4 address | sort; nft list ruleset; "
                      "pidof dnsmasq")[1]


def works(tap, inside):
    code, out = inside.run(f"{NETWORK} status")
    tap.ok(code == 1 and "no bridge vlbr0" in out, "status before the start says so", out)
    code, out = inside.run(f"{NETWORK} start")
    tap.equal((code, out), (0, ""), "start")
    code, out = inside.run("ip link set vif1.0 master vlbr0 && ip link set vif1.0 up")
    tap.equal((code, out), (0, ""), "a guest's interface goes into the bridge")
    inside.run(f"printf '%s' '{LEASE}' > /run/lease; chmod 755 /run/lease")
    code, out = inside.run("ip netns exec guest busybox udhcpc -i eth0 -q -n -t 8 -T 1 "
                           "-x hostname:web -s /run/lease")
    address = next((line.split()[0] for line in out.splitlines()
                    if line.startswith("10.77.0.") and "10.77.0.1 10.77.0.1" in line), "")
    if not tap.ok(address, f"the guest has {address} by DHCP, a router and a name server", out):
        return
    code, out = inside.run(f"busybox ping -c 1 -W 5 {address}")
    tap.equal(code, 0, "it answers")
    code, out = inside.run("ip netns exec guest busybox ping -c 1 -W 5 192.0.2.2")
    tap.equal(code, 0, "it reaches the world beyond, which knows no way back to it")
    code, out = inside.run(f"{NETWORK} status")
    tap.ok(code == 0 and "web" in out and address in out, "status names the guest", out)
    first = rules(inside)
    code, out = inside.run(f"{NETWORK} start")
    tap.equal((code, out, rules(inside)), (0, "", first), "a second start changes nothing")


def stops(tap, inside):
    code, out = inside.run(f"{NETWORK} stop; sleep 0.5")
    tap.equal((code, out), (0, ""), "stop")
    _, out = inside.run("ip -br link; nft list tables; pidof dnsmasq")
    tap.ok("vlbr0" not in out and "vellum" not in out and "vif1.0" in out and
           not out.splitlines()[-1].isdigit(), "bridge, rules and dnsmasq are gone, the rest stays",
           out)
    code, out = inside.run(f"{NETWORK} stop")
    tap.equal((code, out), (0, ""), "a second stop is no mistake")


def configured(tap, inside):
    inside.run("printf 'BRIDGE=br9\\nADDRESS=10.9.0.1/24\\nDHCP_FIRST=10.9.0.5\\n"
               "DHCP_LAST=10.9.0.6\\nNAT=no\\n' > /run/conf")
    code, out = inside.run(f"VL_NETWORK_CONF=/run/conf {NETWORK} start; "
                           "ip -br -4 address show dev br9; nft list tables")
    tap.ok(code == 0 and "10.9.0.1/24" in out and "vellum" not in out,
           "another bridge, another address, no NAT, by its configuration", out)
    inside.run(f"VL_NETWORK_CONF=/run/conf {NETWORK} stop")
    code, out = inside.run(f"{NETWORK} restart")
    tap.ok(code == 2 and "start|stop|status" in out, "another word: its usage", out)
    code, out = inside.run("printf 'ADDRESS=nonsense\\n' > /run/conf; "
                           f"VL_NETWORK_CONF=/run/conf {NETWORK} start")
    tap.ok(code == 1 and "nonsense" in out.splitlines()[-1],
           "an address that is none is named", out)
    inside.run(f"{NETWORK} stop")


def main():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        print(f"1..0 # SKIP {' '.join(missing)}: not installed (make deps)")
        return 0
    inside = Inside()
    code, out = inside.run(WORLD)
    if code != 0:
        print(f"1..0 # SKIP no network namespaces, bridges or nft here: {out.splitlines()[-1:]}")
        inside.close()
        return 0
    tap = Tap()
    works(tap, inside)
    stops(tap, inside)
    configured(tap, inside)
    inside.close()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
