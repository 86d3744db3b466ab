/* SPDX-License-Identifier: MIT */
/* Event channels: making, binding, sending, closing; both transports. */
#include "core_test.h"

#include <xen/event_channel.h>
#include <xen/sched.h>

#include <hv/evtchn.h>
#include <hv/heap.h>
#include <hv/mm.h>

static long op(unsigned int cmd, void *arg, size_t size)
{
	return call_struct(__HYPERVISOR_event_channel_op, cmd, arg, size);
}

#define OP(cmd, arg) op(EVTCHNOP_##cmd, &(arg), sizeof(arg))

static uint32_t alloc_unbound(domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = remote };

	OK(OP(alloc_unbound, a));
	return a.port;
}

static bool pending_2l(unsigned int id, uint32_t port)
{
	return guest[id].d->shared->evtchn_pending[port / 64] >> (port % 64) & 1;
}

static void test_interdomain(void)
{
	struct evtchn_bind_interdomain b = { 0 };
	struct evtchn_send s;
	struct evtchn_close c;
	struct evtchn_status st = { .dom = DOMID_SELF };

	world(3);
	run(1, 0);
	b.remote_port = alloc_unbound(DOMID_SELF, 2);
	EQ(b.remote_port, 1);
	/* to an unbound port: lost */
	s.port = b.remote_port;
	OK(OP(send, s));
	/* only the one it was made for */
	run(0, 0);
	b.remote_dom = 1;
	EQ(OP(bind_interdomain, b), -XEN_EINVAL);
	run(2, 0);
	b.remote_dom = 1;
	OK(OP(bind_interdomain, b));
	TRUE_(pending_2l(2, b.local_port));
	guest[2].d->shared->evtchn_pending[0] = 0;
	EQ(OP(bind_interdomain, b), -XEN_EINVAL);
	s.port = b.local_port;
	OK(OP(send, s));
	TRUE_(pending_2l(1, b.remote_port));
	st.port = b.local_port;
	OK(OP(status, st));
	EQ(st.status, EVTCHNSTAT_interdomain);
	EQ(st.u.interdomain.dom, 1);
	EQ(st.u.interdomain.port, b.remote_port);
	OK(audit_all());
	/* Closed here: the other end is unbound again, for us only. */
	c.port = b.local_port;
	OK(OP(close, c));
	EQ(OP(close, c), -XEN_EINVAL);
	EQ(OP(send, s), -XEN_EINVAL);
	OK(audit_all());
	b.remote_dom = 1;
	OK(OP(bind_interdomain, b));
	/* One of the two dies. */
	run(0, 0);
	fake_guest_destroy(&guest[1]);
	OK(audit_all());
	run(2, 0);
	s.port = b.local_port;
	OK(OP(send, s));
}

static void test_permissions(void)
{
	struct evtchn_alloc_unbound a = { .dom = 0, .remote_dom = 1 };
	struct evtchn_status st = { .dom = 0, .port = 1 };
	struct evtchn_reset r = { .dom = 0 };

	world(2);
	EQ(OP(alloc_unbound, a), -XEN_EPERM);
	EQ(OP(status, st), -XEN_EPERM);
	EQ(OP(reset, r), -XEN_EPERM);
	a.dom = 77;
	EQ(OP(alloc_unbound, a), -XEN_ESRCH);
	run(0, 0);
	EQ(alloc_unbound(1, 0), 1);
	r.dom = 1;
	OK(OP(reset, r));
	OK(guest[1].d->evtchn_count);
	EQ(op(99, &a, sizeof(a)), -XEN_ENOSYS);
}

static void test_bad_ports(void)
{
	static const uint32_t ports[] = { 0, 500, 4095, 4096, 131071, 131072, 0x7fffffff, ~0u };

	world(1);
	(void)alloc_unbound(DOMID_SELF, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		struct evtchn_close c = { .port = ports[i] };
		struct evtchn_send s = { .port = ports[i] };
		struct evtchn_unmask u = { .port = ports[i] };
		struct evtchn_bind_vcpu v = { .port = ports[i] };

		EQ(OP(close, c), -XEN_EINVAL);
		EQ(OP(send, s), -XEN_EINVAL);
		EQ(OP(unmask, u), -XEN_EINVAL);
		EQ(OP(bind_vcpu, v), -XEN_EINVAL);
	}
}

