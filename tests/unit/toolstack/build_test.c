/* SPDX-License-Identifier: MIT */
/*
 * Guests built from small kernels over the fake core: what the kernel would find
 * at its first instruction, kernels that must be refused, and every failure on
 * the way: none may leave a mapping behind or be without a sentence.
 */
#include "libvellum/build.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/elfnote.h>

#include "fake_alloc.h"
#include "fake_ctl.h"
#include "fake_kernel.h"

#define EQ(a, b) CU_ASSERT_EQUAL((long)(a), (long)(b))
#define OK(x) EQ(x, 0)
#define SAYS(text_) CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text_))
#define MIB (256ul) /* frames */

static struct fake_kernel kernel;
static struct vl_error error;
static unsigned char ramdisk[10000];

struct fixture {
	struct fake_ctl *fake;
	struct vl_ctl *ctl;
	uint16_t domid;
	struct vl_build build;
	struct start_info si;
};

static void start(struct fixture *f, uint64_t frames)
{
	const struct vl_create spec = { .vcpus = 2, .max_frames = 16 };

	memset(f, 0, sizeof(*f));
	f->fake = fake_ctl_new(64 << 20);
	f->ctl = fake_ctl_open(f->fake);
	f->domid = VL_DOMID_ANY;
	OK(vl_ctl_create(f->ctl, &spec, &f->domid, &error));
	memset(ramdisk, 0x5d, sizeof(ramdisk));
	f->build = (struct vl_build){
		.kernel = kernel.data,
		.kernel_size = kernel.size,
		.ramdisk = ramdisk,
		.ramdisk_size = sizeof(ramdisk),
		.cmdline = "console=hvc0 quiet",
		.memory_frames = frames,
		.max_frames = 2 * frames,
		.vcpus = 2,
	};
}

static void stop(struct fixture *f)
{
	EQ(f->fake->mapped, 0);
	OK(vl_ctl_destroy(f->ctl, f->domid, &error));
	EQ(f->fake->free_frames, f->fake->frames);
	vl_ctl_close(f->ctl);
	fake_ctl_free(f->fake);
}

static int build(struct fixture *f)
{
	int rc;

	memset(&error, 0, sizeof(error));
	rc = vl_build(f->ctl, f->domid, &f->build, &error);
	CU_ASSERT_EQUAL(rc != 0, error.text[0] != '\0');
	return rc;
}

static const struct vcpu_guest_context *context(struct fixture *f)
{
	return &f->fake->domain[f->domid].context[0];
}

static unsigned int byte_at(struct fixture *f, uint64_t va)
{
	unsigned char byte = 0;

	CU_ASSERT_TRUE(fake_ctl_read(f->fake, f->domid, va, &byte, 1));
	return byte;
}

/* The list names each frame of the domain once, and the other way round. */
static void check_p2m(struct fixture *f)
{
	uint64_t entries = (f->si.nr_pages + 511) & ~511ul;

	for (uint64_t pfn = 0; pfn < entries; pfn++) {
		uint64_t mfn = 0;

		if (!fake_ctl_read(f->fake, f->domid, f->si.mfn_list + pfn * 8, &mfn, 8)) {
			CU_FAIL_FATAL("the list is not mapped");
		}
		if (pfn >= f->si.nr_pages) {
			EQ(mfn, ~0ul);
		} else if (!fake_ctl_frame(f->fake, mfn) ||
			   f->fake->owner[mfn - FAKE_MFN_BASE] != f->domid ||
			   f->fake->m2p[mfn - FAKE_MFN_BASE] != pfn) {
			CU_FAIL_FATAL("p2m and m2p differ");
		}
	}
}

static void check_tables(struct fixture *f)
{
	for (uint64_t i = 0; i < f->si.nr_pt_frames; i++) {
		EQ(fake_ctl_pte(f->fake, f->domid, f->si.pt_base + i * 4096) & 3, 1);
	}
	EQ(fake_ctl_pte(f->fake, f->domid, f->si.pt_base - 4096) & 3, 3);
	EQ(f->si.pt_base + f->si.nr_pt_frames * 4096 + 4096, context(f)->user_regs.rsp);
	/* A stack, and half a megabyte mapped behind it. */
	EQ(fake_ctl_pte(f->fake, f->domid, context(f)->user_regs.rsp - 8) & 3, 3);
	EQ(fake_ctl_pte(f->fake, f->domid, context(f)->user_regs.rsp + 512 * 1024 - 8) & 3, 3);
	EQ(f->fake->domain[f->domid].pinned, context(f)->ctrlreg[3] >> 12);
}

