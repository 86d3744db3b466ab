/* SPDX-License-Identifier: MIT */
/*
 * Builds the control domain from the boot modules: module 0 is its kernel, an
 * uncompressed ELF image, module 1 its ramdisk, if any.
 *
 * Called once at start-up by main.c, on one CPU; all of it is freed afterwards.
 * There is nobody to hand an error to: each failure is one panic line with its
 * cause.  The kernel image is read with the care that a hostile one needs.
 * The page tables are written raw and then typed and pinned the way a guest's
 * are, so that the frame table's counts are exact from the start.
 */
#include <hv/boot.h>

#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/features.h>
#include <xen/xen.h>

#include <arch/cpu.h>
#include <arch/paging.h>

#include <hv/check.h>
#include <hv/cmdline.h>
#include <hv/dom0.h>
#include <hv/domain.h>
#include <hv/elf.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/page.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/vcpu.h>

#define DMA_RESERVE_MAX (128ull << 20)
#define FRAMES_TO_MB(n) ((unsigned long)(n) >> (20 - PAGE_SHIFT))

_Static_assert(sizeof(struct start_info) +
			       sizeof(struct dom0_vga_console_info) <=
		       PAGE_SIZE,
	       "both lie in one frame");

static INIT_DATA struct elf_image image;
static INIT_DATA struct elf_kernel kernel;
static INIT_DATA struct dom0_layout layout;
static INIT_DATA struct vcpu_guest_context context;

static INIT_TEXT uint64_t module_size(unsigned int i)
{
	return i < boot_info.module_count ?
		       boot_info.module[i].end - boot_info.module[i].start :
		       0;
}

/* The bytes of a module, in the direct map. */
static INIT_TEXT const uint8_t *module_data(unsigned int i)
{
	const struct boot_module *m = &boot_info.module[i];
	const uint8_t *base = frame_ptr(m->start >> PAGE_SHIFT);

	if (m->end < m->start || !mfn_valid(m->start >> PAGE_SHIFT) ||
	    !mfn_valid((m->end - 1) >> PAGE_SHIFT)) {
		panic("dom0: module %u is not in RAM", i);
	}
	return base + (m->start & (PAGE_SIZE - 1));
}

/* ---- The kernel image ------------------------------------------------------------- */

static INIT_TEXT void open_kernel(void)
{
	const uint8_t *data;
	uint64_t size = module_size(0);

	if (size == 0) {
		panic("dom0: no kernel: the boot loader gave no module");
	}
	data = module_data(0);
	if (!elf_open(&image, data, size)) {
		if (size > 0x206 && memcmp(data + 0x202, "HdrS", 4) == 0) {
			panic("dom0: module 0 is a packed kernel (bzImage): "
			      "unpack it with vl-unpack first");
		}
		panic("dom0: module 0 is %s", image.error);
	}
	if (!elf_kernel_info(&image, &kernel)) {
		panic("dom0: module 0: %s", image.error);
	}
	if (!kernel.wants_features_ok) {
		panic("dom0: the kernel requires a feature that is not "
		      "offered to PV guests");
	}
	if ((kernel.has & 1ull << XEN_ELFNOTE_SUPPORTED_FEATURES) != 0 &&
	    (kernel.supported & 1u << XENFEAT_dom0) == 0) {
		panic("dom0: the kernel cannot be a control domain");
	}
	if ((kernel.has & 1ull << XEN_ELFNOTE_HV_START_LOW) != 0 &&
	    kernel.hv_start_low > CORE_VIRT_START) {
		panic("dom0: the kernel leaves the core no address space "
		      "below %#llx (HV_START_LOW)",
		      (unsigned long long)kernel.hv_start_low);
	}
	pr_info("dom0: kernel %s %s, %#llx-%#llx, entry %#llx", kernel.guest_os,
		kernel.guest_version, (unsigned long long)kernel.vstart,
		(unsigned long long)kernel.vend,
		(unsigned long long)kernel.entry);
}

