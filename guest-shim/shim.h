/* SPDX-License-Identifier: MIT */
/*
 * The guest shim: the smallest runtime of a PV guest. It brings a vCPU from
 * the core's entry point to guest_main() in C, on a stack of its own, with
 * exceptions, events, a console, memory helpers, guest user mode and further
 * vCPUs. There is no heap but whole pages, no scheduler and no locking: what
 * is shared between vCPUs, the guest orders itself.
 *
 * Error policy: functions that return long hand on what the core answered,
 * 0 or a negative XEN_E*. The others cannot fail for a reason that the caller
 * could do something about: they end the guest by shim_panic(), which prints
 * one line and shuts the domain down as crashed.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include "hypercall.h"
#include "layout.h"

#define PAGE_SIZE 4096ul
#define PAGE_SHIFT 12
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier() __asm__ __volatile__("" ::: "memory")
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* --- start.c -------------------------------------------------------------- */

/** The guest's own; returns to an orderly power-off. */
void guest_main(void);
/** What the loader left, read-only for the guest's code. */
extern const struct start_info *shim_start_info;
extern struct shared_info *shim_shared;

/** SCHEDOP_shutdown; does not come back. */
void shim_shutdown(unsigned int reason) __attribute__((noreturn));
/** One line "shim: ..." on the console, then SHUTDOWN_crash. */
void shim_panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* --- string.c ------------------------------------------------------------- */

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
/** Is `word` one of the blank-separated words of `list`? */
bool has_word(const char *list, const char *word);

/* --- console.c ------------------------------------------------------------ */

void console_write(const char *s, size_t n);
/** %c %s %d %i %u %x %p %%, flags 0 and -, width, l, ll and z. */
int vformat(char *out, size_t room, const char *fmt, va_list ap);
/** One call of at most 256 characters. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- traps.c -------------------------------------------------------------- */

/* Registers of what was interrupted, as entry.S saves them. */
struct trap_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	uint64_t rax, rcx, rdx, rsi, rdi;
	uint64_t vector; /* 0-255, or SHIM_VECTOR_* */
	uint64_t error;
	uint64_t rip, cs, rflags, rsp, ss; /* cs: with the saved event mask */
};

/* An exception that TRAP_TRY caught. */
struct trap {
	bool hit;
	unsigned int vector;
	uint64_t error, cr2, rip, rsp, rflags, cs;
};

struct trap_catch {
	uint64_t saved[8]; /* entry.S */
	struct trap_catch *outer;
	struct trap trap;
};

/*
 * Executes a statement; an exception in it, in whatever it calls, or in the
 * user mode that it enters, ends it and is described in *t. Where none comes,
 * t->hit is false. Locals that the statement changes are not to be trusted
 * afterwards, unless volatile.
 */
#define TRAP_TRY(t, ...)                       \
	do {                                   \
		struct trap_catch catch_;      \
		trap_catch_begin(&catch_);     \
		if (trap_save(&catch_) == 0) { \
			__VA_ARGS__;           \
		}                              \
		trap_catch_end(&catch_, t);    \
	} while (0)

int trap_save(struct trap_catch *c) __attribute__((returns_twice));
void trap_catch_begin(struct trap_catch *c);
void trap_catch_end(struct trap_catch *c, struct trap *t);

/** Gets a vector (or SHIM_VECTOR_*) first; true: dealt with, return to it. */
typedef bool trap_hook_fn(struct trap_regs *regs);
void trap_set_hook(unsigned int vector, trap_hook_fn *fn);

/** The table in use, by vector, and its registration. */
extern struct trap_info shim_trap_table[];
void traps_init(void);
/** Entry point of a vector, for tables of one's own. */
unsigned long trap_entry(unsigned int vector);

/* Entry points in entry.S. */
void shim_event_callback(void);
void shim_failsafe_callback(void);
void shim_syscall_callback(void);
void shim_nmi_callback(void);

/* --- mm.c ------------------------------------------------------------------ */

#define PTE_P 0x001ul
#define PTE_W 0x002ul
#define PTE_U 0x004ul
#define PTE_PWT 0x008ul
#define PTE_PCD 0x010ul
#define PTE_A 0x020ul
#define PTE_D 0x040ul
#define PTE_PS 0x080ul
#define PTE_G 0x100ul
#define PTE_AVAIL 0xe00ul
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul
/* Usual bits of a mapping, and of a table's entry. */
#define PTE_RO (PTE_P | PTE_U | PTE_A | PTE_D)
#define PTE_RW (PTE_RO | PTE_W)
#define PTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

#define TABLE_ENTRIES 512ul

#define mfn_pte(mfn, flags) (((uint64_t)(mfn) << PAGE_SHIFT) | (flags))
#define pte_mfn(pte) (((uint64_t)(pte)&PTE_ADDR) >> PAGE_SHIFT)

