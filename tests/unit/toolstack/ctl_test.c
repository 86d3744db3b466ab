/* SPDX-License-Identifier: MIT */
/*
 * Control calls over the fake core: each reaches the core with its arguments and
 * brings its results back; every failure has a sentence.
 */
#include "libvellum/ctl.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>
#include <xen/version.h>

#include "fake_ctl.h"

#define EQ(a, b) CU_ASSERT_EQUAL((long)(a), (long)(b))
#define OK(x) EQ(x, 0)
#define SAYS(text_) CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text_))

static struct vl_error error;

static void create(struct vl_ctl *ctl, uint16_t *domid)
{
	const struct vl_create spec = { .vcpus = 2, .max_frames = 1024, .handle = { 7 } };

	*domid = VL_DOMID_ANY;
	OK(vl_ctl_create(ctl, &spec, domid, &error));
}

static void test_domains(void)
{
	struct fake_ctl *fake = fake_ctl_new(8 << 20);
	struct vl_ctl *ctl = fake_ctl_open(fake);
	static struct vcpu_guest_context context, back;
	struct vl_domain_info info, *list;
	uint16_t domid;
	size_t count;

	create(ctl, &domid);
	EQ(domid, 1);
	OK(vl_ctl_info(ctl, domid, &info, &error));
	EQ(info.domid, 1);
	EQ(info.vcpus_max, 2);
	EQ(info.max_frames, 1024);
	EQ(info.handle[0], 7);
	EQ(info.flags, VL_DOMAIN_paused);
	OK(vl_ctl_unpause(ctl, domid, &error));
	EQ(fake->domain[1].info.flags, 0);
	OK(vl_ctl_pause(ctl, domid, &error));
	EQ(fake->domain[1].info.flags, VL_DOMAIN_paused);
	OK(vl_ctl_set_max_frames(ctl, domid, 99, &error));
	EQ(fake->domain[1].info.max_frames, 99);
	OK(vl_ctl_set_sched(ctl, domid, &(struct vl_sched){ 512, 150 }, &error));
	EQ(fake->domain[1].info.weight, 512);
	EQ(fake->domain[1].info.cap, 150);
	EQ(vl_ctl_set_sched(ctl, domid, &(struct vl_sched){ 0, 0 }, &error), -EINVAL);
	SAYS("weight or cap of domain 1");
	OK(vl_ctl_set_affinity(ctl, domid, 1, 2, &error));
	EQ(fake->domain[1].affinity[1], 2);
	EQ(vl_ctl_set_affinity(ctl, domid, 1, 1ul << 40, &error), -EINVAL);
	context.user_regs.rip = 0x1234;
	OK(vl_ctl_set_context(ctl, domid, 1, &context, &error));
	OK(vl_ctl_get_context(ctl, domid, 1, &back, &error));
	EQ(back.user_regs.rip, 0x1234);
	EQ(vl_ctl_set_context(ctl, domid, 1, &context, &error), -EEXIST);
	OK(vl_ctl_set_target(ctl, domid, 0, &error));
	OK(vl_ctl_set_ioports(ctl, domid, &(struct vl_range){ 0x3f8, 8, 1, 0 }, &error));
	EQ(fake->domain[1].ioports.first, 0x3f8);
	OK(vl_ctl_set_iomem(ctl, domid, &(struct vl_range){ 0xfe000, 2, 1, 0 }, &error));
	EQ(fake->domain[1].iomem.count, 2);
	OK(vl_ctl_shutdown(ctl, domid, SHUTDOWN_reboot, &error));
	EQ(fake->domain[1].info.shutdown_reason, SHUTDOWN_reboot);
	OK(vl_ctl_list(ctl, 0, &list, &count, &error));
	EQ(count, 2);
	EQ(list[1].domid, 1);
	free(list);
	OK(vl_ctl_list(ctl, 2, &list, &count, &error));
	EQ(count, 0);
	free(list);
	fake->domain[1].held = true;
	EQ(vl_ctl_destroy(ctl, domid, &error), -EBUSY);
	SAYS("still map");
	fake->domain[1].held = false;
	OK(vl_ctl_destroy(ctl, domid, &error));
	EQ(vl_ctl_destroy(ctl, domid, &error), -ESRCH);
	SAYS("cannot end domain 1: there is no such domain");
	EQ(vl_ctl_info(ctl, domid, &info, &error), -ESRCH);
	vl_ctl_close(ctl);
	fake_ctl_free(fake);
}

