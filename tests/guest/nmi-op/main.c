/* SPDX-License-Identifier: MIT */
/*
 * nmi_op, and the NMI that a guest sends itself: it arrives once, and only
 * where there is a handler.
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
	struct xennmi_callback cb = { .handler_address = NONCANONICAL };

	EXPECT_EFAULT(p, hyp_nmi_op(XENNMI_register_callback, p));
	EXPECT_RC(hyp_nmi_op(99, NULL), -XEN_ENOSYS);
	EXPECT_RC(hyp_nmi_op(XENNMI_register_callback, &cb), -XEN_EINVAL);
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_send_nmi, 99, NULL));

	trap_set_hook(SHIM_VECTOR_NMI, on_nmi);
	cb.handler_address = (unsigned long)shim_nmi_callback;
	EXPECT_RC(hyp_nmi_op(XENNMI_register_callback, &cb), 0);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	(void)hyp_sched_op(SCHEDOP_yield, NULL);
	EXPECT_RC(nmis, 1);
	EXPECT_RC(hyp_nmi_op(XENNMI_unregister_callback, NULL), 0);
}
