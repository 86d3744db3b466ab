/* SPDX-License-Identifier: MIT */
/*
 * Does the shim itself work here: start of day, frames, tables, exceptions,
 * events, guest user mode, time? Every other guest builds on this.
 */
#include <test.h>

static volatile unsigned int events;

static void on_event(unsigned int port)
{
	events += port != 0;
}

static uint64_t add_one(uint64_t arg)
{
	return arg + 1;
}

static uint64_t call_kernel(uint64_t arg)
{
	return user_syscall(5, arg);
}

static uint64_t on_syscall(struct trap_regs *regs)
{
	return regs->rax * 1000 + regs->rdi;
}

static uint64_t read_at(uint64_t arg)
{
	return peek(arg);
}

static void start_of_day(void)
{
	const struct start_info *si = shim_start_info;

	EXPECT(memcmp(si->magic, "xen-", 4) == 0);
	EXPECT((si->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN)) ==
	       (SIF_PRIVILEGED | SIF_INITDOMAIN));
	EXPECT(si->store_evtchn == 0);
	EXPECT(si->nr_pages > 1024);
	EXPECT((si->shared_info & (PAGE_SIZE - 1)) == 0);
}

static void frames(void)
{
	const struct start_info *si = shim_start_info;
	unsigned long pfn, wrong = 0;
	uint64_t *page = page_alloc();

	for (pfn = 0; pfn < si->nr_pages; pfn++) {
		wrong += mfn_to_pfn(pfn_to_mfn(pfn)) != pfn;
	}
	EXPECT_RC(wrong, 0);
	EXPECT(*mm_slot(mm_l4(), (unsigned long)page, 1) & PTE_W);
	page_protect(page, false);
	EXPECT_TRAP(poke((unsigned long)page, 1), TRAP_PF, PFEC_P | PFEC_W);
	page_protect(page, true);
	EXPECT_NO_TRAP(poke((unsigned long)page, 1));
	EXPECT(page[0] == 1);
	EXPECT_RC(map_frame(0x100000000000ul, virt_to_mfn(page), PTE_RW), 0);
	EXPECT(peek(0x100000000000ul) == 1);
	EXPECT_TRAP(peek(0), TRAP_PF, 0);
}

static void trap_twice(void)
{
	struct trap t;

	TRAP_TRY(&t, __asm__ __volatile__("ud2"));
	(void)peek(UNMAPPED);
}

static void exceptions(void)
{
	struct trap t;

	TRAP_TRY(&t, __asm__ __volatile__("ud2"));
	EXPECT(t.hit && t.vector == TRAP_UD);
	EXPECT((t.cs & 3) == 0);
	EXPECT(t.rflags & 0x200);
	TRAP_TRY(&t, peek(UNMAPPED + 0x123));
	EXPECT(t.hit && t.vector == TRAP_PF && t.cr2 == UNMAPPED + 0x123);
	EXPECT_TRAP(__asm__ __volatile__("int3"), TRAP_BP);
	EXPECT_TRAP(peek(NONCANONICAL), TRAP_GP, 0);
	EXPECT_TRAP(trap_twice(), TRAP_PF, 0);
	EXPECT_NO_TRAP(barrier());
}

static void event_round_trip(void)
{
	long port = evtchn_bind_ipi(0);

	NEED(port > 0);
	evtchn_set_handler((unsigned int)port, on_event);
	EXPECT_RC(evtchn_send((unsigned int)port), 0);
	EXPECT(events == 0);
	EXPECT_RC(evtchn_unmask((unsigned int)port), 0);
	EXPECT(events == 1);
	events_off();
	EXPECT_RC(evtchn_send((unsigned int)port), 0);
	EXPECT(events == 1);
	events_on();
	EXPECT(events == 2);
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
}

static void user_mode(void)
{
	struct trap t;
	volatile uint64_t got = 0;

	EXPECT_RC(user_run(add_one, 41), 42);
	user_set_syscall(on_syscall);
	EXPECT_RC(user_run(call_kernel, 7), 5007);
	TRAP_TRY(&t, got = user_run(read_at, UNMAPPED));
	EXPECT(t.hit && t.vector == TRAP_PF && t.error == PFEC_U);
	EXPECT((t.cs & 3) == 3);
	EXPECT(got == 0);
	EXPECT_RC(user_run(add_one, 1), 2);
}

static void time_goes_on(void)
{
	uint64_t before = time_ns(), now;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		now = time_ns();
		if (now < before) {
			break;
		}
		before = now;
	}
	EXPECT_RC(i, 1000);
	spin_ns(1000000);
	EXPECT(time_ns() - before >= 1000000);
}

void test(void)
{
	start_of_day();
	frames();
	exceptions();
	event_round_trip();
	user_mode();
	time_goes_on();
}
