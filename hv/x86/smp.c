/* SPDX-License-Identifier: MIT */
/*
 * Bringing up the other CPUs, one after the other, and who is up.  A CPU's
 * block and tables are prepared by the boot CPU; the new CPU starts in the
 * trampoline of boot.S and shows whether its time-stamp counter is in step; then it is
 * core_secondary()'s.  After start-up nothing here changes.
 */
#include <x86.h>

#include <hv/boot.h>
#include <hv/cmdline.h>
#include <hv/heap.h>

_Static_assert(CONFIG_NR_CPUS <= 64, "cpumask_t has a bit per CPU");
_Static_assert(sizeof(struct percpu) <= IST_TOP(0),
	       "struct percpu lies below the exception stacks");

struct percpu *percpu_table[CONFIG_NR_CPUS] = { (struct percpu *)boot_cpu_block };
static unsigned int count = 1; /* written by the boot CPU */
static cpumask_t online = 1;   /* atomic */

/* Where two CPUs compare their counters. */
static struct {
	spinlock_t lock;
	uint32_t run;	/* atomic: 1: new one, 2: both there, 3: new one is up */
	uint64_t last;	/* lock */
	uint64_t worst; /* lock: largest step back */
} step = { .lock = SPINLOCK_INIT(RANK_CONSOLE) };

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

/* Takes turns reading the counter; each must be at or after the last. */
static INIT_TEXT void compare_counters(void)
{
	__atomic_fetch_add(&step.run, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&step.run, __ATOMIC_ACQUIRE) < 2) {
		__builtin_ia32_pause();
	}
	for (unsigned int i = 0; i < 300; i++) {
		uint64_t now;

		spin_lock(&step.lock);
		now = arch_ticks();
		if (now < step.last) {
			step.worst = MAX(step.worst, step.last - now);
		}
		step.last = now;
		spin_unlock(&step.lock);
	}
}

/* A new CPU, on its own stack and still on the start tables. */
static void start_secondary(void)
{
	load_cr3(core_cr3);
	cpu_init();
	desc_load();
	apic_init();
	compare_counters();
	__atomic_store_n(&step.run, 3, __ATOMIC_RELEASE);
	core_secondary();
}

static INIT_TEXT bool wait_for(uint32_t run, unsigned int ms)
{
	uint64_t deadline = arch_now() + ms * 1000000ull;

	while (__atomic_load_n(&step.run, __ATOMIC_ACQUIRE) < run) {
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

	start_stack = (uint64_t)p + CPU_STACK_TOP;
	start_entry = start_secondary;
	step.run = 0;
	step.last = 0;
	apic_send(p->apic_id, APIC_INIT);
	clock_delay_us(200);
	apic_send(p->apic_id, startup);
	if (!wait_for(1, 10)) {
		apic_send(p->apic_id, startup);
		if (!wait_for(1, 2000)) {
			return false;
		}
	}
	compare_counters();
	return wait_for(3, 2000);
}

/* NULL, or why there is no such CPU. */
static INIT_TEXT const char *start_one(const struct acpi_cpu *info, uint64_t page)
{
	uint64_t va = BLOCK_VIRT + (info - acpi_info.cpu) * CPU_BLOCK_SIZE;
	struct percpu *p = (struct percpu *)va;
	uint8_t *block;

	if (!apic_can_reach(info->apic_id)) {
		return "needs x2APIC mode";
	}
	block = heap_alloc_bytes(CPU_BLOCK_SIZE);
	if (block == NULL) {
		return "no memory";
	}
	paging_map_block(va, block);
	p->id = count;
	p->apic_id = info->apic_id;
	p->acpi_id = info->acpi_id;
	desc_prepare(p, (uint64_t *)(block + CPU_GUARD));
	percpu_table[count] = p;
	if (!start_cpu(p, page)) {
		/* So that it does not wake up late, on this id. */
		apic_send(info->apic_id, APIC_INIT);
		percpu_table[count] = NULL;
		return "does not start";
	}
	__atomic_fetch_or(&online, 1ull << count++, __ATOMIC_SEQ_CST);
	return NULL;
}

INIT_TEXT void smp_start_others(void)
{
	struct percpu *boot = this_cpu();
	unsigned int known = MIN(acpi_info.cpu_count, CONFIG_NR_CPUS);
	unsigned int limit = options.maxcpus != 0 ? options.maxcpus : ~0u;
	uint64_t page = boot_low_page;

	if (page != 0) {
		memcpy(frame_ptr(page >> PAGE_SHIFT), trampoline, trampoline_end - trampoline);
	} else if (known > 1) {
		pr_warn("no low page to start other CPUs in");
		limit = 1;
	}
	for (unsigned int i = 0; i < known && count < limit; i++) {
		const struct acpi_cpu *info = &acpi_info.cpu[i];
		const char *error = NULL;

		if (info->apic_id != boot->apic_id) {
			error = start_one(info, page);
		} else {
			boot->acpi_id = info->acpi_id;
		}
		if (error != NULL) {
			pr_err("CPU with APIC id %u: %s", info->apic_id, error);
		}
	}
	if (step.worst != 0) {
		pr_warn("clock: counters of the CPUs differ by up to %lu", step.worst);
		arch_clock.stable = false;
	}
	pr_info("%u of %u CPUs up, built for %u", count, MAX(acpi_info.cpu_count, 1u),
		CONFIG_NR_CPUS);
}
