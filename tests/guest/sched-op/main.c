/* SPDX-License-Identifier: MIT */
/*
 * sched_op: waiting ends when it should, polling sees masked ports, and the
 * end of others is not ours to decide.
 */
#include <test.h>

static volatile unsigned int events;

static void on_event(unsigned int port)
{
	(void)port;
	events++;
}

static long poll(evtchn_port_t *ports, unsigned int count, uint64_t timeout)
{
	struct sched_poll op = { .ports.p = ports, .nr_ports = count, .timeout = timeout };

	return hyp_sched_op(SCHEDOP_poll, &op);
}

static void polling(void)
{
	static evtchn_port_t list[200];
	evtchn_port_t port = (evtchn_port_t)evtchn_bind_ipi(0);
	uint64_t start;

	/* Masked, and pending: at once. */
	EXPECT_RC(evtchn_send(port), 0);
	EXPECT_RC(poll(&port, 1, 0), 0);
	EXPECT_RC(poll(&port, 1, time_ns() + 1000000000), 0);
	EXPECT_RC(evtchn_close(port), 0);

	port = (evtchn_port_t)evtchn_bind_ipi(0);
	shim_shared->evtchn_pending[0] = 0;
	start = time_ns();
	EXPECT_RC(poll(&port, 1, start + 20000000), 0);
	EXPECT(time_ns() - start >= 20000000);
	EXPECT(time_ns() - start < 2000000000);
	start = time_ns();
	EXPECT_RC(poll(NULL, 0, start + 5000000), 0);
	EXPECT(time_ns() - start >= 5000000);
	EXPECT_RC(poll(&port, 1, 1), 0);

	EXPECT_FAIL(poll(list, 129, 1));
	EXPECT_FAIL(poll(list, 0x7fffffff, 1));
	EXPECT_FAIL(poll(list, 0xffffffff, 1));
	list[0] = 0xffffffff;
	EXPECT_FAIL(poll(list, 1, 1));
	list[0] = 1u << 20;
	EXPECT_FAIL(poll(list, 1, 1));
	EXPECT_EFAULT(p, hyp_sched_op(SCHEDOP_poll, p));
	EXPECT_EFAULT(p, poll(p, 2, 1));
	EXPECT_RC(evtchn_close(port), 0);
}

static void blocking(void)
{
	evtchn_port_t port = (evtchn_port_t)evtchn_bind_ipi(0);

	EXPECT_RC(evtchn_unmask(port), 0);
	evtchn_set_handler(port, on_event);
	/* Pending before: block clears the mask, and does not wait. */
	events_off();
	EXPECT_RC(evtchn_send(port), 0);
	EXPECT_RC(events, 0);
	EXPECT_RC(hyp_sched_op(SCHEDOP_block, NULL), 0);
	EXPECT_RC(events, 1);
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 0);
	EXPECT_RC(evtchn_close(port), 0);
}

static void refused(void)
{
	struct sched_remote_shutdown remote = { 1234, SHUTDOWN_crash };
	struct sched_shutdown shutdown = { 99 };

	EXPECT_RC(hyp_sched_op(SCHEDOP_yield, NULL), 0);
	EXPECT_RC(hyp_sched_op(99, NULL), -XEN_ENOSYS);
	EXPECT_RC(hyp_sched_op(0x7fffffff, NULL), -XEN_ENOSYS);
	EXPECT_EFAULT(p, hyp_sched_op(SCHEDOP_shutdown, p));
	EXPECT_EFAULT(p, hyp_sched_op(SCHEDOP_shutdown_code, p));
	EXPECT_EFAULT(p, hyp_sched_op(SCHEDOP_remote_shutdown, p));
	EXPECT_FAIL(hyp_sched_op(SCHEDOP_remote_shutdown, &remote));
	remote.domain_id = DOMID_IDLE;
	EXPECT_FAIL(hyp_sched_op(SCHEDOP_remote_shutdown, &remote));
	remote.domain_id = DOMID_IO;
	EXPECT_FAIL(hyp_sched_op(SCHEDOP_remote_shutdown, &remote));
	(void)hyp_sched_op(SCHEDOP_shutdown_code, &shutdown);
}

void test(void)
{
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	refused();
	polling();
	blocking();
}
