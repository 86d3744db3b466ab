/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls with arguments drawn at random from values that mean something:
 * pages, tables, their frames, structures with such values in them. Nothing is
 * expected but that the core is there afterwards and the guest's tables are
 * not writable.
 */
#include <test.h>

#define PAGES 16u
#define BASE 0x0000100000000000ul

extern const char shim_image_start[], shim_text_end[];

static uint64_t seed = 0x9e3779b97f4a7c15ul;
static void *pages[PAGES]; /* played with; mapped at BASE as well */
static unsigned long max_mfn;
/* Structures of random values; lists of them are longer than what is filled in,
 * and calls write their results there. */
static uint64_t args[1024];
#define ARGS 64u

/* An NMI that we sent ourselves; a breakpoint that we set. */
static bool on_nmi(struct trap_regs *regs)
{
	(void)regs;
	return true;
}

static bool on_debug(struct trap_regs *regs)
{
	(void)regs;
	(void)hyp_set_debugreg(7, 0);
	return true;
}

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)(next() % n);
}

/* A frame of this guest's that is not there to be played with. */
static bool needed(unsigned long mfn)
{
	unsigned long pfn;
	unsigned int i;

	if (mfn > max_mfn) {
		return false;
	}
	for (i = 0; i < PAGES; i++) {
		if (virt_to_mfn(pages[i]) == mfn) {
			return false;
		}
	}
	pfn = mfn_to_pfn(mfn);
	return pfn < shim_start_info->nr_pages && pfn_to_mfn(pfn) == mfn;
}

static uint64_t any_value(void)
{
	static const uint64_t numbers[] = {
		0,	    1,		 2,	     3,
		7,	    8,		 15,	     16,
		31,	    64,		 512,	     4096,
		8191,	    8192,	 0x7ff0,     0x7ff1,
		0x7ff2,	    0x7fff,	 0x7fffffff, 0x80000000,
		0xffffffff, 1ul << 32,	 1ul << 47,  1ul << 63,
		~0ul,	    0xfee00,	 0xfec00,    0xb8,
		CORE_START, CORE_MIDDLE, UNMAPPED,   NONCANONICAL,
	};
	unsigned long mfn = virt_to_mfn(pages[below(PAGES)]);

	switch (below(10)) {
	case 0:
		return mfn;
	case 1:
		return mfn << PAGE_SHIFT | (next() & 0xff8);
	case 2:
		return mfn_pte(mfn, PTE_RW);
	case 3:
		return mfn_pte(mfn, PTE_RO);
	case 4:
		return BASE + below(PAGES) * PAGE_SIZE + (next() & 0xff8);
	case 5:
	case 6:
		return (uint64_t)args;
	case 7:
		return next() >> below(64);
	default:
		return numbers[below(ARRAY_SIZE(numbers))];
	}
}

static uint64_t value(void)
{
	uint64_t v = any_value();

	/* The guest may destroy itself at will: nothing is learned by that. */
	return needed(v) || needed(pte_mfn(v)) ? CORE_MIDDLE : v;
}

/* What would end the guest, and rightly so. */
static bool suicide(unsigned int nr, const uint64_t *a)
{
	switch (nr) {
	case __HYPERVISOR_iret:
	case __HYPERVISOR_set_callbacks:
	case __HYPERVISOR_callback_op:
	case __HYPERVISOR_set_trap_table:
	case __HYPERVISOR_nmi_op:
	case __HYPERVISOR_multicall: /* would contain the others */
	case __HYPERVISOR_console_io:
	case __HYPERVISOR_platform_op: /* power off */
		return true;
	case __HYPERVISOR_sched_op:
		return a[0] != SCHEDOP_yield && a[0] <= SCHEDOP_shutdown_code;
	case __HYPERVISOR_vcpu_op:
		return a[0] == VCPUOP_down || a[0] == VCPUOP_register_vcpu_info;
	case __HYPERVISOR_grant_table_op:
		/* The status of each goes into the list. */
		return a[2] > sizeof(args) / 64;
	case __HYPERVISOR_event_channel_op:
		return a[0] == EVTCHNOP_init_control;
	case __HYPERVISOR_memory_op:
		/* Gives away what we stand on. */
		return (a[0] & 63) == XENMEM_decrease_reservation || (a[0] & 63) == XENMEM_exchange;
	default:
		return false;
	}
}

