/* SPDX-License-Identifier: MIT */
/*
 * Bringing up the other CPUs, one after the other, and who is up.  A CPU's
 * block and tables are prepared by the boot CPU; the new CPU starts in the
 * trampoline and shows whether its time-stamp counter is in step; then it is
 * core_secondary()'s.  After start-up nothing here changes.
 */
#include <x86.h>

#include <hv/boot.h>
#include <hv/check.h>
#include <hv/cmdline.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/string.h>

_Static_assert(CONFIG_NR_CPUS <= 64, "cpumask_t has a bit per CPU");
_Static_assert(sizeof(struct percpu) <= IST_TOP(0),
	       "struct percpu lies below the exception stacks");

extern char trampoline_start[], trampoline_end[], trampoline_long[];
extern char trampoline_gdt[], trampoline_gdtr[], trampoline_far[];
extern char trampoline_cr3[], trampoline_stack[], trampoline_entry[];

struct percpu *percpu_table[CONFIG_NR_CPUS];
static unsigned int count = 1; /* written by the boot CPU */
static cpumask_t online = 1;   /* atomic */

/* Where two CPUs compare their counters. */
static struct {
	uint32_t lock;	/* atomic */
	uint32_t run;	/* atomic: both are there */
	uint64_t last;	/* lock */
	uint64_t worst; /* lock: largest step back */
} step;

unsigned int cpu_count(void)
{
	return count;
}

cpumask_t cpu_online_mask(void)
{
	return __atomic_load_n(&online, __ATOMIC_ACQUIRE);
}

struct percpu *percpu_of(unsigned int id)
{
	ASSERT(id < CONFIG_NR_CPUS && percpu_table[id] != NULL);
	return percpu_table[id];
}

unsigned int arch_cpu_apic_id(unsigned int cpu)
{
	return percpu_of(cpu)->arch.apic_id;
}

unsigned int arch_cpu_acpi_id(unsigned int cpu)
{
	return percpu_of(cpu)->arch.acpi_id;
}

INIT_TEXT void smp_init_boot(void)
{
	percpu_table[0] = this_cpu(); /* zeroed: its id is 0 */
	this_cpu()->arch.cr3_loaded = read_cr3();
}

/* Takes turns reading the counter; each must be at or after the last. */
static INIT_TEXT void compare_counters(void)
{
	unsigned int i;

	__atomic_fetch_add(&step.run, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&step.run, __ATOMIC_ACQUIRE) < 2) {
		cpu_pause();
	}
	for (i = 0; i < 300; i++) {
		uint64_t now;

		while (__atomic_exchange_n(&step.lock, 1, __ATOMIC_ACQUIRE)) {
			cpu_pause();
		}
		now = rdtsc_ordered();
		if (now < step.last) {
			step.worst = MAX(step.worst, step.last - now);
		}
		step.last = now;
		__atomic_store_n(&step.lock, 0, __ATOMIC_RELEASE);
	}
}

/* A new CPU, on its own stack and still on the start tables. */
static void start_secondary(void)
{
	struct percpu *p = this_cpu();

	p->arch.cr3_loaded = read_cr3();
	load_cr3(core_cr3);
	cpu_init();
	desc_load();
	apic_init();
	apic_timer_init();
	compare_counters();
	__atomic_store_n(&p->arch.online, 1, __ATOMIC_RELEASE);
	core_secondary();
}

/* Sets a variable of the trampoline's copy. */
static INIT_TEXT void set_word(uint64_t page, const char *symbol,
			       uint64_t value, size_t bytes)
{
	char *copy = frame_ptr(page >> PAGE_SHIFT);

	memcpy(copy + (symbol - trampoline_start), &value, bytes);
}

static INIT_TEXT void fill_trampoline(uint64_t page)
{
	memcpy(frame_ptr(page >> PAGE_SHIFT), trampoline_start,
	       trampoline_end - trampoline_start);
	set_word(page, trampoline_gdtr + 2,
		 page + (trampoline_gdt - trampoline_start), 4);
	set_word(page, trampoline_far,
		 page + (trampoline_long - trampoline_start), 4);
	set_word(page, trampoline_cr3, paging_start_cr3(), 8);
	set_word(page, trampoline_entry, (uint64_t)start_secondary, 8);
}

