/* SPDX-License-Identifier: MIT */
/*
 * Builds a domain from boot modules: its kernel, an uncompressed ELF image, and
 * its ramdisk, if any.  The control domain's are the modules 0 and 1; of other
 * domains tests/boot_guests knows.
 *
 * Called at start-up on one CPU, for one domain after the other; all of it is
 * freed afterwards.  There is nobody to hand an error to: what is wrong with the
 * control domain ends start-up with one line that says so, and any other domain
 * is left out with such a line.  The kernel image is read with the care that a
 * hostile one needs.
 * The page tables are written raw and then typed and pinned the way a guest's
 * are, so that the frame table's counts are exact from the start.
 */
#include <hv/build.h>

#include <vl/control.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#include <hv/boot.h>
#include <hv/cmdline.h>
#include <hv/elf.h>
#include <hv/gnttab.h>
#include <hv/guests.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/page.h>
#include <hv/sched.h>

#define DMA_RESERVE_MAX (128ull << 20)
#define FRAMES_TO_MB(n) ((unsigned long)(n) >> (20 - PAGE_SHIFT))

static INIT_DATA struct build_spec *spec; /* being built */
static INIT_DATA struct elf_image image;
static INIT_DATA struct elf_kernel kernel;
static INIT_DATA struct build_layout layout;
static INIT_DATA struct vcpu_guest_context context;