static void test_virq_ipi(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = 1 };
	struct evtchn_bind_ipi i = { .vcpu = 1 };
	struct evtchn_bind_vcpu b;
	struct evtchn_send s;

	world(2);
	OK(OP(bind_virq, v));
	v.vcpu = 1;
	EQ(OP(bind_virq, v), -XEN_EEXIST);
	v.virq = NR_VIRQS;
	EQ(OP(bind_virq, v), -XEN_EINVAL);
	v.virq = VIRQ_TIMER;
	v.vcpu = VCPUS;
	EQ(OP(bind_virq, v), -XEN_ENOENT);
	v.vcpu = ~0u;
	EQ(OP(bind_virq, v), -XEN_ENOENT);
	v.virq = VIRQ_CONSOLE;
	v.vcpu = 1;
	EQ(OP(bind_virq, v), -XEN_EINVAL);
	OK(OP(bind_ipi, i));
	s.port = i.port;
	guest[1].d->vcpu[1]->info->evtchn_upcall_pending = 0;
	OK(OP(send, s));
	TRUE_(guest[1].d->vcpu[1]->info->evtchn_upcall_pending);
	b.port = i.port;
	b.vcpu = 0;
	EQ(OP(bind_vcpu, b), -XEN_EINVAL);
	evtchn_send_virq(guest[1].d->vcpu[1], VIRQ_TIMER);
	TRUE_(pending_2l(1, 1));
	OK(audit_all());
}

/* As many as there can be; then the number of none can be told. */
static void test_limit(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF };
	struct evtchn_reset r = { .dom = DOMID_SELF };
	unsigned int n = 0;
	long rc;

	world(2);
	while ((rc = OP(alloc_unbound, a)) == 0) {
		n++;
		CU_ASSERT_FATAL(n < 5000);
	}
	EQ(rc, -XEN_ENOSPC);
	EQ(n, 1023);
	OK(audit_all());
	fake.preempt_chance = 2;
	OK(OP(reset, r));
	fake.preempt_chance = 0;
	OK(guest[1].d->evtchn_count);
	OK(OP(alloc_unbound, a));
}

/* A result that cannot be told undoes the call. */
static void test_untold(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF };

	world(1);
	fake_put(FAKE_ARGS, &a, sizeof(a));
	fake.copy_fail_countdown = 2;
	EQ(fake_call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, FAKE_ARGS),
	   -XEN_EFAULT);
	OK(guest[0].d->evtchn_count);
}

/* Opens n ports and closes them, in an order by `step`, which shares no divisor with n. */
static void open_and_close(uint32_t n, uint32_t step)
{
	uint32_t port[512];

	for (uint32_t i = 0; i < n; i++) {
		port[i] = alloc_unbound(DOMID_SELF, 0);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct evtchn_close c = { .port = port[i * step % n] };

		OK(OP(close, c));
	}
	OK(guest[1].d->evtchn_count);
}

/*
 * Once a control domain has served many guests there are fewer frames than before,
 * which looked like a leak: its table stays as large as the most ports at once needed.
 * tests/system/t-vl-many.py knows these sizes, and that as many again add nothing.
 */
static void test_table_stays(void)
{
	static const uint32_t most[] = { 1, 127, 128, 255, 256, 511, 512 };
	static const unsigned long frames[] = { 1, 1, 2, 2, 4, 4, 8 };
	unsigned long before;

	world(2);
	before = heap_free_frames();
	for (unsigned int i = 0; i < ARRAY_SIZE(most); i++) {
		open_and_close(most[i], 1);
		EQ(before - heap_free_frames(), frames[i]);
		for (unsigned int again = 0; again <= i; again++) {
			open_and_close(most[again], 509);
			EQ(before - heap_free_frames(), frames[i]);
		}
	}
	OK(audit_all());
}

/* ---- Two-level --------------------------------------------------------------- */

