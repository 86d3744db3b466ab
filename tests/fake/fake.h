/* SPDX-License-Identifier: MIT */
/*
 * The fake machine: hv/include/arch implemented as an ordinary process, so
 * that hv/core runs unchanged under sanitizers, unit tests and fuzzers.
 *
 * One thread plays all CPUs in turn (fake_cpu_set()); compiled with
 * FAKE_THREADS each CPU is a thread instead, and tests/race/threads.c takes the
 * place of what is left out here.  Machine memory, frame table and
 * machine-to-physical table are one private mapping of a memory file: fake_snapshot() makes the present state the one that fake_restore()
 * returns to, core's static data included.  What a guest does goes through a
 * model of the MMU that walks the guest's real tables and keeps a TLB for each
 * CPU, so a flush that the core forgot is seen (tlb.c).
 *
 * Everything that must hold and does not ends in fake_die(), which prints the
 * console and aborts; a sanitizer or fuzzer takes it from there.
 */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H

#include <setjmp.h>

#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/regs.h>

#include <hv/domain.h>
#include <hv/page.h>
#include <hv/percpu.h>
#include <hv/string.h>
#include <hv/vcpu.h>

#define FAKE_CPUS 4
#define X86_EFLAGS_VIF 0x00080000u /* never set under the core */
#define X86_EFLAGS_VIP 0x00100000u
#define FAKE_CONSOLE 65536
#define FAKE_TLB 256 /* entries of each CPU, direct mapped */
#define FAKE_PSC 16
#define FAKE_MSRS 16
#define FAKE_GSIS 24
#define FAKE_VECTORS 4 /* for messages */

/* Fixed places in the memory of every fake machine, as frame numbers. */
#define FAKE_IO_FRAME 0xb8ul	/* hole in the first MiB, in the table */
#define FAKE_HOLE_START 0x200ul /* no RAM and no frame table entry */
#define FAKE_HOLE_END 0x300ul
#define FAKE_RESERVED 0x380ul /* firmware's, FAKE_RESERVED_COUNT of them */
#define FAKE_RESERVED_COUNT 16ul
#define FAKE_CORE_START 0x100ul /* the core's image */
#define FAKE_CORE_END 0x110ul
#define FAKE_DEVICE 0xe0000ul /* above all low RAM, no entry */
#define FAKE_LAPIC 0xfee00ul  /* denied to everybody */

/*
 * PCI devices.  A host bridge, a bridge with bus 1 behind it, there a device
 * with MSI-X in a page with other registers and one with MSI and a settable
 * size of its address, and on bus 0 one with MSI-X that has no address.
 */
#define FAKE_PCI 5
#define FAKE_PCI_HOST 0x0000
#define FAKE_PCI_BRIDGE 0x0008
#define FAKE_PCI_MSIX 0x0100
#define FAKE_PCI_MSI 0x0108
#define FAKE_PCI_UNPLACED 0x0010
#define FAKE_BAR 0xf0000000ul /* of FAKE_PCI_MSIX: FAKE_BAR_SIZE bytes */
#define FAKE_BAR_SIZE 0x2000u /* its table: 4 entries at 0x1100 */
#define FAKE_TABLE 0x1100u
#define FAKE_ENTRIES 4u
#define FAKE_MMCFG 0xb0000000ul /* buses 0 to 3 */
#define FAKE_TIMER 0xfed00000ul /* a page of registers that stays read-only */

struct fake_pci {
	uint16_t bdf;
	uint8_t config[256];
};

struct fake_tlb_entry {
	bool valid, writable, user, exec, dirty, io;
	uint16_t owner; /* of the frame when the entry was filled */
	uint64_t page;	/* linear address >> PAGE_SHIFT */
	uint64_t cr3;
	unsigned long mfn;
};

/* A paging-structure cache: where the L1 table for 2 MiB is, no more walk. */
struct fake_psc_entry {
	bool valid;
	uint16_t owner;	    /* of the L1 table's frame when it was filled */
	uint64_t part;	    /* linear address >> 21 */
	uint64_t flags, nx; /* common to the upper entries */
	unsigned long mfn;  /* of the L1 table */
};

struct fake_cpu {
	uint64_t cr3;	     /* loaded tables; 0: the core's own */
	uint64_t cr3_loaded; /* atomic: the same, set after the TLB is empty */
	uint64_t deadline;   /* of the one-shot timer; ~0: none */
	bool ipi;	     /* kicked and has not looked yet */
	bool inside;	     /* is executing the core, in an outer call */
	bool idle;	     /* went into arch_idle() */
	jmp_buf *idle_jump;  /* where arch_idle() leaves to; NULL: nowhere */
	struct fake_tlb_entry tlb[FAKE_TLB];
	struct fake_psc_entry psc[FAKE_PSC];
};