static void check_common(struct fixture *f)
{
	struct fake_domain *d = &f->fake->domain[f->domid];
	const struct cpu_user_regs *r = &context(f)->user_regs;

	CU_ASSERT_TRUE_FATAL(fake_ctl_read(f->fake, f->domid, r->rsi, &f->si, sizeof(f->si)));
	CU_ASSERT_STRING_EQUAL(f->si.magic, "xen-3.0-x86_64");
	CU_ASSERT_STRING_EQUAL((char *)f->si.cmd_line, "console=hvc0 quiet");
	EQ(f->si.nr_pages, f->build.memory_frames);
	EQ(f->si.shared_info, d->info.shared_info << 12);
	EQ(d->info.frames, f->build.memory_frames);
	EQ(d->info.max_frames, f->build.max_frames);
	EQ(f->si.mod_len, sizeof(ramdisk));
	EQ(r->rip, KERNEL_ENTRY);
	EQ(r->cs, FLAT_KERNEL_CS);
	EQ(r->ss, FLAT_KERNEL_SS);
	EQ(context(f)->flags & VGCF_in_kernel, VGCF_in_kernel);
	EQ(byte_at(f, KERNEL_ENTRY), 0x90);
	EQ(byte_at(f, KERNEL_BASE + KERNEL_PADDR + 8192), 0xa0);
	EQ(byte_at(f, KERNEL_BASE + KERNEL_PADDR + 12288), 0);
	check_p2m(f);
	check_tables(f);
	/* The rings: ports and grants for the two that serve them. */
	EQ(f->si.console.domU.mfn, f->build.console_frame);
	EQ(f->si.console.domU.evtchn, f->build.console_port);
	EQ(f->si.store_mfn, f->build.store_frame);
	EQ(f->si.store_evtchn, f->build.store_port);
	EQ(d->port_remote[f->build.console_port], f->build.console_domid);
	EQ(d->port_remote[f->build.store_port], f->build.store_domid);
	EQ(d->grant[0].frame, f->build.console_frame);
	EQ(d->grant[0].to, f->build.console_domid);
	EQ(d->grant[1].frame, f->build.store_frame);
	EQ(d->grant[1].to, f->build.store_domid);
	EQ(((unsigned char *)fake_ctl_frame(f->fake, f->build.console_frame))[0], 0);
}