static void test_2l(void)
{
	struct shared_info *s;
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	struct evtchn_send snd;
	struct evtchn_unmask u;
	struct vcpu_info *info;

	world(2);
	s = guest[1].d->shared;
	info = me()->info;
	info->evtchn_upcall_mask = 1;
	OK(OP(bind_ipi, i));
	snd.port = i.port;
	u.port = i.port;
	/* masked: the pending bit and nothing else */
	s->evtchn_mask[0] = 1ul << i.port;
	info->evtchn_pending_sel = 0;
	info->evtchn_upcall_pending = 0;
	OK(OP(send, snd));
	TRUE_(pending_2l(1, i.port));
	OK(info->evtchn_pending_sel);
	OK(info->evtchn_upcall_pending);
	/* unmask delivers it */
	OK(OP(unmask, u));
	OK(s->evtchn_mask[0]);
	EQ(info->evtchn_pending_sel, 1);
	EQ(info->evtchn_upcall_pending, 1);
	/* pending already: nothing new */
	info->evtchn_pending_sel = 0;
	info->evtchn_upcall_pending = 0;
	OK(OP(send, snd));
	OK(info->evtchn_pending_sel);
	s->evtchn_pending[0] = 0;
	OK(OP(send, snd));
	EQ(info->evtchn_pending_sel, 1);
}

/* ---- FIFO ---------------------------------------------------------------------- */

#define CONTROL_PFN 20
#define ARRAY_PFN 21

static struct evtchn_fifo_control_block *control(void)
{
	return frame_ptr(guest[1].mfn[CONTROL_PFN]);
}

static uint32_t *word(uint32_t port)
{
	return (uint32_t *)frame_ptr(guest[1].mfn[ARRAY_PFN]) + port;
}

static void init_fifo(void)
{
	struct evtchn_init_control c = { .vcpu = 0 };
	struct evtchn_expand_array e;

	world(2);
	c.control_gfn = guest[1].mfn[CONTROL_PFN];
	e.array_gfn = guest[1].mfn[ARRAY_PFN];
	EQ(OP(expand_array, e), -XEN_EOPNOTSUPP);
	OK(OP(init_control, c));
	EQ(c.link_bits, EVTCHN_FIFO_LINK_BITS);
	OK(OP(expand_array, e));
}

static void test_fifo_setup(void)
{
	struct evtchn_init_control c = { .vcpu = 0 };
	struct evtchn_expand_array e;
	static const uint32_t offsets[] = { 4, 4096, 4096 - 64, ~0u, ~7u };

	world(2);
	c.control_gfn = guest[1].mfn[CONTROL_PFN];
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		c.offset = offsets[i];
		EQ(OP(init_control, c), -XEN_EINVAL);
	}
	c.offset = 0;
	c.vcpu = VCPUS;
	EQ(OP(init_control, c), -XEN_ENOENT);
	c.vcpu = 0;
	c.control_gfn = guest[0].mfn[CONTROL_PFN];
	EQ(OP(init_control, c), -XEN_EINVAL);
	c.control_gfn = guest[1].mfn[FAKE_PFN_L1];
	EQ(OP(init_control, c), -XEN_EINVAL);
	c.control_gfn = ~0ull;
	EQ(OP(init_control, c), -XEN_EINVAL);
	c.control_gfn = guest[1].mfn[CONTROL_PFN];
	OK(OP(init_control, c));
	EQ(OP(init_control, c), -XEN_EINVAL);
	e.array_gfn = guest[1].mfn[FAKE_PFN_L2];
	EQ(OP(expand_array, e), -XEN_EINVAL);
	OK(audit_all());
	/* The page cannot become a table while the core writes to it. */
	OK(unmap(CONTROL_PFN));
	EQ(ext_op(MMUEXT_PIN_L1_TABLE, guest[1].mfn[CONTROL_PFN], 0), -XEN_EINVAL);
	fake_guest_destroy(&guest[1]);
}

