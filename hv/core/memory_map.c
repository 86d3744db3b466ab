/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory map as the control domain sees it: the firmware's, with
 * the frames of local APIC and IO-APICs, which nobody may map, as reserved.
 * Memory of the core and of modules stays RAM: the domain's own frames need
 * the room in it.
 *
 * Built once at start-up, read-only afterwards.
 */
#include <hv/domain.h>
#include <hv/memory.h>

#include <xen/memory.h>

#include <arch/irq.h>

#include <hv/boot.h>

#define MAP_EXTRA 16
/* Interrupt controllers lie in the last 512 MiB below 4 GiB. */
#define DEVICES_START 0xe0000ul
#define DEVICES_END 0x100000ul

static struct boot_memory map[BOOT_MEMMAP_MAX + MAP_EXTRA];
static unsigned int map_count;

/* Keeps the map in order of addresses. */
static INIT_TEXT void insert(struct boot_memory entry)
{
	unsigned int i = map_count;

	if (map_count == ARRAY_SIZE(map)) {
		pr_warn("memory map: too many entries, one left out");
		return;
	}
	for (; i > 0 && map[i - 1].start > entry.start; i--) {
		map[i] = map[i - 1];
	}
	map[i] = entry;
	map_count++;
}

INIT_TEXT void memory_map_init(void)
{
	for (unsigned int i = 0; i < boot_info.memory_count; i++) {
		insert(boot_info.memory[i]);
	}
	/* These may repeat what the firmware says; its own entries may overlap
	 * as well, and "reserved" is what counts then. */
	for (uint64_t mfn = DEVICES_START; mfn < DEVICES_END; mfn++) {
		uint64_t start = mfn;

		while (mfn < DEVICES_END && arch_iomem_denied(mfn)) {
			mfn++;
		}
		if (mfn != start) {
			insert((struct boot_memory){ start << PAGE_SHIFT,
						     (mfn - start) << PAGE_SHIFT,
						     BOOT_MEMORY_RESERVED });
		}
	}
}

long memory_map_machine(uint64_t arg)
{
	struct xen_memory_map m;

	if (copy_from_guest(&m, guest_ptr(arg), sizeof(m)) != 0) {
		return -XEN_EFAULT;
	}
	m.nr_entries = MIN(m.nr_entries, map_count);
	if (copy_to_guest(GUEST_HANDLE_PTR(m.buffer), map, m.nr_entries * sizeof(map[0])) != 0) {
		return -XEN_EFAULT;
	}
	return copy_to_guest(guest_ptr(arg), &m, sizeof(m));
}
