/* SPDX-License-Identifier: MIT */
/*
 * The NMI that a guest sends itself: it arrives once, and only where there is a
 * handler.  callback_op registers that; the older nmi_op is refused.
 */
#include <test.h>

static volatile unsigned int nmis;

static bool on_nmi(struct trap_regs *regs)
{
	(void)regs;
	nmis++;
	return true;
}

void test(void)
{
	struct callback_register reg = {
		.type = CALLBACKTYPE_nmi,
		.address = NONCANONICAL,
	};
	struct callback_unregister unreg = { .type = CALLBACKTYPE_nmi };

	EXPECT_RC(hyp_nmi_op(XENNMI_unregister_callback, NULL), -XEN_ENOSYS);
	EXPECT_RC(hyp_callback_op(CALLBACKOP_register, &reg), -XEN_EINVAL);
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_send_nmi, 99, NULL));

	trap_set_hook(SHIM_VECTOR_NMI, on_nmi);
	reg.address = (unsigned long)shim_nmi_callback;
	EXPECT_RC(hyp_callback_op(CALLBACKOP_register, &reg), 0);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	(void)hyp_sched_op(SCHEDOP_yield, NULL);
	EXPECT_RC(nmis, 1);
	EXPECT_RC(hyp_callback_op(CALLBACKOP_unregister, &unreg), 0);
}