static void test_numbers(void)
{
	struct fake_ctl *fake = fake_ctl_new(1 << 20);
	struct vl_ctl *ctl = fake_ctl_open(fake);
	const struct vl_create spec = { .vcpus = 1 };
	uint16_t domid = 5;

	OK(vl_ctl_create(ctl, &spec, &domid, &error));
	EQ(domid, 5);
	EQ(vl_ctl_create(ctl, &spec, &domid, &error), -EEXIST);
	SAYS("there is a domain 5 already");
	for (unsigned int i = 2; i < FAKE_DOMAINS; i++) {
		create(ctl, &domid);
	}
	domid = VL_DOMID_ANY;
	EQ(vl_ctl_create(ctl, &spec, &domid, &error), -ENOSPC);
	vl_ctl_close(ctl);
	fake_ctl_free(fake);
}

static void test_information(void)
{
	struct fake_ctl *fake = fake_ctl_new(8 << 20);
	struct vl_ctl *ctl = fake_ctl_open(fake);
	struct vl_vcpu_info vcpus[VL_VCPUS_MAX];
	struct vl_crash_reason why;
	struct vl_host_info host;
	char text[8], extra[16];
	uint64_t pos = 0;

	OK(vl_ctl_host(ctl, &host, &error));
	EQ(host.frames, 2048);
	EQ(vl_ctl_vcpus(ctl, 0, vcpus, &error), 2);
	EQ(vcpus[1].vcpu, 1);
	EQ(vl_ctl_vcpus(ctl, 9, vcpus, &error), -ESRCH);
	strcpy(fake->log, "twelve bytes");
	fake->log_size = 12;
	EQ(vl_ctl_log(ctl, &pos, text, sizeof(text), false, &error), 8);
	EQ(pos, 8);
	OK(memcmp(text, "twelve b", 8));
	EQ(vl_ctl_log(ctl, &pos, text, sizeof(text), false, &error), 4);
	OK(memcmp(text, "ytes", 4));
	OK(vl_ctl_log(ctl, &pos, text, sizeof(text), false, &error));
	memset(fake->domain[0].crash_reason, 'x', sizeof(fake->domain[0].crash_reason));
	OK(vl_ctl_crash_reason(ctl, 0, &why, &error));
	EQ(strlen(why.text), sizeof(why.text) - 1);
	EQ(vl_ctl_version(ctl, XENVER_version, NULL, 0, &error), 4 << 16 | 17);
	OK(vl_ctl_version(ctl, XENVER_extraversion, extra, sizeof(extra), &error));
	CU_ASSERT_STRING_EQUAL(extra, ".0-vellum");
	EQ(vl_ctl_version(ctl, 99, NULL, 0, &error), -ENOSYS);
	vl_ctl_close(ctl);
	fake_ctl_free(fake);
}

