/* SPDX-License-Identifier: MIT */
/*
 * callback_op: types, addresses and flags, and events held off on entry when
 * that was asked for.
 */
#include <test.h>

static unsigned int mask_seen;

static uint64_t on_syscall(struct trap_regs *regs)
{
	mask_seen = evtchn_vcpu_info()->evtchn_upcall_mask;
	return regs->rdi;
}

static uint64_t any_syscall(uint64_t arg)
{
	return user_syscall(9, arg);
}

static long set(unsigned int type, unsigned int flags, unsigned long address)
{
	struct callback_register reg = { (uint16_t)type, (uint16_t)flags, address };

	return hyp_callback_op(CALLBACKOP_register, &reg);
}

static long unset(unsigned int type)
{
	struct callback_unregister unreg = { .type = (uint16_t)type };

	return hyp_callback_op(CALLBACKOP_unregister, &unreg);
}

void test(void)
{
	static const unsigned int types[] = { CALLBACKTYPE_event, CALLBACKTYPE_failsafe,
					      CALLBACKTYPE_syscall, CALLBACKTYPE_nmi };
	unsigned int i;

	EXPECT_EFAULT(p, hyp_callback_op(CALLBACKOP_register, p));
	EXPECT_EFAULT(p, hyp_callback_op(CALLBACKOP_unregister, p));
	EXPECT_RC(hyp_callback_op(99, NULL), -XEN_ENOSYS);
	EXPECT_RC(hyp_callback_op(0x7fffffff, NULL), -XEN_ENOSYS);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		EXPECT_RC(set(types[i], 0, NONCANONICAL), -XEN_EINVAL);
	}
	EXPECT_FAIL(set(CALLBACKTYPE_sysenter_deprecated, 0, 0x400000));
	EXPECT_FAIL(set(6, 0, 0x400000));
	EXPECT_FAIL(set(0xffff, 0, 0x400000));
	EXPECT_ERR(unset(CALLBACKTYPE_event), XEN_EINVAL);
	EXPECT_ERR(unset(CALLBACKTYPE_failsafe), XEN_EINVAL);
	EXPECT_ERR(unset(CALLBACKTYPE_syscall), XEN_EINVAL);
	EXPECT_FAIL(unset(0xffff));

	user_set_syscall(on_syscall);
	EXPECT_RC(set(CALLBACKTYPE_syscall, CALLBACKF_mask_events,
		      (unsigned long)shim_syscall_callback),
		  0);
	EXPECT_RC(user_run(any_syscall, 3), 3);
	EXPECT(mask_seen == 1);
	events_on();
	EXPECT_RC(set(CALLBACKTYPE_syscall, 0, (unsigned long)shim_syscall_callback), 0);
	EXPECT_RC(user_run(any_syscall, 4), 4);
	EXPECT(mask_seen == 0);
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 0);
	EXPECT_RC(set(CALLBACKTYPE_nmi, 0, (unsigned long)shim_nmi_callback), 0);
	EXPECT_RC(unset(CALLBACKTYPE_nmi), 0);
}
