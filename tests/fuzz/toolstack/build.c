/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a kernel for the builder, over the fake core, which checks the
 * page tables that come out: the outcome is an error with a sentence, or a guest
 * whose entry point and start_info are mapped.  Either leaves nothing mapped.
 *
 * The input begins with what else is chosen: two bytes for the memory in quarters
 * of a MiB, two for the ramdisk's size in half KiB, one for the largest extent,
 * one for the call that fails.
 */
#include "libvellum/build.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/toolstack/fake_ctl.h"

#define HEAD 6
#define MEMORY ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_guest(struct fake_ctl *fake, uint16_t domid)
{
	const struct vcpu_guest_context *c = &fake->domain[domid].context[0];
	struct start_info si;

	if (!fake_ctl_pte(fake, domid, c->user_regs.rip) ||
	    !fake_ctl_read(fake, domid, c->user_regs.rsi, &si, sizeof(si)) ||
	    !fake_ctl_pte(fake, domid, c->user_regs.rsp - 8) ||
	    !fake_ctl_pte(fake, domid, si.mfn_list) || si.mod_len > MEMORY ||
	    fake->domain[domid].info.frames != si.nr_pages) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char ramdisk[32 << 20];
	static struct fake_ctl *fake;
	const struct vl_create spec = { .vcpus = 1 };
	struct vl_error error = { "" };
	struct vl_build build = { .cmdline = "quiet", .ramdisk = ramdisk, .vcpus = 1 };
	uint16_t domid = 1, memory, disk;
	struct vl_ctl *ctl;
	int rc;

	if (size < HEAD) {
		return 0;
	}
	if (!fake) {
		fake = fake_ctl_new(MEMORY);
		memset(ramdisk, 0x5d, 4096);
	}
	memcpy(&memory, data, sizeof(memory));
	memcpy(&disk, data + 2, sizeof(disk));
	build.memory_frames = build.max_frames = memory % 512 * 64;
	build.ramdisk_size = disk * (size_t)512;
	build.kernel = data + HEAD;
	build.kernel_size = size - HEAD;
	ctl = fake_ctl_open(fake);
	fake->order_max = data[4] % 13;
	if (vl_ctl_create(ctl, &spec, &domid, NULL)) {
		abort();
	}
	fake->calls = 0;
	fake->fail_at = data[5];
	fake->fail_code = 5;
	rc = vl_build(ctl, domid, &build, &error);
	fake->fail_at = 0;
	if ((rc != 0) != (error.text[0] != '\0') || fake->mapped != 0) {
		abort();
	}
	if (rc == 0) {
		check_guest(fake, domid);
	}
	if (vl_ctl_destroy(ctl, domid, NULL) || fake->free_frames != fake->frames) {
		abort();
	}
	vl_ctl_close(ctl);
	return 0;
}