/* Block, stacks and descriptor tables of a CPU to come. */
static INIT_TEXT struct percpu *prepare(unsigned int id,
					const struct acpi_cpu *info)
{
	uint64_t va = BLOCK_VIRT + (info - acpi_info.cpu) * CPU_BLOCK_SIZE;
	struct percpu *p = (struct percpu *)va;
	uint8_t *block = heap_alloc_bytes(CPU_BLOCK_SIZE);

	if (block == NULL || !paging_map_block(va, block)) {
		return NULL;
	}
	p->id = id;
	p->arch.apic_id = info->apic_id;
	p->arch.acpi_id = info->acpi_id;
	desc_prepare(p, (uint64_t *)(block + CPU_GUARD));
	percpu_table[id] = p;
	return p;
}

static INIT_TEXT bool wait_for(const uint32_t *word, uint32_t least,
			       unsigned int ms)
{
	uint64_t deadline = arch_now() + ms * 1000000ull;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < least) {
		if (arch_now() > deadline) {
			return false;
		}
		arch_cpu_relax();
	}
	return true;
}

static INIT_TEXT bool start_cpu(struct percpu *p, uint64_t page)
{
	const uint32_t startup = APIC_STARTUP | page >> PAGE_SHIFT;

	set_word(page, trampoline_stack, (uint64_t)p + CPU_STACK_TOP, 8);
	step.run = 0;
	step.last = 0;
	apic_send(p->arch.apic_id, APIC_INIT);
	clock_delay_us(200);
	apic_send(p->arch.apic_id, startup);
	if (!wait_for(&step.run, 1, 10)) {
		apic_send(p->arch.apic_id, startup);
		if (!wait_for(&step.run, 1, 2000)) {
			return false;
		}
	}
	compare_counters();
	return wait_for(&p->arch.online, 1, 2000);
}

static INIT_TEXT void start_one(const struct acpi_cpu *info, uint64_t page)
{
	const char *error = "needs x2APIC mode";

	if (apic_can_reach(info->apic_id)) {
		struct percpu *p = prepare(count, info);

		error = "no memory";
		if (p != NULL && start_cpu(p, page)) {
			__atomic_fetch_or(&online, 1ull << count++,
					  __ATOMIC_SEQ_CST);
			return;
		}
		if (p != NULL) {
			/* So that it does not wake up late, on this id. */
			apic_send(info->apic_id, APIC_INIT);
			error = "does not start";
		}
	}
	percpu_table[count] = NULL;
	pr_err("CPU with APIC id %u: %s", info->apic_id, error);
}

INIT_TEXT void smp_start_others(void)
{
	struct percpu *boot = this_cpu();
	unsigned int known = MIN(acpi_info.cpu_count, CONFIG_NR_CPUS);
	unsigned int limit = options.maxcpus != 0 ? options.maxcpus : ~0u;
	uint64_t page = boot_mem_low_page();
	unsigned int i;

	boot->arch.online = 1;
	if (page != 0) {
		fill_trampoline(page);
	} else if (known > 1) {
		pr_warn("no low page to start other CPUs in");
		limit = 1;
	}
	for (i = 0; i < known && count < limit; i++) {
		if (acpi_info.cpu[i].apic_id != boot->arch.apic_id) {
			start_one(&acpi_info.cpu[i], page);
		} else {
			boot->arch.acpi_id = acpi_info.cpu[i].acpi_id;
		}
	}
	if (step.worst != 0) {
		pr_warn("clock: counters of the CPUs differ by up to %lu",
			step.worst);
		clock_mark_unstable();
	}
	pr_info("%u of %u CPUs up, built for %u", count,
		MAX(acpi_info.cpu_count, 1u), CONFIG_NR_CPUS);
}
