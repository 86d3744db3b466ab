#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mistakes at boot end in a message that names the cause, and an option that
does not exist in a warning, never in silence."""
import os

from vmrun import RUN, VM, Tap, require_images


def write(name, data):
    path = os.path.join(RUN, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def message(pattern):
    """A line with pattern, but not the echo of our own command line."""
    return rf"(?i)^(?!.*(?:started by|kernel command line|build-id|append)).*(?:{pattern}).*\n"


def refused(tap, name, pattern, **machine):
    """The core must say why it cannot start the control domain."""
    with VM("bad-" + name.replace(" ", "-"), **machine) as vm:
        match = vm.expect(message(pattern), 30)
        tap.ok(True, f"{name}: {match.group(0).strip()}")


def unknown_option(tap):
    with VM("bad-option", hvargs="nosuchoption=1") as vm:
        match = vm.expect(message("nosuchoption"), 30)
        tap.ok(True, f"unknown option is named: {match.group(0).strip()}")
        vm.expect_marker(90)
        tap.ok(True, "unknown option: the control domain starts all the same")


def main():
    tap = require_images(Tap())
    with open(os.path.join(RUN, "vmlinux"), "rb") as file:
        kernel = file.read(1 << 20)
    cases = (
        ("no module", r"(no|not|missing|needs?)\b.*\b(module|kernel|specified)",
         {"kernel": ""}),
        ("no ELF file", r"\bnot?\b.*\bELF\b",
         {"kernel": write("bad-text", b"no kernel at all\n" * 999)}),
        ("bzImage", r"bzImage|compressed|\bnot?\b.*\bELF\b",
         {"kernel": os.path.join(RUN, "vmlinuz")}),
        ("truncated ELF", r"truncated|beyond|outside|cut short|\bbad\b",
         {"kernel": write("bad-short", kernel)}),
        ("dom0_mem too small",
         r"(memory|dom0_mem|allocation).*(small|enough|needs?|fit|least)",
         {"dom0_mem": "16M"}),
        ("dom0_mem too large", r"(dom0_mem|control domain|dom0).*\d+",
         {"dom0_mem": "64G"}),
    )
    for name, pattern, machine in cases:
        tap.attempt(name, refused, tap, name, pattern, **machine)
    tap.attempt("unknown option", unknown_option, tap)
    tap.done()


if __name__ == "__main__":
    main()
