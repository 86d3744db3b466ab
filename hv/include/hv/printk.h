/* SPDX-License-Identifier: MIT */
/*
 * Messages of the core: a formatter, a log ring that the control domain can
 * read, and the console.  Any CPU may call; the console lock (highest rank)
 * covers ring and output.  Never allocates.
 */
#ifndef HV_PRINTK_H
#define HV_PRINTK_H

#include <stdarg.h>

enum loglevel {
	LOG_ERR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG
};

/**
 * Prints "(VL) ..." and ends the line: to the ring, and to the console
 * up to level options.loglvl.
 */
void printk(enum loglevel level, const char *fmt, ...) printf_like(2, 3);
#define pr_err(...) printk(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) printk(LOG_WARNING, __VA_ARGS__)
#define pr_info(...) printk(LOG_INFO, __VA_ARGS__)

/**
 * Text of a domain to ring and console, as it is; of others than the control
 * domain with "(dN)" in front of each line.  False, for those alone: another
 * has just begun a line, call again.
 */
bool printk_domain(unsigned int id, const char *s, size_t n);
/**
 * Copies log ring bytes from stream position *pos (0: oldest to show) into buf,
 * advances *pos; returns the number of bytes copied.
 */
size_t printk_read(char *buf, size_t n, uint64_t *pos);
/** What is before pos is not shown any more to who begins at 0. */
void printk_clear(uint64_t pos);
/** Takes over the console in a panic: no lock is waited for from now on. */
void printk_panic_mode(void);

/** As vsnprintf() and snprintf(), a C99 subset: %d %u %x %s %%, l ll z, flags # 0, width, .prec (of
 *  strings), * for both.  As C99: the result is the length without the limit,
 *  and buf is terminated if n > 0. */
int vformat(char *buf, size_t n, const char *fmt, va_list ap) printf_like(3, 0);
int format(char *buf, size_t n, const char *fmt, ...) printf_like(3, 4);

#endif
