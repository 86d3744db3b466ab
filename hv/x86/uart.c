/* SPDX-License-Identifier: MIT */
/*
 * The serial port, a 16550 or compatible: output polled, input by interrupt
 * into a ring (polled where there is no interrupt line).  Output is covered by
 * the callers' console lock.  The ring has one writer, the CPU that the line
 * goes to, and any readers, without a lock: reading happens with the console
 * lock held, which ranks above all others.
 */
#include <x86.h>

#include <hv/cmdline.h>
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/printk.h>

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
#define RING_SIZE 256 /* power of two */

static uint16_t port; /* 0: no UART; write-once */
static bool by_interrupt;
static unsigned char ring[RING_SIZE];
static uint32_t ring_in, ring_out; /* atomic */

static INIT_TEXT void set_baud(unsigned int baud)
{
	unsigned int divisor = 115200 / baud;

	if (divisor == 0 || divisor > 0xffff) {
		return;
	}
	outb(port + UART_LCR, LCR_8N1 | LCR_DLAB);
	outb(port + UART_DATA, (uint8_t)divisor);
	outb(port + UART_IER, (uint8_t)(divisor >> 8));
}

INIT_TEXT void uart_init(void)
{
	/* Before the options are known, the usual port. */
	port = options.com1_port != 0 ? options.com1_port : 0x3f8;
	if (!options.console_com1 || inb(port + UART_LSR) == 0xff) {
		port = 0;
		return;
	}
	outb(port + UART_IER, 0);
	if (options.com1_baud != 0) {
		set_baud(options.com1_baud);
	}
	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_FCR, FCR_ENABLE_CLEAR);
	outb(port + UART_MCR, MCR_DTR_RTS_OUT2);
}

/* Room in the transmitter for a FIFO's worth; gives a dead UART up. */
static bool wait_empty(void)
{
	unsigned int i;

	for (i = 0; i < 1000000; i++) {
		if ((inb(port + UART_LSR) & LSR_THR_EMPTY) != 0) {
			return true;
		}
	}
	port = 0;
	return false;
}

void arch_console_write(const char *s, size_t n)
{
	static char last;
	unsigned int room = 0;
	size_t i;

	if (port == 0) {
		return;
	}
	for (i = 0; i < n; i++) {
		bool add_return = s[i] == '\n' && last != '\r';

		if (room < 2) {
			if (!wait_empty()) {
				return;
			}
			room = FIFO_SIZE;
		}
		if (add_return) {
			outb(port + UART_DATA, '\r');
			room--;
		}
		outb(port + UART_DATA, (uint8_t)s[i]);
		room--;
		last = s[i];
	}
}

/* Moves what was received into the ring; bytes beyond its size are lost. */
static bool drain(void)
{
	uint32_t in = ring_in;
	bool any = false;
	unsigned int i;

	for (i = 0; i < RING_SIZE; i++) {
		uint8_t c;

		if ((inb(port + UART_LSR) & LSR_DATA) == 0) {
			break;
		}
		c = inb(port + UART_DATA);
		if (in - __atomic_load_n(&ring_out, __ATOMIC_ACQUIRE) <
		    RING_SIZE) {
			ring[in++ % RING_SIZE] = c;
			__atomic_store_n(&ring_in, in, __ATOMIC_RELEASE);
			any = true;
		}
	}
	return any;
}

void uart_interrupt(void)
{
	if (port != 0 && drain() && control_domain != NULL) {
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
	uint32_t out = __atomic_load_n(&ring_out, __ATOMIC_ACQUIRE);

	for (;;) {
		uint32_t in = __atomic_load_n(&ring_in, __ATOMIC_ACQUIRE);
		unsigned char c = ring[out % RING_SIZE];

		if (in == out) {
			break;
		}
		if (__atomic_compare_exchange_n(&ring_out, &out, out + 1, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
			return c;
		}
	}
	if (port != 0 && !by_interrupt &&
	    (inb(port + UART_LSR) & LSR_DATA) != 0) {
		return inb(port + UART_DATA);
	}
	return -1;
}