static void test_memory(void)
{
	struct fake_ctl *fake = fake_ctl_new(8 << 20);
	struct vl_ctl *ctl = fake_ctl_open(fake);
	uint64_t frames[20];
	unsigned char *at;
	void *mapped;
	uint16_t domid;
	size_t done;
	int port;

	create(ctl, &domid);
	for (unsigned int i = 0; i < 20; i++) {
		frames[i] = i * 3;
	}
	OK(vl_ctl_populate(ctl, domid, 0, frames, 20, &error));
	EQ(fake->m2p[frames[19] - FAKE_MFN_BASE], 57);
	OK(vl_ctl_map(ctl, domid, frames, 20, &mapped, &error));
	EQ(fake->mapped, 20);
	at = mapped;
	at[19 * 4096 + 5] = 0xa5;
	EQ(((unsigned char *)fake_ctl_frame(fake, frames[19]))[5], 0xa5);
	vl_ctl_unmap(ctl, mapped, 20);
	frames[4] = 1;
	EQ(vl_ctl_map(ctl, domid, frames, 20, &mapped, &error), -EINVAL);
	EQ(vl_ctl_map(ctl, domid, frames, 0, &mapped, &error), -EINVAL);
	/* 1024 in all: one extent of 512, not two. */
	frames[0] = 512;
	frames[1] = 1024;
	OK(vl_ctl_populate_some(ctl, domid, 9, frames, 2, &done, &error));
	EQ(done, 1);
	EQ(frames[1], 1024);
	EQ(vl_ctl_populate(ctl, domid, 9, frames, 2, &error), -ENOMEM);
	SAYS("it got 0 of 2 pieces of 2048 KiB");
	port = vl_ctl_alloc_port(ctl, domid, 0, &error);
	EQ(port, 1);
	EQ(fake->domain[domid].port_remote[1], 0);
	EQ(vl_ctl_alloc_port(ctl, 9, 0, &error), -ESRCH);
	OK(vl_ctl_grant(ctl, domid, 1, 0, frames[2], &error));
	EQ(fake->domain[domid].grant[1].frame, frames[2]);
	EQ(vl_ctl_grant(ctl, domid, 1, 0, 5, &error), -EINVAL);
	OK(vl_ctl_destroy(ctl, domid, &error));
	EQ(fake->free_frames, 2048);
	/* Frames come back empty. */
	create(ctl, &domid);
	frames[0] = 0;
	OK(vl_ctl_populate(ctl, domid, 8, frames, 1, &error));
	for (size_t i = 0; i < fake->frames * 4096; i++) {
		if (fake->memory[i] != 0) {
			CU_FAIL_FATAL("not empty");
		}
	}
	vl_ctl_close(ctl);
	fake_ctl_free(fake);
}

/* What is below is told apart. */
static void test_opening(void)
{
	struct fake_ctl *fake = fake_ctl_new(1 << 20);
	struct vl_ctl *ctl;

	fake_ctl_install(fake);
	OK(vl_ctl_open(&ctl, &error));
	vl_ctl_close(ctl);
	fake->version_answer = -EPERM;
	EQ(vl_ctl_open(&ctl, &error), -ENODEV);
	SAYS("not the control domain");
	fake->version_answer = -EOPNOTSUPP;
	EQ(vl_ctl_open(&ctl, &error), -EOPNOTSUPP);
	SAYS("another version");
	fake->version_answer = -ENOSYS;
	strcpy(fake->extraversion, ".5-pre");
	EQ(vl_ctl_open(&ctl, &error), -ENODEV);
	SAYS("not Vellum but 4.17.5-pre");
	fake->version_answer = 0;
	/* Each call of it fails in turn. */
	fake->fail_code = ENOMEM;
	for (unsigned int i = 1; i <= 2; i++) {
		fake->calls = 0;
		fake->fail_at = i;
		EQ(vl_ctl_open(&ctl, &error), -ENOMEM);
		EQ(fake->handles, 0);
		EQ(fake->buffers, 0);
	}
	fake_ctl_install(NULL);
	/* No control domain: whatever it is that is missing, it is named. */
	if (vl_ctl_open(&ctl, &error) == 0) {
		vl_ctl_close(ctl);
	} else {
		SAYS("/dev/xen/privcmd");
	}
	vl_ctl_close(NULL);
	fake_ctl_free(fake);
}

CU_TestInfo ctl_tests[] = {
	{ "domains", test_domains },	     { "domain numbers", test_numbers },
	{ "information", test_information }, { "memory, ports, grants", test_memory },
	{ "opening", test_opening },	     CU_TEST_INFO_NULL,
};