struct fake_config {
	unsigned long low_frames;  /* RAM from 0, with the holes above */
	unsigned long high_frames; /* RAM from 4 GiB up; may be 0 */
	unsigned int cpus;
};

/* All state of the machine that is not memory; part of a snapshot. */
struct fake_machine {
	struct fake_config config;
	unsigned int cpu; /* the one that executes */
	struct fake_cpu cpus[FAKE_CPUS];
	struct percpu percpu[FAKE_CPUS];
	uint64_t now; /* ns */

	/* preemption: countdown to a yes of hypercall_preempt(), once;
	 * pseudo-random with one chance in `preempt_chance` */
	unsigned long preempt_countdown;
	unsigned int preempt_chance;
	uint64_t seed;
	uint64_t window_ns; /* time that passes in an interrupt window */

	unsigned long copy_fail_countdown; /* guest copy that fails, once */

	unsigned long relaxed; /* spins since the last progress */
	unsigned long flushes; /* calls of the flush functions */
	unsigned long ipis;
	bool restarted, powered_off, stopped, panicking;

	uint8_t port[65536];
	unsigned long denied_port_writes;
	struct {
		uint32_t number;
		uint64_t value;
	} msr[FAKE_MSRS];
	struct {
		bool setup, level, enabled, in_service;
		unsigned int cpu;
	} gsi[FAKE_GSIS];
	uint8_t msi_taken[PIRQ_MAX]; /* 1: has a vector */
	unsigned int msi_count;
	struct fake_pci pci[FAKE_PCI];
	uint8_t bar[FAKE_BAR_SIZE];
	uint64_t dr6;

	size_t console_used;
	char console[FAKE_CONSOLE];
	const char *input; /* console bytes to be received */
};
extern struct fake_machine fake;
/** The n-th allocation of the core from now fails, once; 0: none does. */
extern unsigned long heap_fail_countdown;

/** Number of the CPU that executes. */
#ifdef FAKE_THREADS
extern _Thread_local unsigned int fake_thread_cpu;
#endif
static inline unsigned int fake_self(void)
{
#ifdef FAKE_THREADS
	return fake_thread_cpu;
#else
	return fake.cpu;
#endif
}

/* ---- machine.c ------------------------------------------------------------ */

/** Builds the machine from nothing, heap filled, no domain. Once a process. */
void fake_init(const struct fake_config *config);
/** A machine of 64 MiB and four CPUs, and a snapshot of it. */
void fake_init_default(void);
/** The state to come back to; once, after fake_init(). */
void fake_snapshot(void);
void fake_restore(void);
/** Prints why and the end of the console, and aborts. */
void fake_die(const char *fmt, ...) noreturn_fn printf_like(1, 2);
void fake_cpu_set(unsigned int cpu);
bool fake_is_ram(unsigned long mfn);
/** An entry of the machine-to-physical table, which the core only writes. */
uint64_t arch_m2p_get(unsigned long mfn);
uint32_t fake_random(void);
/** Lets time pass and raises the timer interrupts that fall due. */
void fake_advance(uint64_t ns);
/** True if the console holds `text`. */
bool fake_console_has(const char *text);
void fake_console_clear(void);
/**
 * Where to go when the core restarts or powers off the machine; NULL aborts.
 * Then only fake_restore() brings a usable machine back.
 */
extern jmp_buf *fake_machine_end;

/* ---- pci.c ------------------------------------------------------------------ */

/** Puts the devices into the machine, and tells the core as hv/x86 does. */
void fake_pci_init(void);
struct fake_pci *fake_pci_find(uint16_t bdf);
uint32_t fake_pci_get(uint16_t bdf, unsigned int reg, unsigned int bytes);
/** A guest writes to device memory by a mapping of its own. */
void fake_pci_guest_write(uint64_t paddr, const uint8_t *data, size_t n);
/** As a reset of the function does: no address, nothing enabled. */
void fake_pci_reset(uint16_t bdf);
/**
 * Dies if a device could send a message that the core did not make for it; the
 * number of messages that are enabled.
 */
unsigned int fake_pci_check(void);

/* ---- mmu.c: what a guest does to memory ----------------------------------- */

#define FAKE_READ 0u
#define FAKE_WRITE 1u
#define FAKE_EXEC 2u

/**
 * Access of the running vCPU as the processor makes it in ring 3.  0, or -1
 * with the page fault's error code and address.
 */
