/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: contexts that a guest may not load, areas it may not register, and
 * timers out of range. Needs two vCPUs.
 */
#include <test.h>

static struct vcpu_guest_context context;
static volatile unsigned int ran, ticks;
static struct vcpu_runstate_info runstate __attribute__((aligned(64)));
static struct vcpu_time_info vtime __attribute__((aligned(64)));

static void job(unsigned long arg)
{
	ran += (unsigned int)arg;
}

static void on_timer(unsigned int port)
{
	(void)port;
	ticks++;
}

static void numbers(void)
{
	static const unsigned long bad[] = { 2, 31, 32, 63, 64, 4096, 0x7fffffff, 0x80000000, ~0u };
	unsigned int i;

	EXPECT_RC(hyp_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_RC(hyp_vcpu_op(VCPUOP_is_up, bad[i], NULL), -XEN_ENOENT);
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_up, bad[i], NULL));
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_down, bad[i], NULL));
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_initialise, bad[i], &context));
	}
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_up, 1, NULL));
	EXPECT_RC(hyp_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
	EXPECT_RC(hyp_vcpu_op(0x7fffffff, 0, NULL), -XEN_ENOSYS);
}

static void try_context(void)
{
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_initialise, 1, &context));
	EXPECT_RC(hyp_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	smp_context(&context, 1);
}

/* Every part that the core checks, wrong by itself. */
static void contexts(void)
{
	EXPECT_EFAULT(p, hyp_vcpu_op(VCPUOP_initialise, 1, p));
	smp_context(&context, 1);
	context.ctrlreg[3] = 0xfee00000;
	try_context();
	context.ctrlreg[3] = ~0ul;
	try_context();
	context.ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(page_alloc()));
	context.gdt_ents = 512;
	context.gdt_frames[0] = ~0ul;
	try_context();
	context.gdt_ents = 512;
	context.gdt_frames[0] = virt_to_mfn(mm_l4());
	try_context();
	context.gdt_ents = 0x80000000;
	try_context();
	context.ldt_ents = 9000;
	context.ldt_base = 0x400000;
	try_context();
	/* A kernel table that is one, and a user table that is none. */
	context.ctrlreg[1] = xen_pfn_to_cr3(0xfee00);
	try_context();
	/* A refused one took nothing with it: the page is still free. */
	EXPECT_RC(try_page_protect(&runstate, true), 0);
}

static void second_vcpu(void)
{
	EXPECT_RC(smp_start(1, job, 1), 0);
	smp_wait(1);
	EXPECT_RC(ran, 1);
	smp_context(&context, 1);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_initialise, 1, &context), -XEN_EEXIST);
	EXPECT_RC(smp_start(1, job, 4), 0);
	smp_wait(1);
	EXPECT_RC(ran, 5);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_down, 1, NULL), 0);
}

static void areas(void)
{
	struct vcpu_register_runstate_memory_area area = { .addr.v = &runstate };
	struct vcpu_register_time_memory_area tarea = { .addr.v = &vtime };
	struct vcpu_runstate_info now;
	unsigned int i;
	char *page = page_alloc();
	long rc;

	EXPECT_RC(hyp_vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
	EXPECT(now.state == RUNSTATE_running);
	EXPECT_EFAULT(p, hyp_vcpu_op(VCPUOP_get_runstate_info, 0, p));
	EXPECT_RC(hyp_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
	EXPECT(runstate.state == RUNSTATE_running);
	rc = hyp_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &tarea);
	EXPECT(rc == 0 || rc == -XEN_ENOSYS);

	/* Wherever an area is put, what the core writes does not land in its
	 * own memory or a read-only page; the answer is open. */
	page_protect(page, false);
	for (i = 0; i < ARRAY_SIZE(bad_pointers) + 2; i++) {
		area.addr.p = i == 0 ? (unsigned long)page :
			      i == 1 ? M2P_POINTER :
				       bad_pointers[i - 2];
		(void)hyp_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
		tarea.addr.p = area.addr.p;
		(void)hyp_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &tarea);
		(void)hyp_sched_op(SCHEDOP_yield, NULL);
	}
	for (i = 0; i < PAGE_SIZE; i++) {
		if (page[i] != 0) {
			break;
		}
	}
	EXPECT_RC(i, PAGE_SIZE);
	/* Across two pages, whose second is not there. */
	area.addr.p = UNMAPPED - 8;
	(void)hyp_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
	area.addr.p = 0;
	EXPECT_RC(hyp_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
	EXPECT_EFAULT(p, hyp_vcpu_op(VCPUOP_register_runstate_memory_area, 0, p));
}

static void timers(void)
{
	struct vcpu_set_periodic_timer periodic = { .period_ns = 5000000 };
	struct vcpu_set_singleshot_timer once = { 0 };
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	evtchn_set_handler((unsigned int)port, on_timer);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -XEN_ENOSYS);
	ticks = 0;
	once.timeout_abs_ns = 1;
	once.flags = VCPU_SSHOTTMR_future;
	/* Refused, or as if the flag were not there. */
	EXPECT_ERR(hyp_vcpu_op(VCPUOP_set_singleshot_timer, 0, &once), XEN_ETIME, 0);
	spin_ns(1000000);
	ticks = 0;
	once.timeout_abs_ns = time_ns() + 5000000;
	once.flags = 0;
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_set_singleshot_timer, 1, &once));
	EXPECT_RC(hyp_vcpu_op(VCPUOP_set_singleshot_timer, 0, &once), 0);
	spin_ns(60000000);
	EXPECT_RC(ticks, 1);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
}

static void info_page(void)
{
	static const struct vcpu_register_vcpu_info bad[] = {
		{ .mfn = ~0ul },
		{ .mfn = 0xfee00 },
		{ .mfn = 1ul << 40 },
	};
	struct vcpu_register_vcpu_info op;
	void *page = page_alloc();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		op = bad[i];
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_register_vcpu_info, 1, &op));
	}
	op = (struct vcpu_register_vcpu_info){ .mfn = virt_to_mfn(mm_l4()) };
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_register_vcpu_info, 1, &op));
	op.mfn = virt_to_mfn(page);
	op.offset = PAGE_SIZE - 8;
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_register_vcpu_info, 1, &op));
	op.offset = ~0u;
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_register_vcpu_info, 1, &op));
	op.offset = 64;
	EXPECT_RC(hyp_vcpu_op(VCPUOP_register_vcpu_info, 1, &op), 0);
	EXPECT_RC(((struct vcpu_info *)((char *)page + 64))->evtchn_upcall_pending, 1);
	/* Once. */
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_register_vcpu_info, 1, &op));
	/* The core writes there: it cannot become a table now. */
	EXPECT_RC(va_set((unsigned long)page, 0), 0);
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)));
}

void test(void)
{
	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	numbers();
	contexts();
	second_vcpu();
	areas();
	timers();
	info_page();
}
