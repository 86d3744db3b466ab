/* SPDX-License-Identifier: MIT */
/*
 * The serial port, a 16550 or compatible: output polled, input by interrupt
 * into a ring (polled where there is no interrupt line).  Output is covered by
 * the callers' console lock.  The ring has one writer, the CPU that the line
 * goes to or the one that polls; readers take turns by input_lock.
 */
#include <x86.h>

#include <hv/cmdline.h>
#include <hv/evtchn.h>
#include <hv/guests.h>

#define UART_DATA 0 /* divisor, low byte, with DLAB */
#define UART_IER 1  /* divisor, high byte, with DLAB */
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5

#define IER_RECEIVE 0x01
#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b
#define LSR_DATA 0x01
#define LSR_THR_EMPTY 0x20

#define FIFO_SIZE 16
/* What a person pastes at once; a power of two. */
#define RING_SIZE 4096

static uint16_t port; /* 0: no UART; write-once */
static bool by_interrupt;
static unsigned char ring[RING_SIZE];
static uint32_t ring_in, ring_out; /* atomic */
static spinlock_t input_lock = SPINLOCK_INIT(RANK_CONSOLE);

INIT_TEXT void uart_init(void)
{
	unsigned int divisor = options.com1_baud != 0 ? 115200 / options.com1_baud : 0;

	/* Before the options are known, the usual port. */
	port = options.com1_port != 0 ? options.com1_port : 0x3f8;
	if (!options.console_com1 || inb(port + UART_LSR) == 0xff) {
		port = 0;
		return;
	}
	outb(port + UART_IER, 0);
	if (divisor != 0 && divisor <= 0xffff) {
		outb(port + UART_LCR, LCR_8N1 | LCR_DLAB);
		outb(port + UART_DATA, divisor);
		outb(port + UART_IER, divisor >> 8);
	}
	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_FCR, FCR_ENABLE_CLEAR);
	outb(port + UART_MCR, MCR_DTR_RTS_OUT2);
}

void arch_console_write(const char *s, size_t n)
{
	for (size_t i = 0; i < n && port != 0; i++) {
		unsigned int tries = 1000000;

		/* Waits until a FIFO's worth fits, and gives a dead UART up. */
		while (i % FIFO_SIZE == 0 && !(inb(port + UART_LSR) & LSR_THR_EMPTY)) {
			if (--tries == 0) {
				port = 0;
				return;
			}
		}
		outb(port + UART_DATA, s[i]);
	}
}

/* Moves what was received into the ring; bytes beyond its size are lost.  Where
 * there is an interrupt guests may have the keyboard. */
static bool drain(void)
{
	uint32_t in = ring_in, before = in;

	for (unsigned int i = 0; i < RING_SIZE && (inb(port + UART_LSR) & LSR_DATA); i++) {
		uint8_t c = inb(port + UART_DATA);

		unsigned int n = by_interrupt ? guest_console_input((char)c) : 1;

		while (n-- > 0 && in - __atomic_load_n(&ring_out, __ATOMIC_ACQUIRE) < RING_SIZE) {
			ring[in++ % RING_SIZE] = n > 0 ? CTRL_A : c;
			__atomic_store_n(&ring_in, in, __ATOMIC_RELEASE);
		}
	}
	return in != before;
}

void uart_interrupt(void)
{
	if (port != 0 && drain()) {
		evtchn_send_global_virq(control_domain, VIRQ_CONSOLE);
	}
}

INIT_TEXT void uart_enable_input(void)
{
	unsigned int irq = port == 0x2f8 || port == 0x2e8 ? 3 : 4;

	if (port == 0) {
		return;
	}
	if (ioapic_claim(irq) < 0) {
		pr_warn("serial port: no interrupt, input is polled");
		return;
	}
	by_interrupt = true;
	outb(port + UART_IER, IER_RECEIVE);
}

int arch_console_read(void)
{
	int c = -1;

	spin_lock(&input_lock);
	if (port != 0 && !by_interrupt) {
		(void)drain();
	}
	if (ring_out != __atomic_load_n(&ring_in, __ATOMIC_ACQUIRE)) {
		c = ring[ring_out % RING_SIZE];
		__atomic_store_n(&ring_out, ring_out + 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&input_lock);
	return c;
}
