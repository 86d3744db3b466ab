/* SPDX-License-Identifier: MIT */
/*
 * I/O ports on behalf of guests: plain access, and the list of ports that
 * belong to the core whatever a domain's permissions say.  hv/core/ioport.c
 * asks; it has already split the access and checked the domain.
 */
#include <x86.h>

#include <hv/cmdline.h>

static const struct {
	uint16_t first, last;
} denied[] = {
	{ 0x0020, 0x0021 },			/* PIC */
	{ 0x00a0, 0x00a1 }, { 0x0040, 0x0043 }, /* PIT */
	{ 0x0061, 0x0061 },			/* its gate, and NMI sources */
	{ 0x0092, 0x0092 },			/* fast A20 and reset */
	{ 0x00f0, 0x00f0 },			/* coprocessor error */
	{ 0x04d0, 0x04d1 },			/* edge/level of the PIC */
	{ 0x0cf9, 0x0cf9 },			/* reset */
};

bool arch_port_denied(uint16_t port)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(denied); i++) {
		if (port >= denied[i].first && port <= denied[i].last) {
			return true;
		}
	}
	return options.console_com1 && port >= options.com1_port && port < options.com1_port + 8u;
}

uint32_t arch_port_read(uint16_t port, unsigned int bytes)
{
	return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

void arch_port_write(uint16_t port, unsigned int bytes, uint32_t value)
{
	if (bytes == 1) {
		outb(port, value);
	} else if (bytes == 2) {
		outw(port, value);
	} else {
		outl(port, value);
	}
}
