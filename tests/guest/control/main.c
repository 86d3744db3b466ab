/* SPDX-License-Identifier: MIT */
/*
 * vl_control by the control domain: what is no operation, no domain and no
 * pointer is refused, whatever else stands there; domains that are made are
 * there, and gone when they are ended.
 */
#include <test.h>

#include <vl/control.h>

static union {
	uint64_t words[32];
	struct vl_create create;
	struct vl_list list;
	struct vl_host_info host;
	struct vl_log_read log;
	struct vl_context context;
	struct vl_target target;
	struct vl_grant grant;
	struct evtchn_alloc_unbound unbound;
} arg;

static struct vl_domain_info info[4];
static char text[256];

static long call(uint64_t op, uint64_t domid, void *p)
{
	return hypercall5(__HYPERVISOR_vl_control, VL_CONTROL(op), domid, (unsigned long)p, 0, 0);
}

static void refused(void)
{
	static const uint64_t domids[] = {
		1, 77, 16383, 16384, DOMID_SELF, DOMID_IO, DOMID_XEN, 0xffff, 1 << 16, ~0ul,
	};
	uint64_t op;
	unsigned int i;

	memset(&arg, 0, sizeof(arg));
	EXPECT_RC(hypercall5(__HYPERVISOR_vl_control, 0, 0, (unsigned long)&arg, 0, 0),
		  -XEN_EOPNOTSUPP);
	EXPECT_RC(call(0, 0, &arg), -XEN_ENOSYS);
	for (op = VL_CTL_crash_reason + 1; op < 65536; op += 7) {
		EXPECT_RC(call(op, 0, &arg), -XEN_ENOSYS);
	}
	for (i = 0; i < ARRAY_SIZE(domids); i++) {
		for (op = VL_CTL_destroy; op <= VL_CTL_crash_reason; op++) {
			memset(&arg, 0xff, sizeof(arg));
			EXPECT(call(op, domids[i], &arg) <= 0 || op == VL_CTL_host_info);
		}
	}
	/* Nobody stops or ends himself. */
	memset(&arg, 0, sizeof(arg));
	EXPECT_RC(call(VL_CTL_destroy, 0, &arg), -XEN_EINVAL);
	EXPECT_RC(call(VL_CTL_pause, 0, &arg), -XEN_EINVAL);
	EXPECT_RC(call(VL_CTL_set_context, 0, &arg), -XEN_EINVAL);
	EXPECT_EFAULT(p, call(VL_CTL_create, VL_DOMID_ANY, p));
	EXPECT_EFAULT(p, call(VL_CTL_domain_info, 0, p));
	EXPECT_EFAULT(p, call(VL_CTL_host_info, 0, p));
	EXPECT_EFAULT(p, call(VL_CTL_log_read, 0, p));
	EXPECT_EFAULT(p, call(VL_CTL_set_max_frames, 0, p));
	arg.list = (struct vl_list){ .count = ~0u, .list = CORE_MIDDLE };
	EXPECT_RC(call(VL_CTL_domain_info, 0, &arg), -XEN_EFAULT);
	arg.log = (struct vl_log_read){ .size = ~0u, .buffer = CORE_MIDDLE };
	EXPECT_RC(call(VL_CTL_log_read, 0, &arg), -XEN_EFAULT);
}

static uint64_t free_frames(void)
{
	EXPECT_RC(call(VL_CTL_host_info, 0, &arg), 0);
	return arg.host.free_frames;
}

/* What the core needs for a guest without memory; its event queues are one more. */
static void footprint(void)
{
	uint64_t before = free_frames();
	long id;

	arg.create = (struct vl_create){ .vcpus = 1 };
	id = call(VL_CTL_create, VL_DOMID_ANY, &arg);
	NEED(id > 0);
	arg.grant = (struct vl_grant){ 0 };
	EXPECT_RC(call(VL_CTL_grant, (uint64_t)id, &arg), 0);
	arg.unbound = (struct evtchn_alloc_unbound){ .dom = (domid_t)id };
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_alloc_unbound, &arg), 0);
	print("a guest of one vCPU: %u KiB\n", (unsigned int)(before - free_frames()) * 4);
	EXPECT(before - free_frames() < 40 / 4);
	EXPECT_RC(call(VL_CTL_destroy, (uint64_t)id, 0), 0);
	EXPECT_RC(free_frames(), before);
}

static void life(void)
{
	uint64_t free;
	long id;

	EXPECT_RC(call(VL_CTL_host_info, 0, &arg), 0);
	EXPECT(arg.host.cpus >= 1 && arg.host.domains == 1 && arg.host.time != 0);
	EXPECT(arg.host.frames > arg.host.free_frames);
	free = arg.host.free_frames;
	arg.create = (struct vl_create){ .vcpus = 2, .max_frames = 16 };
	id = call(VL_CTL_create, VL_DOMID_ANY, &arg);
	NEED(id > 0);
	arg.list = (struct vl_list){ .count = 4, .list = (unsigned long)info };
	EXPECT_RC(call(VL_CTL_domain_info, 0, &arg), 2);
	EXPECT(info[0].flags & VL_DOMAIN_control && info[0].flags & VL_DOMAIN_running);
	EXPECT_RC(info[1].domid, id);
	EXPECT(info[1].flags & VL_DOMAIN_paused);
	EXPECT_RC(call(VL_CTL_unpause, (uint64_t)id, 0), 0);
	EXPECT_RC(call(VL_CTL_pause, (uint64_t)id, 0), 0);
	arg.context = (struct vl_context){ .context = CORE_MIDDLE };
	EXPECT_RC(call(VL_CTL_set_context, (uint64_t)id, &arg), -XEN_EFAULT);
	EXPECT_RC(call(VL_CTL_get_context, (uint64_t)id, &arg), -XEN_EFAULT);
	EXPECT_RC(call(VL_CTL_destroy, (uint64_t)id, 0), 0);
	EXPECT_RC(call(VL_CTL_destroy, (uint64_t)id, 0), -XEN_ESRCH);
	EXPECT_RC(call(VL_CTL_host_info, 0, &arg), 0);
	EXPECT_RC(arg.host.free_frames, free);
	arg.log = (struct vl_log_read){ .size = sizeof(text), .buffer = (unsigned long)text };
	EXPECT_RC(call(VL_CTL_log_read, 0, &arg), sizeof(text));
}

void test(void)
{
	refused();
	life();
	footprint();
}