int fake_guest_access(uint64_t va, void *buf, size_t n, unsigned int how, uint32_t *error,
		      uint64_t *cr2);
/** The same, true if it went through. */
bool fake_guest_read(uint64_t va, void *buf, size_t n);
bool fake_guest_write(uint64_t va, const void *buf, size_t n);
void fake_tlb_flush(unsigned int cpu);
void fake_tlb_flush_page(unsigned int cpu, uint64_t va);
/**
 * Dies if a CPU that runs a guest could use an unsafe translation; with threads
 * only this CPU is looked at.
 */
void fake_tlb_check(void);
/** Dies if the tables that a CPU has loaded are not what they must be. */
void fake_check_cr3(uint64_t cr3);

/* ---- run.c: entries and exits ---------------------------------------------- */

/** The vCPU that runs on the current CPU; NULL: the CPU is idle. */
struct vcpu *fake_running(void);
/**
 * A hypercall of the running vCPU up to its result, continuations included.
 * Arguments as in rdi, rsi, rdx, r10, r8.  FAKE_LOST: the vCPU stopped, or was
 * diverted by an upcall, before the call was complete.
 */
#define FAKE_LOST (-1000000l)
long fake_hypercall(unsigned long nr, const uint64_t args[5]);
#define fake_call(nr, ...) fake_hypercall((nr), (const uint64_t[5]){ __VA_ARGS__ })
/** One entry with whatever its registers say; exits are run. */
void fake_hypercall_once(void);
/** An exception of the running vCPU, as traps.c treats it. */
void fake_exception(unsigned int vector, uint32_t error, uint64_t cr2);
/**
 * The running guest kernel executes a store instruction: the MMU's answer, the
 * emulation, or a bounced fault.  True if memory was written in the end.
 */
bool fake_guest_store(uint64_t va, uint64_t value, unsigned int bytes);
/** The exit path of the current CPU, until it runs a guest or is idle. */
void fake_exit(void);
/** Dies if the guest's registers are none that the processor would take. */
void fake_check_regs(const struct vcpu *v);
void fake_no_lock_held(const char *where);
/** Exit paths of all CPUs until none has anything to do. */
void fake_settle(void);
/** Makes `v` the running vCPU of its CPU and that CPU the current one. */
bool fake_run(struct vcpu *v);

/* ---- guest.c: domains to play with ------------------------------------------ */

#define FAKE_GUEST_BASE 0x0000008000000000ull /* where its memory is mapped */
#define FAKE_GUEST_PAGES 512		      /* at most, one L1 table */
#define FAKE_PFN_L4 0u
#define FAKE_PFN_L3 1u
#define FAKE_PFN_L2 2u
#define FAKE_PFN_L1 3u
#define FAKE_PFN_USER_L4 4u
#define FAKE_PFN_CODE 5u /* rip points here */
#define FAKE_PFN_STACK 6u
#define FAKE_PFN_ARGS 7u    /* arguments of hypercalls */
#define FAKE_PFN_SCRATCH 8u /* and all that follow */

struct fake_guest {
	struct domain *d;
	unsigned int pages;
	unsigned long mfn[FAKE_GUEST_PAGES]; /* by pfn, as they were built */
};

static inline uint64_t fake_va(unsigned int pfn, unsigned int offset)
{
	return FAKE_GUEST_BASE + (uint64_t)pfn * PAGE_SIZE + offset;
}

#define FAKE_ARGS fake_va(FAKE_PFN_ARGS, 0)

/**
 * Creates domain `id` with that many mapped pages and vCPUs, all of them up.
 * Domain 0 becomes the control domain.  False if the core refused.
 */
bool fake_guest_create(struct fake_guest *g, uint16_t id, unsigned int pages, unsigned int vcpus,
		       bool may_io);
/**
 * Destroys d from the control domain's first vCPU, if there is one; what domain_destroy() says when it is no more -XEN_ERESTART.
 */
int fake_destroy(struct domain *d);
/** The same where it must succeed. */
void fake_guest_destroy(struct fake_guest *g);
/** The entry of the guest's L1 table that maps pfn, as it stands. */
uint64_t *fake_guest_l1e(struct fake_guest *g, unsigned int pfn);
/** Machine address of that entry. */
uint64_t fake_guest_l1e_maddr(struct fake_guest *g, unsigned int pfn);
/** Copies an argument into the running guest at `va`; dies if not mapped. */
void fake_put(uint64_t va, const void *data, size_t n);
void fake_get(uint64_t va, void *data, size_t n);

#endif