static void test_fifo_queue(void)
{
	struct evtchn_bind_ipi i[4];
	struct evtchn_send s;
	struct evtchn_set_priority p;

	init_fifo();
	for (unsigned int k = 0; k < 4; k++) {
		i[k].vcpu = 0;
		OK(OP(bind_ipi, i[k]));
	}
	for (unsigned int k = 0; k < 3; k++) {
		s.port = i[k].port;
		OK(OP(send, s));
	}
	EQ(control()->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
	EQ(control()->head[EVTCHN_FIFO_PRIORITY_DEFAULT], i[0].port);
	EQ(*word(i[0].port) & EVTCHN_FIFO_LINK_MASK, i[1].port);
	EQ(*word(i[1].port) & EVTCHN_FIFO_LINK_MASK, i[2].port);
	EQ(*word(i[2].port) & EVTCHN_FIFO_LINK_MASK, 0);
	EQ(*word(i[2].port) >> 29, 5); /* pending, linked */
	/* another priority: its own queue */
	p.port = i[3].port;
	p.priority = EVTCHN_FIFO_PRIORITY_MIN + 1;
	EQ(OP(set_priority, p), -XEN_EINVAL);
	p.priority = 2;
	OK(OP(set_priority, p));
	s.port = i[3].port;
	OK(OP(send, s));
	EQ(control()->head[2], i[3].port);
	/* masked: pending, in no queue; unmask puts it there */
	*word(i[3].port) = 1u << EVTCHN_FIFO_MASKED;
	control()->ready = 0;
	OK(OP(send, s));
	EQ(*word(i[3].port) >> 28, 0xc);
	OK(control()->ready);
	OK(op(EVTCHNOP_unmask, &s, sizeof(s)));
	EQ(control()->ready, 1u << 2);
}

/* The guest writes nonsense into its queues: it loses events, no more. */
static void test_fifo_hostile(void)
{
	struct evtchn_bind_ipi i[8];

	init_fifo();
	for (unsigned int k = 0; k < 8; k++) {
		i[k].vcpu = 0;
		OK(OP(bind_ipi, i[k]));
	}
	for (unsigned int step = 0; step < 3000; step++) {
		struct evtchn_send s = { .port = i[fake_random() % 8].port };
		struct evtchn_set_priority p = { .port = s.port, .priority = fake_random() % 16 };

		*word(fake_random() % 1024) = fake_random() * 2654435761u;
		*word(i[fake_random() % 8].port) = fake_random() << 1;
		control()->head[fake_random() % 16] = fake_random() << 1;
		control()->ready = fake_random();
		OK(OP(send, s));
		if (step % 7 == 0) {
			OK(OP(set_priority, p));
		}
		if (step % 11 == 0) {
			OK(op(EVTCHNOP_unmask, &s, sizeof(s)));
		}
	}
	me()->info->evtchn_upcall_mask = 1;
}

static void test_fifo_from_2l(void)
{
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	struct evtchn_send s;
	struct evtchn_reset r = { .dom = DOMID_SELF };
	struct evtchn_init_control c = { .vcpu = 0 };
	struct evtchn_expand_array e;

	world(2);
	OK(OP(bind_ipi, i));
	s.port = i.port;
	OK(OP(send, s));
	c.control_gfn = guest[1].mfn[CONTROL_PFN];
	e.array_gfn = guest[1].mfn[ARRAY_PFN];
	OK(OP(init_control, c));
	/* pending before, and before its page exists */
	OK(OP(expand_array, e));
	EQ(control()->head[EVTCHN_FIFO_PRIORITY_DEFAULT], i.port);
	OK(audit_all());
	OK(OP(reset, r));
	CU_ASSERT_PTR_NULL(guest[1].d->fifo);
	EQ(uses_of(1, CONTROL_PFN), 1);
	EQ(uses_of(1, ARRAY_PFN), 1);
}

CU_TestInfo evtchn_tests[] = {
	{ "channels between domains", test_interdomain },
	{ "whose ports", test_permissions },
	{ "ports that are none", test_bad_ports },
	{ "VIRQs and IPIs", test_virq_ipi },
	{ "all ports taken", test_limit },
	{ "a number that cannot be told", test_untold },
	{ "the table of ports stays as large as it was", test_table_stays },
	{ "two-level delivery", test_2l },
	{ "FIFO set-up", test_fifo_setup },
	{ "FIFO queues", test_fifo_queue },
	{ "FIFO with a hostile guest", test_fifo_hostile },
	{ "from two-level to FIFO and back", test_fifo_from_2l },
	CU_TEST_INFO_NULL,
};