/* Copies to (or with NULL clears) guest memory at byte `at`. */
static INIT_TEXT void write_guest(uint64_t at, const uint8_t *src, uint64_t n)
{
	while (n != 0) {
		unsigned long run, offset = at & (PAGE_SIZE - 1);
		uint8_t *dst = frame_ptr(dom0_mfn(at >> PAGE_SHIFT, &run));
		uint64_t part = MIN(n, ((uint64_t)run << PAGE_SHIFT) - offset);

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
	unsigned int i;

	for (i = 0; elf_load_segment(&image, i, &seg); i++) {
		uint64_t at = seg.paddr - kernel.paddr_offset;

		write_guest(at, image.data + seg.offset, seg.filesz);
		write_guest(at + seg.filesz, NULL, seg.memsz - seg.filesz);
	}
	if ((kernel.has & 1ull << XEN_ELFNOTE_HYPERCALL_PAGE) != 0) {
		hypercall_page_fill(
			dom0_frame((kernel.hypercall_page - kernel.virt_base) >>
				   PAGE_SHIFT));
	}
}

/* ---- Memory ---------------------------------------------------------------------- */

/* The ramdisk's own frames can become the domain's: nobody else uses them. */
static INIT_TEXT bool ramdisk_in_place(void)
{
	const struct boot_module *m = &boot_info.module[1];
	unsigned long mfn, end = (m->end + PAGE_SIZE - 1) >> PAGE_SHIFT;
	unsigned int i;

	if (module_size(1) == 0 || !kernel.mod_start_pfn ||
	    (m->start & (PAGE_SIZE - 1)) != 0) {
		return false;
	}
	for (i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *other = &boot_info.module[i];

		if (i != 1 && other->start < (uint64_t)end << PAGE_SHIFT &&
		    m->start < other->end) {
			return false;
		}
	}
	for (mfn = m->start >> PAGE_SHIFT; mfn < end; mfn++) {
		const struct page *pg = mfn_to_page(mfn);

		if (!mfn_valid(mfn) || pg->owner != OWNER_CORE ||
		    pg->count != 0) {
			return false;
		}
	}
	return true;
}

/* Frames of the domain, `extra` of which do not come out of the heap. */
static INIT_TEXT unsigned long choose_size(unsigned long extra)
{
	unsigned long all = heap_free_frames(), want;
	uint64_t reserve = options.dma_reserve;

	if (reserve == ~0ull) {
		reserve = MIN(((uint64_t)all << PAGE_SHIFT) / 16,
			      DMA_RESERVE_MAX);
	}
	reserve >>= PAGE_SHIFT;
	all = all > reserve ? all - reserve : 0;
	if (options.dom0_mem == 0) {
		return all + extra;
	}
	want = options.dom0_mem >> PAGE_SHIFT;
	if (want > all + extra) {
		panic("dom0: dom0_mem asks for %lu MiB, there are %lu MiB "
		      "(and %lu MiB kept for DMA)",
		      FRAMES_TO_MB(want), FRAMES_TO_MB(all + extra),
		      FRAMES_TO_MB(reserve));
	}
	return want;
}

/* Appends heap frames in the largest blocks there are, up to guest frame
 * `end`; high memory first, so that what is kept for DMA is low. */
static INIT_TEXT void add_memory(struct domain *d, unsigned long end)
{
	unsigned int order = HEAP_MAX_ORDER;
	struct page *pg;

	while (dom0_frame_count() < end) {
		while (1ul << order > end - dom0_frame_count()) {
			order--;
		}
		pg = heap_alloc_raw(order, ADDRESS_BITS_ANY);
		if (pg == NULL) {
			if (order == 0) {
				panic("dom0: out of memory");
			}
			order--;
			continue;
		}
		if (!dom0_add_frames(page_to_mfn(pg), 1ul << order)) {
			panic("dom0: free memory is in too many pieces");
		}
		if (domain_assign_frames(d, pg, order, true) != 0) {
			panic("dom0: cannot own its memory");
		}
	}
}

/* Makes the module's frames the domain's. */
static INIT_TEXT void add_ramdisk(struct domain *d)
{
	struct boot_module *m = &boot_info.module[1];
	unsigned long i, mfn = m->start >> PAGE_SHIFT;
	uint64_t size = module_size(1), rest = size & (PAGE_SIZE - 1);

	if (!dom0_add_frames(mfn, layout.ramdisk_pages)) {
		panic("dom0: free memory is in too many pieces");
	}
	for (i = 0; i < layout.ramdisk_pages; i++) {
		if (domain_assign_frames(d, mfn_to_page(mfn + i), 0, true) !=
		    0) {
			panic("dom0: cannot own its ramdisk");
		}
	}
	if (rest != 0) {
		write_guest(((uint64_t)layout.ramdisk << PAGE_SHIFT) + size,
			    NULL, PAGE_SIZE - rest);
	}
	m->start = m->end; /* it is not main.c's to free any more */
}

static INIT_TEXT void build_memory(struct domain *d)
{
	uint64_t ramdisk = module_size(1);
	bool in_place = ramdisk_in_place();
	unsigned long frames = choose_size(
		in_place ? (unsigned long)((ramdisk + PAGE_SIZE - 1) >>
					   PAGE_SHIFT) :
			   0);
	const char *error = dom0_plan(&layout, &kernel, frames, ramdisk);
	uint64_t max = options.dom0_mem_max >> PAGE_SHIFT;

	if (error != NULL) {
		panic("dom0: %s (%lu MiB)", error, FRAMES_TO_MB(frames));
	}
	max = MAX(max, frames);
	d->max_pages = (uint32_t)MIN(max, (uint64_t)UINT32_MAX);
	if (in_place) {
		add_memory(d, layout.ramdisk);
		add_ramdisk(d);
	}
	add_memory(d, frames);
	if (ramdisk != 0 && !in_place) {
		write_guest((uint64_t)layout.ramdisk << PAGE_SHIFT,
			    module_data(1), ramdisk);
	}
	pr_info("dom0: %lu MiB of memory, at most %lu MiB, %lu MiB stay free",
		FRAMES_TO_MB(frames), FRAMES_TO_MB(d->max_pages),
		FRAMES_TO_MB(heap_free_frames()));
}

/* The list of frames, and the machine's table that is its inverse. */
static INIT_TEXT void fill_p2m(unsigned long frames)
{
	const unsigned long per_page = PAGE_SIZE / sizeof(uint64_t);
	unsigned long pfn, mfn = 0, run = 0;
	uint64_t *list = NULL;

	for (pfn = 0; pfn < layout.p2m_pages * per_page; pfn++) {
		if (pfn % per_page == 0) {
			list = dom0_frame(layout.p2m + pfn / per_page);
		}
		if (pfn >= frames) {
			list[pfn % per_page] = ~0ull;
			continue;
		}
		if (run == 0) {
			mfn = dom0_mfn(pfn, &run);
		}
		list[pfn % per_page] = mfn;
		arch_m2p_set(mfn, pfn);
		mfn++;
		run--;
	}
}

/* ---- What the kernel finds --------------------------------------------------------- */

static INIT_TEXT uint64_t va_of(unsigned long pfn)
{
	return layout.virt_base + ((uint64_t)pfn << PAGE_SHIFT);
}

static INIT_TEXT void fill_start_info(const struct domain *d)
{
	const char *cmdline = boot_info.module[0].cmdline;
	struct start_info *si = dom0_frame(layout.start_info);
	struct dom0_vga_console_info *vga = (void *)(si + 1);

	memset(si, 0, PAGE_SIZE);
	snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
	si->nr_pages = d->tot_pages;
	si->shared_info = (uint64_t)ptr_frame(d->shared) << PAGE_SHIFT;
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si->pt_base = va_of(layout.tables);
	si->nr_pt_frames = layout.table_pages;
	si->mfn_list = layout.p2m_va;
	if (layout.p2m_table_pages != 0) {
		si->first_p2m_pfn = layout.p2m;
		si->nr_p2m_frames = layout.p2m_pages + layout.p2m_table_pages;
	}
	if (layout.ramdisk_pages != 0) {
		si->mod_start = kernel.mod_start_pfn ? layout.ramdisk :
						       va_of(layout.ramdisk);
		si->mod_len = layout.ramdisk_size;
	}
	if (kernel.mod_start_pfn) {
		si->flags |= SIF_MOD_START_PFN;
	}
	if (str_copy((char *)si->cmd_line, cmdline, sizeof(si->cmd_line)) >=
	    sizeof(si->cmd_line)) {
		pr_warn("dom0: command line is cut after %zu characters",
			sizeof(si->cmd_line) - 1);
	}
	/* Text mode is how the firmware of a PC leaves the screen. */
	si->console.dom0.info_off = sizeof(*si);
	si->console.dom0.info_size = sizeof(*vga);
	vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
	vga->u.text_mode_3.font_height = 16;
	vga->u.text_mode_3.rows = 25;
	vga->u.text_mode_3.columns = 80;
	vga->u.text_mode_3.cursor_y = 24;
}

/* Types the tables the normal way and pins them, as the kernel expects. */
static INIT_TEXT void pin_tables(struct domain *d, unsigned long l4)
{
	struct page *pg = page_get_from_mfn(l4, d);
	int rc;

	CHECK(pg != NULL);
	do {
		rc = page_get_type(pg, PGT_L4);
	} while (rc == -XEN_ERESTART);
	if (rc != 0) {
		panic("dom0: its initial page tables are refused (%d)", rc);
	}
	CHECK(page_pin(pg));
}

static INIT_TEXT void start_vcpu(struct vcpu *v, unsigned long l4)
{
	struct cpu_user_regs *regs = &context.user_regs;
	int rc;

	context.flags = VGCF_in_kernel | VGCF_online;
	regs->rip = kernel.entry;
	regs->rsp = va_of(layout.stack + 1);
	regs->rsi = va_of(layout.start_info);
	regs->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	regs->cs = FLAT_KERNEL_CS;
	regs->ss = FLAT_KERNEL_SS;
	regs->ds = FLAT_KERNEL_DS;
	regs->es = FLAT_KERNEL_DS;
	context.kernel_ss = FLAT_KERNEL_SS;
	context.kernel_sp = regs->rsp;
	context.ctrlreg[3] = xen_pfn_to_cr3(l4);
	do {
		rc = vcpu_set_context(v, &context);
	} while (rc == -XEN_ERESTART);
	if (rc != 0) {
		panic("dom0: its first vCPU cannot be set up (%d)", rc);
	}
	v->info->evtchn_upcall_mask = 1;
	v->initialised = true;
	sched_wake(v, PAUSE_DOWN);
}

static INIT_TEXT struct domain *create_domain(void)
{
	unsigned int i, vcpus = options.dom0_max_vcpus;
	struct domain *d;
	int rc;

	if (vcpus == 0) {
		vcpus = cpu_count();
	}
	if (vcpus > MAX_VCPUS) {
		pr_warn("dom0: %u vCPUs are more than the limit of %d", vcpus,
			MAX_VCPUS);
		vcpus = MAX_VCPUS;
	}
	d = domain_create(0, vcpus, &rc);
	if (d == NULL) {
		panic("dom0: cannot be created (%d)", rc);
	}
	d->may_io = true;
	rc = ioport_domain_init(d);
	if (rc != 0) {
		panic("dom0: no memory for its I/O permissions");
	}
	for (i = 0; i < vcpus; i++) {
		if (vcpu_create(d, i, &rc) == NULL) {
			panic("dom0: vCPU %u cannot be created (%d)", i, rc);
		}
	}
	return d;
}

INIT_TEXT void dom0_build(void)
{
	struct domain *d;
	unsigned long l4;

	open_kernel();
	/* First what comes out of the heap by itself, then all the rest. */
	d = create_domain();
	build_memory(d);
	load_kernel();
	fill_p2m(d->tot_pages);
	fill_start_info(d);
	write_guest((uint64_t)layout.stack << PAGE_SHIFT, NULL, PAGE_SIZE);
	l4 = dom0_make_tables(&layout);
	pin_tables(d, l4);
	control_domain = d;
	start_vcpu(d->vcpu[0], l4);
	pr_info("dom0: %u vCPUs, %lu frames of page tables, ramdisk %llu KiB",
		d->max_vcpus, layout.table_pages + layout.p2m_table_pages,
		(unsigned long long)(layout.ramdisk_size >> 10));
}
