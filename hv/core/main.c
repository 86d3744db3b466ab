/* SPDX-License-Identifier: MIT */
/*
 * Start-up order of the core, nothing else.  hv/x86 calls core_main() on the
 * boot CPU once the machine is set up (console, options, memory, interrupts,
 * clock, other CPUs) and core_secondary() on each other CPU.  Both end in the
 * scheduler and are no start-up code themselves, since they free it.
 */
#include <hv/boot.h>

#include <hv/entry.h>
#include <hv/guests.h>
#include <hv/heap.h>
#include <hv/memory.h>
#include <hv/page.h>
#include <hv/pci.h>
#include <hv/sched.h>
#include <hv/vtime.h>

#include <generated/version.h>

static bool ready; /* atomic: other CPUs may enter the scheduler */

/* What the modules brought and nobody took over. */
static INIT_TEXT void free_modules(void)
{
	for (unsigned int i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.module[i];
		unsigned long mfn = (m->start + PAGE_SIZE - 1) >> PAGE_SHIFT;

		for (; mfn < m->end >> PAGE_SHIFT; mfn++) {
			struct page *pg = mfn_to_page(mfn);

			/* Modules may share a frame. */
			if (mfn_valid(mfn) && pg->owner == OWNER_CORE && pg->count == 0) {
				heap_free(pg, 0);
			}
		}
	}
}

static INIT_TEXT void start_up(void)
{
	pr_info("Vellum " VELLUM_VERSION " (" VELLUM_CHANGESET ")");
	pr_info("%u CPUs, %lu MiB of memory free", cpu_count(),
		heap_free_frames() >> (20 - PAGE_SHIFT));
	for (unsigned int i = 0; i < cpu_count(); i++) {
		sched_init_cpu(percpu_of(i));
	}
	memory_map_init();
	pci_init();
	vtime_set_wallclock(arch_clock.wallclock, 0, time_now());
	boot_guests_build();
	dom0_build();
	free_modules();
}

/* Both are called from INIT_TEXT, and are still running when that is gone. */
__attribute__((noinline)) void core_main(void)
{
	start_up();
	arch_free_init();
	pr_info("start-up done after %llu ms, %lu KiB of memory free",
		(unsigned long long)(time_now() / 1000000),
		heap_free_frames() << (PAGE_SHIFT - 10));
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
	arch_enter_guest_loop();
}

__attribute__((noinline)) void core_secondary(void)
{
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
		arch_cpu_relax();
	}
	arch_enter_guest_loop();
}
