/* SPDX-License-Identifier: MIT */
/*
 * Guests from boot modules, for tests and demonstrations without a toolstack
 * (CONFIG_BOOT_GUESTS; the source is in tests/boot_guests): boot_guests.c builds
 * them and destroys them after their end, guest_console.c gives them the
 * machine's console.
 */
#ifndef HV_GUESTS_H
#define HV_GUESTS_H

#define CTRL_A '\1' /* three times: the next one gets the keyboard */

/*
 * What a guest writes to its console (console_io.c).  False: the console is not
 * free, come again.  Domain lock held.
 */
bool must_check console_guest_put(struct domain *d, char c, bool limited);

#ifdef CONFIG_BOOT_GUESTS

/** At start-up: is module i the kernel of a guest? */
bool boot_guests_is(unsigned int i);
/** Builds them, before the control domain, which gets what they leave. */
void boot_guests_build(void);
/**
 * Destroys guests that have shut down, a piece at a time: until something is
 * to do on idle CPUs, for a fraction of a millisecond on others.  Softirq only.
 */
void boot_guests_reap(void);

/** A guest's console ring in its frame mfn, with its port; false: no memory. */
bool must_check guest_console_init(struct domain *d, unsigned long mfn);
/** The guest has sent on its port: 0, or -XEN_ERESTART to be called again. */
int must_check guest_console_output(struct domain *d);
/** The last of it, as the domain dies. */
void guest_console_destroy(struct domain *d);
/**
 * A byte was received: how many go to the control domain, that one and before
 * it Ctrl-a's that were held back.
 */
unsigned int guest_console_input(char c);

#else

#define boot_guests_is(i) ((void)(i), false)
#define boot_guests_build() ((void)0)
#define boot_guests_reap() ((void)0)
#define guest_console_init(d, mfn) ((void)(d), (void)(mfn), true)
#define guest_console_output(d) ((void)(d), -XEN_EINVAL)
#define guest_console_destroy(d) ((void)(d))
#define guest_console_input(c) ((void)(c), 1u)

#endif

#endif