static void test_stock(void)
{
	struct fixture f;
	uint64_t mfn = 0;

	fake_kernel_start(&kernel, 2, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	start(&f, 20 * MIB + 77);
	OK(build(&f));
	check_common(&f);
	EQ(f.si.flags, SIF_MOD_START_PFN | SIF_VIRT_P2M_4TOOLS);
	EQ(f.si.mfn_list, KERNEL_P2M);
	EQ(byte_at(&f, KERNEL_BASE + KERNEL_PADDR + 5 * 4096), 0x91);
	EQ(byte_at(&f, KERNEL_BASE + KERNEL_PADDR + 4096), 0);
	/* The ramdisk by frame number, outside of what is mapped. */
	OK(fake_ctl_pte(f.fake, f.domid, KERNEL_BASE + (f.si.mod_start << 12)));
	CU_ASSERT_TRUE(
		fake_ctl_read(f.fake, f.domid, f.si.mfn_list + (f.si.mod_start + 2) * 8, &mfn, 8));
	EQ(((unsigned char *)fake_ctl_frame(f.fake, mfn))[sizeof(ramdisk) - 8192 - 1], 0x5d);
	OK(((unsigned char *)fake_ctl_frame(f.fake, mfn))[sizeof(ramdisk) - 8192]);
	EQ(f.si.nr_p2m_frames, (20 * MIB + 77 + 511) / 512 + 3);
	CU_ASSERT_TRUE(f.si.first_p2m_pfn >= f.si.mod_start + 3);
	stop(&f);
}

/* Neither INIT_P2M nor MOD_START_PFN: all of it mapped behind the image. */
static void test_older(void)
{
	static const unsigned char stub[] = { 0x51, 0x41, 0x53, 0xb8, 29,   0,	  0,   0,
					      0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3, 0xcc };
	unsigned char code[32];
	struct fixture f;

	fake_kernel_start(&kernel, 1, 5 * 4096);
	fake_kernel_old_notes(&kernel);
	start(&f, 12 * MIB);
	f.build.console_domid = 3;
	f.build.store_domid = 4;
	OK(build(&f));
	check_common(&f);
	EQ(f.si.flags, SIF_VIRT_P2M_4TOOLS);
	EQ(f.si.nr_p2m_frames, 0);
	EQ(byte_at(&f, f.si.mod_start), 0x5d);
	EQ(byte_at(&f, f.si.mod_start + sizeof(ramdisk) - 1), 0x5d);
	EQ(byte_at(&f, f.si.mod_start + sizeof(ramdisk)), 0);
	/* The hypercall page: sched_op's stub, and iret's with a push in it. */
	CU_ASSERT_TRUE(fake_ctl_read(f.fake, f.domid, KERNEL_BASE + KERNEL_PADDR + 4096 + 29 * 32,
				     code, 32));
	OK(memcmp(code, stub, sizeof(stub)));
	EQ(byte_at(&f, KERNEL_BASE + KERNEL_PADDR + 4096 + 23 * 32 + 3), 0x50);
	EQ(byte_at(&f, KERNEL_BASE + KERNEL_PADDR + 4096 + 23 * 32 + 5), 23);
	stop(&f);
}

/* The ramdisk straight from a file, which may be shorter than was said. */
static void test_ramdisk_file(void)
{
	int fd = memfd_create("ramdisk", MFD_CLOEXEC);
	struct fixture f;

	fake_kernel_start(&kernel, 1, 5 * 4096);
	fake_kernel_old_notes(&kernel);
	start(&f, 12 * MIB);
	f.build.ramdisk = NULL;
	f.build.ramdisk_fd = fd;
	EQ(write(fd, ramdisk, 9999), 9999);
	EQ(build(&f), -EIO);
	SAYS("the ramdisk: it has become shorter");
	stop(&f);
	start(&f, 12 * MIB);
	f.build.ramdisk = NULL;
	f.build.ramdisk_fd = fd;
	EQ(write(fd, ramdisk, 5000), 5000);
	OK(build(&f));
	check_common(&f);
	EQ(byte_at(&f, f.si.mod_start), 0x5d);
	EQ(byte_at(&f, f.si.mod_start + sizeof(ramdisk) - 1), 0x5d);
	EQ(byte_at(&f, f.si.mod_start + sizeof(ramdisk)), 0);
	close(fd);
	stop(&f);
	start(&f, 12 * MIB);
	f.build.ramdisk = NULL;
	f.build.ramdisk_fd = -1;
	EQ(build(&f), -EBADF);
	stop(&f);
}

/* Single frames, in pieces: the layout is the same. */
static void test_fragments(void)
{
	struct fixture f;

	fake_kernel_start(&kernel, 2, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	start(&f, 9 * MIB);
	f.fake->order_max = 3;
	for (unsigned int i = 0; i < 64; i++) {
		f.fake->owner[f.fake->frames - 1 - 37 * i] = 0;
	}
	OK(build(&f));
	check_common(&f);
	for (unsigned int i = 0; i < 64; i++) {
		f.fake->owner[f.fake->frames - 1 - 37 * i] = FAKE_FREE;
	}
	stop(&f);
}

static void test_small_memory(void)
{
	struct fixture f;

	fake_kernel_start(&kernel, 1, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	start(&f, 3 * MIB);
	EQ(build(&f), -E2BIG);
	SAYS("3 MiB of memory is too little");
	SAYS("need 5 MiB");
	EQ(f.fake->domain[f.domid].info.frames, 0);
	f.build.memory_frames = 5 * MIB;
	OK(build(&f));
	stop(&f);

	start(&f, 20 * MIB);
	f.build.ramdisk_size = 1ul << 40;
	EQ(build(&f), -E2BIG);
	f.build.ramdisk_size = ~0ul;
	EQ(build(&f), -E2BIG);
	SAYS("ramdisk of 18446744073709551615 bytes");
	f.build.ramdisk_size = sizeof(ramdisk);
	f.build.memory_frames = f.build.max_frames = 65 * MIB;
	EQ(build(&f), -ENOMEM);
	SAYS("got 64 of 65 MiB");
	stop(&f);
}

static void test_values(void)
{
	static char line[1025];
	struct fixture f;

	fake_kernel_start(&kernel, 1, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	start(&f, 20 * MIB);
	memset(line, 'x', 1024);
	f.build.cmdline = line;
	EQ(build(&f), -EINVAL);
	SAYS("command line has 1024 characters");
	f.build.cmdline = NULL;
	f.build.max_frames = 1;
	EQ(build(&f), -EINVAL);
	f.build.memory_frames = 0;
	EQ(build(&f), -EINVAL);
	f.build.memory_frames = f.build.max_frames = ~0ul;
	EQ(build(&f), -EINVAL);
	f.build.memory_frames = 20 * MIB;
	f.build.max_frames = 20 * MIB;
	f.build.ramdisk = NULL;
	f.build.ramdisk_size = 0;
	line[1023] = '\0';
	f.build.cmdline = line;
	OK(build(&f));
	CU_ASSERT_TRUE(
		fake_ctl_read(f.fake, f.domid, context(&f)->user_regs.rsi, &f.si, sizeof(f.si)));
	EQ(strlen((char *)f.si.cmd_line), 1023);
	EQ(f.si.mod_len, 0);
	EQ(f.si.mod_start, 0);
	stop(&f);
}

/* ---- Kernels that cannot be run ------------------------------------------------------- */

static void refused(const char *says)
{
	struct fixture f;

	start(&f, 20 * MIB);
	EQ(build(&f), -EINVAL);
	SAYS(says);
	EQ(f.fake->domain[f.domid].info.frames, 0);
	stop(&f);
}

static void fresh(void)
{
	fake_kernel_start(&kernel, 2, 5 * 4096);
}

static void test_bad_notes(void)
{
	static const struct {
		uint32_t type;
		uint64_t value;
		const char *says;
	} numbers[] = {
		{ XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE + 1, "not page aligned" },
		{ XEN_ELFNOTE_VIRT_BASE, 0, "entry point lies outside" },
		{ XEN_ELFNOTE_VIRT_BASE, ~0xffful, "VIRT_BASE" },
		{ XEN_ELFNOTE_ENTRY, 0x1000, "entry point lies outside" },
		{ XEN_ELFNOTE_PADDR_OFFSET, KERNEL_PADDR + 4096, "PADDR_OFFSET" },
		{ XEN_ELFNOTE_INIT_P2M, 12345, "not page aligned" },
		{ XEN_ELFNOTE_INIT_P2M, KERNEL_BASE, "too close" },
		{ XEN_ELFNOTE_INIT_P2M, 0xffff800000000000, "INIT_P2M" },
		{ XEN_ELFNOTE_INIT_P2M, 1ul << 50, "INIT_P2M" },
		{ XEN_ELFNOTE_INIT_P2M, 0x8000000000 - 4096, "INIT_P2M" },
		{ XEN_ELFNOTE_HYPERCALL_PAGE, KERNEL_BASE, "HYPERCALL_PAGE" },
		{ XEN_ELFNOTE_HYPERCALL_PAGE, KERNEL_ENTRY, "HYPERCALL_PAGE" },
		{ XEN_ELFNOTE_HV_START_LOW, 0xffff900000000000, "HV_START_LOW" },
	};

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		fresh();
		if (numbers[i].type != XEN_ELFNOTE_VIRT_BASE) {
			fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
		}
		fake_kernel_number(&kernel, numbers[i].type, numbers[i].value);
		refused(numbers[i].says);
	}
	fresh();
	refused("no Xen notes");
	fresh();
	fake_kernel_note(&kernel, XEN_ELFNOTE_VIRT_BASE, "abcde", 5);
	refused("neither 4 nor 8 bytes");
	fresh();
	fake_kernel_stock_notes(&kernel);
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	refused("given twice");
	fresh();
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	fake_kernel_note(&kernel, XEN_ELFNOTE_FEATURES, "a|!hvm_callback_vector|b", 24);
	refused("feature");
	fresh();
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	fake_kernel_note(&kernel, XEN_ELFNOTE_XEN_VERSION, "xen-9.0", 8);
	refused("another interface");
	fresh();
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	fake_kernel_note(&kernel, XEN_ELFNOTE_LOADER, "special", 8);
	refused("special loader");
}

static void test_bad_images(void)
{
	fresh();
	fake_kernel_stock_notes(&kernel);
	fake_kernel_segment(&kernel, 1)->p_paddr = KERNEL_PADDR + 4096;
	refused("overlap");
	/* Addresses that only wrap to lie behind each other. */
	fresh();
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	fake_kernel_number(&kernel, XEN_ELFNOTE_PADDR_OFFSET, ~0ul << 21);
	fake_kernel_segment(&kernel, 0)->p_paddr = (~0ul << 21) + KERNEL_PADDR;
	fake_kernel_segment(&kernel, 1)->p_paddr = (~0ul << 21) + KERNEL_PADDR;
	refused("overlap");
	fresh();
	fake_kernel_stock_notes(&kernel);
	fake_kernel_segment(&kernel, 1)->p_offset = kernel.size;
	refused("truncated");
	fresh();
	fake_kernel_stock_notes(&kernel);
	fake_kernel_segment(&kernel, 1)->p_memsz = 4096;
	refused("more bytes in the file");
	/* No room for the tables between the kernel and the end of addresses. */
	fresh();
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, 0 - 0x200000ul);
	fake_kernel_number(&kernel, XEN_ELFNOTE_ENTRY, 0 - 0x200000ul + KERNEL_PADDR);
	refused("do not fit behind its VIRT_BASE");
	fresh();
	fake_kernel_number(&kernel, XEN_ELFNOTE_VIRT_BASE, 0xffff800000000000);
	fake_kernel_number(&kernel, XEN_ELFNOTE_ENTRY, 0xffff800000000000 + KERNEL_PADDR);
	refused("do not fit behind its VIRT_BASE");
	memset(&kernel, 0, sizeof(kernel));
	refused("ELF");
}

/* ---- Failures on the way --------------------------------------------------------------- */

/* The n-th call of the core fails, for all n. */
static void test_failing_calls(void)
{
	unsigned int n = 0;
	int rc;

	fake_kernel_start(&kernel, 2, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	do {
		struct fixture f;

		start(&f, 9 * MIB);
		f.fake->fail_code = EIO;
		f.fake->calls = 0;
		f.fake->fail_at = ++n;
		rc = build(&f);
		EQ(rc, f.fake->calls >= n ? -EIO : 0);
		f.fake->fail_at = 0;
		stop(&f);
	} while (rc != 0);
	CU_ASSERT_TRUE(n > 12);
}

/* The n-th allocation fails, for all n. */
static void test_failing_allocations(void)
{
	unsigned int n = 0;
	bool failed;

	fake_kernel_start(&kernel, 2, 5 * 4096);
	fake_kernel_stock_notes(&kernel);
	do {
		struct fixture f;
		int rc;

		start(&f, 9 * MIB);
		f.fake->order_max = 0; /* more extents than one list has room for */
		for (size_t i = 0; i < f.fake->frames; i += 16) {
			f.fake->owner[i] = 0;
		}
		fake_alloc_fail_at(++n);
		rc = build(&f);
		failed = fake_alloc_failed();
		EQ(rc, failed ? -ENOMEM : 0);
		for (size_t i = 0; i < f.fake->frames; i += 16) {
			f.fake->owner[i] = FAKE_FREE;
		}
		stop(&f);
	} while (failed);
	CU_ASSERT_TRUE(n > 8);
}

CU_TestInfo build_tests[] = {
	{ "today's kernel", test_stock },
	{ "older kernel", test_older },
	{ "ramdisk of a file", test_ramdisk_file },
	{ "memory in pieces", test_fragments },
	{ "too little memory", test_small_memory },
	{ "values", test_values },
	{ "bad notes", test_bad_notes },
	{ "bad images", test_bad_images },
	{ "each call fails", test_failing_calls },
	{ "each allocation fails", test_failing_allocations },
	CU_TEST_INFO_NULL,
};
