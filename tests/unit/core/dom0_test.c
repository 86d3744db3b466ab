/* SPDX-License-Identifier: MIT */
/* The control domain and guests, built from a synthetic kernel by core_main(). */
#include "core_test.h"

#include "elf_image.h"

#include <xen/elfnote.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#include <hv/boot.h>
#include <hv/cmdline.h>
#include <hv/evtchn.h>
#include <hv/guests.h>
#include <hv/mm.h>
#include <hv/printk.h>

static struct elf_test_image image;

/* As a boot loader leaves it: RAM of the core's that is in no heap. */
static void add_module(const void *data, size_t size, const char *cmdline)
{
	struct boot_module *m = &boot_info.module[boot_info.module_count++];
	unsigned int order = 0;
	struct page *pg;

	while ((size_t)PAGE_SIZE << order < size) {
		order++;
	}
	pg = heap_alloc_raw(order, ADDRESS_BITS_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
	memset(frame_ptr(page_to_mfn(pg)), 0xee, (size_t)PAGE_SIZE << order);
	memcpy(frame_ptr(page_to_mfn(pg)), data, size);
	m->start = (uint64_t)page_to_mfn(pg) << PAGE_SHIFT;
	m->end = m->start + size;
	m->cmdline = cmdline;
	for (unsigned long i = (size + PAGE_SIZE - 1) >> PAGE_SHIFT; i < 1ul << order; i++) {
		heap_free(pg + i, 0);
	}
}

static struct vcpu *boot(void)
{
	struct vcpu *v;
	jmp_buf end;

	fake_cpu_set(0);
	fake_machine_end = &end;
	if (setjmp(end) == 0) {
		core_main();
	}
	fake_machine_end = NULL;
	CU_ASSERT_PTR_NOT_NULL_FATAL(control_domain);
	v = control_domain->vcpu[0];
	CU_ASSERT_FATAL(fake_run(v));
	return v;
}

static uint8_t byte_at(uint64_t va)
{
	uint8_t byte = 0;

	TRUE_(fake_guest_read(va, &byte, 1));
	return byte;
}

/* The list must name the domain's frames, each once, and the m2p agree. */
static void check_p2m(const struct start_info *si)
{
	for (unsigned long pfn = 0; pfn < si->nr_pages; pfn++) {
		uint64_t mfn = 0;

		if (!fake_guest_read(si->mfn_list + pfn * 8, &mfn, 8) || mfn >= frame_max) {
			CU_FAIL_FATAL("p2m");
		}
		if (mfn_to_page(mfn)->owner != 0 || arch_m2p_get(mfn) != pfn) {
			CU_FAIL_FATAL("p2m and m2p differ");
		}
	}
}

static void check_tables_read_only(const struct start_info *si)
{
	for (unsigned long i = 0; i < si->nr_pt_frames; i++) {
		uint64_t word = 0, va = si->pt_base + i * PAGE_SIZE;

		TRUE_(fake_guest_read(va, &word, 8));
		FALSE_(fake_guest_write(va, &word, 8));
	}
}

static void test_boot(void)
{
	uint8_t ramdisk[10000];
	struct start_info si;
	struct vcpu *v;
	uint64_t mod;

	memset(ramdisk, 0x5d, sizeof(ramdisk));
	elf_image_start(&image);
	elf_image_stock_notes(&image);
	elf_image_seal(&image);
	add_module(image.bytes, image.size, "console=hvc0 quiet");
	add_module(ramdisk, sizeof(ramdisk), "");
	v = boot();
	EQ(control_domain->max_vcpus, FAKE_CPUS);
	EQ(v->regs.rip, ELF_ENTRY);
	EQ(v->info->evtchn_upcall_mask, 1);
	EQ(byte_at(ELF_ENTRY), ELF_CODE_BYTE);
	OK(byte_at(ELF_VIRT_BASE + ELF_LOAD_PADDR + 4096));
	TRUE_(fake_guest_read(v->regs.rsi, &si, sizeof(si)));
	OK(strncmp(si.magic, "xen-3.0-x86_64", 14));
	EQ(si.nr_pages, control_domain->tot_pages);
	CU_ASSERT_STRING_EQUAL((char *)si.cmd_line, "console=hvc0 quiet");
	EQ(si.flags, SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MOD_START_PFN);
	EQ(si.mfn_list, ELF_P2M);
	OK(si.store_evtchn);
	EQ(si.shared_info, (uint64_t)ptr_frame(control_domain->shared) << PAGE_SHIFT);
	check_p2m(&si);
	check_tables_read_only(&si);
	EQ(si.pt_base + si.nr_pt_frames * PAGE_SIZE + PAGE_SIZE, v->regs.rsp);
	/* a stack, and half a megabyte mapped behind it */
	TRUE_(fake_guest_write(v->regs.rsp - 8, &si, 8));
	TRUE_(fake_guest_write(v->regs.rsp + 512 * 1024 - 8, &si, 8));
	/* the ramdisk, by frame number, cleared behind its end */
	EQ(si.mod_len, sizeof(ramdisk));
	TRUE_(fake_guest_read(si.mfn_list + (si.mod_start + 2) * 8, &mod, 8));
	EQ(((uint8_t *)frame_ptr(mod))[sizeof(ramdisk) - 8192 - 1], 0x5d);
	OK(((uint8_t *)frame_ptr(mod))[sizeof(ramdisk) - 8192]);
	/* its first call */
	EQ(fake_call(__HYPERVISOR_xen_version, 0, 0), 4 << 16 | 17);
	/* the tables are pinned: it may unpin them */
	TRUE_(mfn_to_page(v->cr3_kernel >> PAGE_SHIFT)->type & PGT_PINNED);
	fake_settle();
	OK(audit_all());
	control_domain = NULL;
}

/* Neither INIT_P2M nor MOD_START_PFN: all of it behind the image. */
static void test_older_kernel(void)
{
	uint8_t ramdisk[5000];
	struct start_info si;
	struct vcpu *v;

	memset(ramdisk, 0x5d, sizeof(ramdisk));
	elf_image_start(&image);
	elf_image_number(&image, XEN_ELFNOTE_VIRT_BASE, ELF_VIRT_BASE);
	elf_image_number(&image, XEN_ELFNOTE_HYPERCALL_PAGE, ELF_VIRT_BASE + ELF_LOAD_PADDR + 4096);
	elf_image_seal(&image);
	add_module(image.bytes, image.size, "quiet acpi_rsdp=1");
	add_module(ramdisk, sizeof(ramdisk), "");
	options.dom0_mem = 24 << 20;
	options.dom0_mem_max = 32 << 20;
	options.dom0_max_vcpus = 2;
	boot_info.rsdp_addr = 0x28c000;
	v = boot();
	EQ(control_domain->tot_pages, (24 << 20) >> PAGE_SHIFT);
	EQ(control_domain->max_pages, (32 << 20) >> PAGE_SHIFT);
	EQ(control_domain->max_vcpus, 2);
	TRUE_(fake_guest_read(v->regs.rsi, &si, sizeof(si)));
	/* where ACPI's root pointer is: one that a user gives counts more */
	CU_ASSERT_STRING_EQUAL((char *)si.cmd_line, "acpi_rsdp=0x28c000 quiet acpi_rsdp=1");
	check_p2m(&si);
	check_tables_read_only(&si);
	EQ(byte_at(si.mod_start), 0x5d);
	EQ(byte_at(si.mod_start + sizeof(ramdisk) - 1), 0x5d);
	EQ(byte_at(ELF_VIRT_BASE + ELF_LOAD_PADDR + 4096), 0x51); /* push */
	fake_settle();
	OK(audit_all());
	control_domain = NULL;
}

/* Memory in more pieces than the list has room for used to end the start-up:
 * the domain gets the largest ones. */
static void test_fragments(void)
{
	unsigned long free;
	struct page *pg;
	struct vcpu *v;
	struct start_info si;

	elf_image_start(&image);
	elf_image_stock_notes(&image);
	elf_image_seal(&image);
	add_module(image.bytes, image.size, "");
	/* Half of the machine by single frames. */
	free = heap_free_frames();
	while (heap_free_frames() > free / 2) {
		pg = heap_alloc_raw(1, ADDRESS_BITS_ANY);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
		pg->owner = OWNER_NONE;
	}
	for (unsigned long mfn = 0x100; mfn < frame_max; mfn++) {
		pg = mfn_to_page(mfn);
		if (mfn_valid(mfn) && pg->owner == OWNER_NONE && pg->count == 0) {
			pg->owner = OWNER_CORE;
			(pg + 1)->owner = OWNER_CORE;
			heap_free(pg, 0);
			mfn++;
		}
	}
	v = boot();
	TRUE_(fake_console_has("free memory is in too many pieces"));
	TRUE_(fake_guest_read(v->regs.rsi, &si, sizeof(si)));
	EQ(si.nr_pages, control_domain->tot_pages);
	TRUE_(control_domain->tot_pages > free / 2);
	TRUE_(control_domain->tot_pages < free / 2 + 2048);
	check_p2m(&si);
	fake_settle();
	OK(audit_all());
	control_domain = NULL;
}

/* ---- Guests from boot modules ------------------------------------------------------- */

static struct domain *boot_guest(const char *line)
{
	elf_image_start(&image);
	elf_image_stock_notes(&image);
	elf_image_seal(&image);
	options.dom0_mem = 16 << 20;
	add_module(image.bytes, image.size, "");
	add_module(image.bytes, image.size, line);
	add_module("ramdisk", 8, "");
	/* None of these can be: the rest starts all the same. */
	add_module(image.bytes, image.size, "guest mem=64K");
	add_module(image.bytes, image.size, "guest mem=1G");
	add_module(image.bytes, image.size, "guest mem=8M vcpus=65");
	add_module(image.bytes, image.size, "guest vcpus=");
	add_module("no kernel", 10, "guest mem=8M");
	(void)boot();
	TRUE_(fake_console_has("guest 2: 0 MiB of memory (mem) is too little"));
	TRUE_(fake_console_has("guest 3: 1024 MiB of memory (mem) is too much"));
	TRUE_(fake_console_has("guest 4: no memory for it and its 65 vCPUs, or impossible"));
	TRUE_(fake_console_has("option vcpus=: cannot use the value"));
	TRUE_(fake_console_has("guest 5: a value cannot be used; it is left out"));
	TRUE_(fake_console_has("guest 6: module 7: "));
	for (uint16_t id = 2; id < 8; id++) {
		CU_ASSERT_PTR_NULL(domain_get(id));
	}
	OK(audit_all());
	return domain_get(1);
}

static struct xencons_interface *ring; /* of the guest */
static uint32_t ring_port;

static struct domain *start_guest(void)
{
	struct domain *d = boot_guest("guest mem=8M vcpus=2 odd=1 -- console=hvc0 x");
	struct start_info si;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	domain_put(d);
	TRUE_(fake_console_has("option odd=1: not known"));
	CU_ASSERT_FATAL(fake_run(d->vcpu[0]));
	FALSE_(d->is_control || d->may_io);
	EQ(d->max_vcpus, 2);
	EQ(d->tot_pages, (8 << 20) >> PAGE_SHIFT);
	TRUE_(fake_guest_read(me()->regs.rsi, &si, sizeof(si)));
	EQ(si.flags, SIF_MOD_START_PFN);
	CU_ASSERT_STRING_EQUAL((char *)si.cmd_line, "console=hvc0 x");
	EQ(si.mod_len, 8);
	OK(si.store_evtchn);
	EQ(mfn_to_page(si.store_mfn)->owner, 1);
	EQ(si.console.domU.mfn, page_to_mfn(d->console_page));
	ring = frame_ptr(si.console.domU.mfn);
	ring_port = si.console.domU.evtchn;
	return d;
}

/* A call with one word of arguments, on the guest's stack. */
static long call_word(unsigned long nr, uint64_t cmd, uint32_t word)
{
	uint64_t at = me()->regs.rsp - 64;

	TRUE_(fake_guest_write(at, &word, sizeof(word)));
	return fake_call(nr, cmd, at);
}

static void say(const char *text)
{
	for (; *text != '\0'; text++) {
		ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = *text;
	}
	OK(call_word(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ring_port));
	EQ(ring->out_cons, ring->out_prod);
}

/* How many of the bytes are the control domain's. */
static unsigned int type_keys(const char *keys)
{
	unsigned int control = 0;

	for (; *keys != '\0'; keys++) {
		control += guest_console_input(*keys);
	}
	return control;
}

static void test_guest_console(void)
{
	struct domain *d = start_guest();
	struct evtchn *chn = evtchn_lookup(d, ring_port);

	/* Whole lines, without what steers a terminal. */
	fake_console_clear();
	say("one\x1b[2J\ntw");
	TRUE_(fake_console_has("(d1) one?[2J\r\n"));
	FALSE_(fake_console_has("tw"));
	/* Not into the control domain's line. */
	printk_domain(0, "mine", 4);
	say("o\n");
	TRUE_(fake_console_has("mine\r\n(d1) two\r\n"));
	/* The keyboard; what waits for its newline appears. */
	say("# ");
	EQ(type_keys("a\1b\1\1c"), 6);
	OK(type_keys("\1\1\1"));
	TRUE_(fake_console_has("input to domain 1"));
	TRUE_(fake_console_has("(d1) # "));
	OK(type_keys("l\1s"));
	EQ(ring->in_prod, 3);
	OK(memcmp(ring->in, "l\1s", 3));
	TRUE_(evtchn_is_pending(d, chn->port));
	fake_console_clear();
	say("raw\x1b");
	TRUE_(fake_console_has("raw\x1b"));
	/* A ring that is full, and one that lies. */
	ring->in_cons = ring->in_prod - sizeof(ring->in);
	OK(type_keys("x"));
	EQ(ring->in_prod, 3);
	ring->in_cons = 77;
	OK(type_keys("x"));
	EQ(ring->in_prod, 3);
	fake_console_clear();
	ring->out_prod = ring->out_cons + sizeof(ring->out) + 1;
	OK(call_word(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ring_port));
	OK(fake.console_used);
	OK(type_keys("\1\1\1"));
	EQ(type_keys("y"), 1);
	OK(audit_all());
	/* The page cannot become another thing while it is a ring. */
	TRUE_(page_get_type(d->console_page, PGT_L1) < 0);
	control_domain = NULL;
}

/* Its end is nobody's call; the frames are back all the same. */
static void test_guest_end(void)
{
	struct domain *d = start_guest();
	unsigned long before = heap_free_frames();

	OK(type_keys("\1\1\1"));
	(void)call_word(__HYPERVISOR_sched_op, SCHEDOP_shutdown, SHUTDOWN_crash);
	fake_settle();
	TRUE_(fake_console_has("domain 1: shut down (crash)"));
	TRUE_(fake_console_has("domain 1: destroyed, 8192 KiB of memory are back"));
	CU_ASSERT_PTR_NULL(domain_get(1));
	TRUE_(heap_free_frames() >= before + (8 << 20 >> PAGE_SHIFT));
	(void)d;
	EQ(type_keys("y"), 1);
	OK(audit_all());
	control_domain = NULL;
}

CU_TestInfo dom0_tests[] = {
	{ "a stock kernel", test_boot },	  { "an older kernel, limited", test_older_kernel },
	{ "fragmented memory", test_fragments },  { "a guest and its console", test_guest_console },
	{ "the end of a guest", test_guest_end }, CU_TEST_INFO_NULL,
};
