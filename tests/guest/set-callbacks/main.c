/* SPDX-License-Identifier: MIT */
/*
 * set_callbacks: a refused address changes nothing; an entry point in the
 * core's memory is only a page fault of the guest's own.
 */
#include <test.h>

#define EVENT ((unsigned long)shim_event_callback)
#define FAILSAFE ((unsigned long)shim_failsafe_callback)
#define SYSCALL ((unsigned long)shim_syscall_callback)

static uint64_t one(uint64_t arg)
{
	return arg + 1;
}

static uint64_t any_syscall(uint64_t arg)
{
	return user_syscall(9, arg);
}

void test(void)
{
	struct trap t;
	long port = evtchn_bind_ipi(0);

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	/* Refused, by a result or by being ignored. */
	EXPECT_ERR(hyp_set_callbacks(NONCANONICAL, FAILSAFE, SYSCALL), XEN_EINVAL, 0);
	EXPECT_ERR(hyp_set_callbacks(EVENT, NONCANONICAL, SYSCALL), XEN_EINVAL, 0);
	EXPECT_ERR(hyp_set_callbacks(EVENT, FAILSAFE, NONCANONICAL_HIGH), XEN_EINVAL, 0);
	EXPECT_RC(evtchn_send((unsigned int)port), 0);
	EXPECT_RC(evtchn_upcalls(0), 1);
	EXPECT_RC(user_run(one, 1), 2);

	EXPECT_RC(hyp_set_callbacks(CORE_MIDDLE, FAILSAFE, SYSCALL), 0);
	TRAP_TRY(&t, evtchn_send((unsigned int)port));
	EXPECT(t.hit && t.vector == TRAP_PF && t.cr2 == CORE_MIDDLE);
	/* The upcall had been made: events are off. */
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 1);
	EXPECT_RC(hyp_set_callbacks(EVENT, FAILSAFE, SYSCALL), 0);
	events_on();

	EXPECT_RC(hyp_set_callbacks(EVENT, FAILSAFE, CORE_START), 0);
	TRAP_TRY(&t, user_run(any_syscall, 1));
	EXPECT(t.hit && t.vector == TRAP_PF && t.cr2 == CORE_START);
	EXPECT_RC(hyp_set_callbacks(EVENT, FAILSAFE, SYSCALL), 0);
	EXPECT_RC(user_run(one, 1), 2);
	EXPECT_RC(evtchn_upcalls(0), 2);
}