void mm_init(void);
unsigned long pfn_to_mfn(unsigned long pfn);
/** By the machine-to-physical table; garbage for frames of others. */
unsigned long mfn_to_pfn(unsigned long mfn);
/** Frame behind an address in the initial mapping (image, pages, tables). */
unsigned long virt_to_mfn(const void *p);
uint64_t virt_to_maddr(const void *p);
/** Where a frame of ours lies in the initial mapping. */
void *mfn_to_virt(unsigned long mfn);

/** A zeroed page of the guest's own memory, mapped writable. */
void *page_alloc(void);
void page_free(void *page);
/** How many there are still. */
unsigned long pages_left(void);

/** The L4 table of the kernel. */
uint64_t *mm_l4(void);
/** Entry of `level` (1-4) for va, in our tables; NULL where there is none. */
uint64_t *mm_slot(uint64_t *l4, unsigned long va, unsigned int level);
/** Machine address of that entry: what mmu_update wants. */
uint64_t mm_slot_maddr(unsigned long va, unsigned int level);
/** One request of mmu_update for our own domain. */
long mmu_set(uint64_t slot_maddr, uint64_t value);
/** One operation of mmuext_op for our own domain. */
long mmuext(unsigned int cmd, unsigned long arg1);
/** L1 entry of va by update_va_mapping, with an INVLPG for all vCPUs. */
long va_set(unsigned long va, uint64_t pte);
/** Maps the page again without, or with, the W bit. */
void page_protect(const void *page, bool writable);
long try_page_protect(const void *page, bool writable);
/** A zeroed page, mapped read-only: ready to become a table. */
void *table_alloc(void);
/** Entry n of a table that is not in use as one yet: through a moment of
 *  writability. */
void table_write(void *table, unsigned int n, uint64_t value);
/** Maps a frame at va, with tables made for it where they are missing. */
long map_frame(unsigned long va, unsigned long mfn, uint64_t flags);

/* --- evtchn.c --------------------------------------------------------------- */

typedef void evtchn_handler(unsigned int port);

void evtchn_init(void);
struct vcpu_info *evtchn_vcpu_info(void);
/** Event mask of the calling vCPU. */
void events_off(void);
void events_on(void);
/** Replaces the walk over the bitmaps, for FIFO events; NULL: bring it back. */
void evtchn_set_upcall(void (*fn)(void));
void evtchn_set_handler(unsigned int port, evtchn_handler *fn);
/** Number of upcalls that vCPU has taken. */
unsigned long evtchn_upcalls(unsigned int cpu);
void evtchn_mask(unsigned int port);
long evtchn_unmask(unsigned int port);
/** The port or a negative error. */
long evtchn_alloc_unbound(unsigned int remote);
long evtchn_bind_interdomain(unsigned int remote, unsigned int port);
long evtchn_bind_virq(unsigned int virq, unsigned int cpu);
long evtchn_bind_ipi(unsigned int cpu);
long evtchn_send(unsigned int port);
long evtchn_close(unsigned int port);

/* --- time.c ------------------------------------------------------------------ */

/** System time, ns. */
uint64_t time_ns(void);
uint64_t rdtsc(void);
/** Spins, events being served. */
void spin_ns(uint64_t ns);

/* --- user.c ------------------------------------------------------------------- */

typedef uint64_t user_fn(uint64_t arg);
typedef uint64_t user_syscall_fn(struct trap_regs *regs);

/**
 * Runs fn(arg) in guest user mode, with an L4 table of its own that shows the
 * same memory; returns its result. An exception in it goes to the TRAP_TRY
 * around the call. Must not nest.
 */
uint64_t user_run(user_fn *fn, uint64_t arg);
/** The same with flags to enter user mode with (IF is added). */
uint64_t user_run_flags(user_fn *fn, uint64_t arg, uint64_t rflags);
/** From user mode: number (not 0) and one argument. */
uint64_t user_syscall(uint64_t nr, uint64_t arg);
/** What answers user_syscall(). */
void user_set_syscall(user_syscall_fn *fn);
/** The user L4; made at the first need. */
uint64_t *user_l4(void);

/* --- smp.c ---------------------------------------------------------------------- */

/** The calling vCPU's number, by its stack. */
unsigned int cpu_id(void);
/** Starts vCPU `cpu` in fn(arg); it goes down when fn returns. */
long smp_start(unsigned int cpu, void (*fn)(unsigned long), unsigned long arg);
/** Fills a context with the shim's own entries; for variations. */
void smp_context(struct vcpu_guest_context *c, unsigned int cpu);
/** Waits until the vCPU is down. */
void smp_wait(unsigned int cpu);

#endif