static void one(void)
{
	/* The calls about memory more often than the others. */
	static const uint8_t favourites[] = {
		__HYPERVISOR_mmu_update,
		__HYPERVISOR_mmuext_op,
		__HYPERVISOR_update_va_mapping,
		__HYPERVISOR_memory_op,
		__HYPERVISOR_update_descriptor,
		__HYPERVISOR_set_gdt,
		__HYPERVISOR_event_channel_op,
		__HYPERVISOR_vcpu_op,
		__HYPERVISOR_update_va_mapping_otherdomain,
	};
	unsigned int nr = below(3) ? favourites[below(ARRAY_SIZE(favourites))] : below(64);
	uint64_t a[5];
	unsigned int i;

	for (i = 0; i < ARGS; i++) {
		args[i] = value();
	}
	for (i = 0; i < ARRAY_SIZE(a); i++) {
		a[i] = below(2) ? below(32) : value();
	}
	switch (nr) {
	case __HYPERVISOR_mmu_update:
	case __HYPERVISOR_mmuext_op:
		/* Requests about our pages only, a few at a time. */
		a[0] = (uint64_t)args;
		a[1] = below(8);
		a[3] = below(8) ? DOMID_SELF : a[3];
		for (i = 0; i < 24; i++) {
			if (nr == __HYPERVISOR_mmu_update) {
				args[i] = i % 2 ? value() : value() & ~4ul;
			} else if (i % 3 == 0) {
				args[i] = below(21);
			}
		}
		break;
	case __HYPERVISOR_update_va_mapping:
	case __HYPERVISOR_update_va_mapping_otherdomain:
		a[0] = BASE + below(PAGES) * PAGE_SIZE;
		a[1] = value();
		a[2] = below(8);
		break;
	default:
		break;
	}
	if (nr == __HYPERVISOR_mmuext_op) {
		/* Our base pointer stays. */
		for (i = 0; i < 24; i += 3) {
			if (args[i] == MMUEXT_NEW_BASEPTR) {
				args[i] = MMUEXT_NEW_USER_BASEPTR;
			}
		}
	}
	if (!suicide(nr, a)) {
		(void)hypercall5(nr, a[0], a[1], a[2], a[3], a[4]);
	}
}

void test(void)
{
	uint64_t end;
	const char *code;
	unsigned int i;
	unsigned long done = 0;

	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	/* Results of calls go to wherever an argument points; not over our code. */
	for (code = shim_image_start; code < shim_text_end; code += PAGE_SIZE) {
		page_protect(code, false);
	}
	for (i = 0; i < PAGES; i++) {
		pages[i] = page_alloc();
		page_protect(pages[i], i % 2);
		NEED(map_frame(BASE + i * PAGE_SIZE, virt_to_mfn(pages[i]), PTE_RO) == 0);
	}
	if (test_arg("seed")) {
		seed = rdtsc() | 1;
	}
	max_mfn = (unsigned long)hyp_memory_op(XENMEM_maximum_ram_page, NULL);
	trap_set_hook(2, on_nmi);
	trap_set_hook(TRAP_DB, on_debug);
	print("seed %lx\n", seed);
	events_off();
	for (end = time_ns() + 1500000000; time_ns() < end; done++) {
		one();
		if (done % 64 == 0) {
			traps_init();
		}
	}
	traps_init();
	print("%lu calls\n", done);
	EXPECT(done > 1000);
	EXPECT_RC(hyp_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
	EXPECT_FAIL(map_frame(BASE, virt_to_mfn(mm_l4()), PTE_RW));
	EXPECT_TRAP(poke((unsigned long)mm_l4(), 0), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_TRAP(poke(CORE_START, 0), TRAP_PF);
}