/* Always false; does not return if it is the control domain that fails. */
static INIT_TEXT printf_like(1, 2) bool failed(const char *fmt, ...)
{
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	vformat(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (spec->id == 0) {
		boot_failed("%s: %s", spec->name, reason);
	}
	pr_err("%s: %s; it is left out", spec->name, reason);
	return false;
}

/* The bytes of a module, in the direct map; NULL and *size 0: there is none. */
static INIT_TEXT const uint8_t *module_data(unsigned int i, uint64_t *size)
{
	const struct boot_module *m = &boot_info.module[i < boot_info.module_count ? i : 0];

	*size = i < boot_info.module_count ? m->end - m->start : 0;
	if (*size == 0) {
		return NULL;
	}
	return (const uint8_t *)frame_ptr(m->start >> PAGE_SHIFT) + (m->start & (PAGE_SIZE - 1));
}

/* ---- The kernel image ------------------------------------------------------------- */

static INIT_TEXT bool has_note(unsigned int note)
{
	return (kernel.has & 1ull << note) != 0;
}

static INIT_TEXT bool open_kernel(void)
{
	uint64_t size;
	const uint8_t *data = module_data(spec->kernel, &size);
	const char *error;

	if (size == 0) {
		return failed("no kernel: the boot loader gave no module");
	}
	if (size > 0x206 && memcmp(data + 0x202, "HdrS", 4) == 0) {
		return failed(
			"module %u is a packed kernel (bzImage): unpack it with vl-unpack first",
			spec->kernel);
	}
	error = elf_open(&image, data, size);
	if (error == NULL) {
		error = elf_kernel_info(&image, &kernel);
	}
	if (error != NULL) {
		return failed("module %u: %s", spec->kernel, error);
	}
	if (spec->id == 0 && has_note(XEN_ELFNOTE_SUPPORTED_FEATURES) &&
	    (kernel.supported & 1u << XENFEAT_dom0) == 0) {
		return failed("the kernel cannot be a control domain");
	}
	if (kernel.hv_start_low > CORE_VIRT_START) {
		return failed(
			"the kernel leaves the core no address space below %#lx (HV_START_LOW)",
			(unsigned long)kernel.hv_start_low);
	}
	pr_info("%s: kernel %#lx-%#lx, entry %#lx", spec->name, (unsigned long)kernel.vstart,
		(unsigned long)kernel.vend, (unsigned long)kernel.entry);
	return true;
}

/* Copies to (or with NULL clears) guest memory at byte `at`. */
static INIT_TEXT void write_guest(uint64_t at, const uint8_t *src, uint64_t n)
{
	while (n != 0) {
		unsigned long offset = at & (PAGE_SIZE - 1);
		uint8_t *dst = build_frame(at >> PAGE_SHIFT);
		uint64_t part = MIN(n, PAGE_SIZE - offset);

		if (src != NULL) {
			memcpy(dst + offset, src, part);
			src += part;
		} else {
			memset(dst + offset, 0, part);
		}
		at += part;
		n -= part;
	}
}

static INIT_TEXT void load_kernel(void)
{
	struct elf_segment seg;

	for (unsigned int i = 0; elf_load_segment(&image, i, &seg); i++) {
		uint64_t at = seg.paddr - kernel.paddr_offset;

		write_guest(at, image.data + seg.offset, seg.filesz);
		write_guest(at + seg.filesz, NULL, seg.memsz - seg.filesz);
	}
	if (has_note(XEN_ELFNOTE_HYPERCALL_PAGE)) {
		hypercall_page_fill(
			build_frame((kernel.hypercall_page - kernel.virt_base) >> PAGE_SHIFT));
	}
}

/* ---- Memory ---------------------------------------------------------------------- */

/* Frames of the control domain. */
static INIT_TEXT unsigned long choose_size(void)
{
	unsigned long want = options.dom0_mem >> PAGE_SHIFT;
	unsigned long all = heap_free_frames();
	uint64_t reserve = options.dma_reserve >> PAGE_SHIFT;

	if (options.dma_reserve == ~0ull) {
		reserve = MIN(all / 16, DMA_RESERVE_MAX >> PAGE_SHIFT);
	}
	all = all > reserve ? all - reserve : 0;
	if (want > all) {
		pr_warn("dom0: dom0_mem=%luM is more than there is: it gets "
			"%lu MiB (%lu MiB are kept for DMA)",
			FRAMES_TO_MB(want), FRAMES_TO_MB(all), FRAMES_TO_MB(reserve));
	}
	return want != 0 ? MIN(want, all) : all;
}

/* Heap frames in the largest blocks there are; high memory first, so that what
 * is kept for DMA is low. */
static INIT_TEXT void add_memory(struct domain *d)
{
	unsigned int order = HEAP_MAX_ORDER;

	while (d->tot_pages < spec->frames) {
		struct page *pg = NULL;

		if (1ul << order <= spec->frames - d->tot_pages) {
			/* The control domain may see what the firmware left. */
			pg = spec->id == 0 ? heap_alloc_raw(order, ADDRESS_BITS_ANY) :
					     heap_alloc(order, ADDRESS_BITS_ANY);
		}
		if (pg == NULL) {
			CHECK(order != 0); /* the heap has that many */
			order--;
			continue;
		}
		if (!build_add_frames(d->tot_pages, page_to_mfn(pg), 1ul << order)) {
			heap_free(pg, order);
			pr_warn("%s: free memory is in too many pieces, %lu MiB are left out",
				spec->name, FRAMES_TO_MB(spec->frames - d->tot_pages));
			return;
		}
		CHECK(domain_assign_frames(d, pg, order, false) == 0);
	}
}

static INIT_TEXT bool build_memory(struct domain *d)
{
	const char *error;
	uint64_t size;

	(void)module_data(spec->ramdisk, &size);
	error = build_plan(&layout, &kernel, spec->frames, size);
	if (error != NULL) {
		return failed("%s", error);
	}
	add_memory(d);
	if (layout.end > d->tot_pages) {
		/* With more memory its list of frames grows, too. */
		return failed("%lu MiB of memory (%s) is too little: "
			      "the kernel, its ramdisk and tables need %lu MiB",
			      FRAMES_TO_MB(d->tot_pages), spec->id == 0 ? "dom0_mem" : "mem",
			      FRAMES_TO_MB(layout.end + layout.end / 256) + 1);
	}
	d->max_pages = (uint32_t)MIN(MAX(spec->max_frames, d->tot_pages), UINT32_MAX);
	return true;
}

/* The list of frames, and the machine's table that is its inverse. */
static INIT_TEXT void fill_p2m(unsigned long frames)
{
	const unsigned long per_page = PAGE_SIZE / sizeof(uint64_t);
	uint64_t *list = NULL;

	for (unsigned long pfn = 0; pfn < layout.p2m_pages * per_page; pfn++) {
		if (pfn % per_page == 0) {
			list = build_frame(layout.p2m + pfn / per_page);
			memset(list, 0xff, PAGE_SIZE);
		}
		if (pfn < frames) {
			list[pfn % per_page] = build_mfn(pfn);
			arch_m2p_set(build_mfn(pfn), pfn);
		}
	}
}

/* ---- What the kernel finds --------------------------------------------------------- */

static INIT_TEXT uint64_t va_of(unsigned long pfn)
{
	return layout.virt_base + ((uint64_t)pfn << PAGE_SHIFT);
}

static INIT_TEXT void fill_start_info(const struct domain *d)
{
	struct start_info *si = build_frame(layout.start_info);
	char *line = (char *)si->cmd_line;
	size_t n = 0;

	memset(si, 0, PAGE_SIZE);
	format(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
	si->nr_pages = d->tot_pages;
	si->shared_info = (uint64_t)ptr_frame(d->shared) << PAGE_SHIFT;
	si->flags = d->is_control ? SIF_PRIVILEGED | SIF_INITDOMAIN : 0;
	si->pt_base = va_of(layout.tables);
	si->nr_pt_frames = layout.table_pages;
	si->mfn_list = layout.p2m_va;
	if (layout.p2m_table_pages != 0) {
		si->first_p2m_pfn = layout.p2m;
		si->nr_p2m_frames = layout.p2m_pages + layout.p2m_table_pages;
	}
	if (layout.ramdisk_pages != 0) {
		si->mod_start = kernel.mod_start_pfn ? layout.ramdisk : va_of(layout.ramdisk);
		si->mod_len = layout.ramdisk_size;
	}
	if (kernel.mod_start_pfn) {
		si->flags |= SIF_MOD_START_PFN;
	}
	if (!d->is_control) {
		/* No port: nobody serves the store. */
		si->store_mfn = build_mfn(layout.store);
		si->console.domU.mfn = build_mfn(layout.console);
		si->console.domU.evtchn = d->vcpu[0]->virq_port[VIRQ_CONSOLE];
	}
	/* In front: it is no argument of init, and a user's own comes later. */
	if (d->is_control && boot_info.rsdp_addr != 0) {
		n = (unsigned int)format(line, sizeof(si->cmd_line), "acpi_rsdp=%#lx ",
					 (unsigned long)boot_info.rsdp_addr);
	}
	if ((size_t)format(line + n, sizeof(si->cmd_line) - n, "%s", spec->cmdline) >=
	    sizeof(si->cmd_line) - n) {
		pr_warn("%s: command line is cut after %zu characters", spec->name,
			sizeof(si->cmd_line) - n - 1);
	}
}

static INIT_TEXT void start_vcpu(struct vcpu *v, unsigned long l4)
{
	struct page *pg;
	int rc;

	context.flags = VGCF_in_kernel | VGCF_online;
	context.user_regs = (struct cpu_user_regs){
		.rip = kernel.entry,
		.rsp = va_of(layout.stack + 1),
		.rsi = va_of(layout.start_info),
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF,
		.cs = FLAT_KERNEL_CS,
		.ss = FLAT_KERNEL_SS,
		.ds = FLAT_KERNEL_DS,
		.es = FLAT_KERNEL_DS,
	};
	context.kernel_ss = FLAT_KERNEL_SS;
	context.kernel_sp = context.user_regs.rsp;
	context.ctrlreg[3] = xen_pfn_to_cr3(l4);
	do {
		rc = vcpu_set_context(v, &context);
	} while (rc == -XEN_ERESTART);
	/* Of this only the entry point is the image's, and that is mapped. */
	CHECK(rc == 0);
	/* That has typed the tables; the kernel expects them pinned as well. */
	CHECK(page_get_and_type(l4, v->domain, PGT_L4, &pg) == 0 && page_pin(pg));
	sched_wake(v, PAUSE_DOWN);
}

static INIT_TEXT bool fill_domain(struct domain *d)
{
	uint64_t size;
	const uint8_t *ramdisk = module_data(spec->ramdisk, &size);

	load_kernel();
	write_guest((uint64_t)layout.ramdisk << PAGE_SHIFT, ramdisk, size);
	write_guest((uint64_t)layout.store << PAGE_SHIFT, NULL, 2ull * PAGE_SIZE);
	if (!d->is_control && !guest_console_init(d, build_mfn(layout.console))) {
		return failed("no memory for its console");
	}
	fill_p2m(d->tot_pages);
	fill_start_info(d);
	write_guest((uint64_t)layout.stack << PAGE_SHIFT, NULL, PAGE_SIZE);
	start_vcpu(d->vcpu[0], build_make_tables(&layout));
	return true;
}

INIT_TEXT struct domain *build_domain(struct build_spec *s)
{
	/* The control domain maps what all others grant to it. */
	const struct vl_create how = {
		.vcpus = s->vcpus,
		.max_frames = UINT32_MAX, /* until the end is known */
		.maptrack_frames = s->id == 0 ? GNTTAB_MAP_PAGES_MAX : 0,
	};
	struct domain *d;
	int rc;

	spec = s;
	if (!open_kernel()) {
		return NULL;
	}
	d = domain_create(s->id, &how, &rc);
	if (s->id == 0 && rc == 0) {
		rc = ioport_domain_init(d);
		s->frames = choose_size();
	}
	if (rc != 0) {
		(void)failed("no memory for it and its %u vCPUs, or impossible values (%d)",
			     s->vcpus, rc);
	} else if (build_memory(d) && fill_domain(d)) {
		pr_info("%s: domain %u, %u vCPUs, %lu MiB of memory, at most %lu MiB, %lu MiB stay free",
			s->name, s->id, d->max_vcpus, FRAMES_TO_MB(d->tot_pages),
			FRAMES_TO_MB(d->max_pages), FRAMES_TO_MB(heap_free_frames()));
		return d;
	}
	if (d != NULL) {
		while (domain_destroy(d) != 0) {}
	}
	return NULL;
}

/* ---- The control domain ------------------------------------------------------------ */

INIT_TEXT void dom0_build(void)
{
	unsigned int vcpus = options.dom0_max_vcpus;
	struct build_spec s = {
		.name = "dom0",
		.ramdisk = boot_guests_is(1) ? ~0u : 1,
		.cmdline = boot_info.module[0].cmdline,
		.vcpus = MIN(vcpus != 0 ? vcpus : cpu_count(), MAX_VCPUS),
		.max_frames = options.dom0_mem_max >> PAGE_SHIFT,
	};

	if (vcpus > MAX_VCPUS) {
		pr_warn("dom0: %u vCPUs are more than the limit of %d", vcpus, MAX_VCPUS);
	}
	control_domain = build_domain(&s);
	for (unsigned int i = 0; options.dom0_vcpus_pin && i < s.vcpus; i++) {
		struct vcpu *v = control_domain->vcpu[i];

		CHECK(vcpu_set_affinity(v, 1ull << v->cpu) == 0);
	}
}
