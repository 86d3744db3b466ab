/* SPDX-License-Identifier: MIT */
/*
 * Builds a domain: reads the kernel, plans the memory (build_plan.c), takes it
 * (build_memory.c), writes what the kernel finds there (build_tables.c for its
 * tables), and loads vCPU 0.  Called by guest.c and by whoever starts guests with
 * this library.
 *
 * The kernel is read by hv/core/elf.c, the same reader that the core has for the
 * control domain: it checks every offset before it is used.  What is left to
 * check here is that segments do not overlap, so that each byte of the image is
 * copied at most once and lands on zeroes.
 */
#include "libvellum/build.h"

#include <errno.h>
#include <hv/elf.h>
#include <stdlib.h>
#include <string.h>
#include <xen/elfnote.h>
#include <xen/grant_table.h>

#include "libvellum/build_memory.h"
#include "libvellum/build_plan.h"
#include "libvellum/build_tables.h"
#include "libvellum/ctl_layer.h"

#define EFLAGS_FIXED 0x2u
#define EFLAGS_IF 0x200u
#define SEGMENTS_MAX 128 /* the ELF reader's limit */
#define MIB_OF(frames) ((unsigned long)((frames) >> (20 - VL_PAGE_SHIFT)))

struct builder {
	struct vl_ctl *ctl;
	uint16_t domid;
	struct vl_build *spec;
	const char *cmdline;
	struct elf_image image;
	struct elf_kernel kernel;
	struct elf_segment segments[SEGMENTS_MAX];
	unsigned int segment_count;
	struct build_plan plan;
	struct build_memory memory;
};

/* ---- The kernel ---------------------------------------------------------------------- */

static int bad_kernel(struct vl_error *error, const char *why)
{
	return vl_error_set(error, -EINVAL, "the kernel cannot run as a guest: %s", why);
}

/* Where a segment lies in the guest's memory; below 2^46, as its size is. */
static uint64_t place_of(const struct builder *b, const struct elf_segment *s)
{
	return s->paddr - b->kernel.paddr_offset;
}

static const char *read_segments(struct builder *b)
{
	struct elf_segment *s = b->segments;
	unsigned int n = 0;

	for (; n < SEGMENTS_MAX && elf_load_segment(&b->image, n, &s[n]); n++) {
		uint64_t at = place_of(b, &s[n]);

		for (unsigned int i = 0; i < n; i++) {
			uint64_t other = place_of(b, &s[i]);

			if (other < at + s[n].memsz && at < other + s[i].memsz) {
				return "two of its segments overlap";
			}
		}
	}
	b->segment_count = n;
	return NULL;
}

static int read_kernel(struct builder *b, struct vl_error *error)
{
	const struct vl_build *spec = b->spec;
	const char *wrong = elf_open(&b->image, spec->kernel, spec->kernel_size);

	if (!wrong) {
		wrong = elf_kernel_info(&b->image, &b->kernel);
	}
	if (!wrong) {
		wrong = read_segments(b);
	}
	if (!wrong && b->kernel.hv_start_low > HYPERVISOR_VIRT_START) {
		wrong = "it leaves the core no address space (HV_START_LOW)";
	}
	if (!wrong) {
		wrong = build_plan(&b->plan, &b->kernel, spec->memory_frames, spec->ramdisk_size);
	}
	return wrong ? bad_kernel(error, wrong) : 0;
}

static int check_spec(const struct builder *b, struct vl_error *error)
{
	const struct vl_build *spec = b->spec;

	if (spec->memory_frames == 0 || spec->max_frames < spec->memory_frames ||
	    spec->max_frames > BUILD_FRAMES_MAX) {
		return vl_error_set(error, -EINVAL,
				    "a domain cannot start with %lu MiB of memory and have %lu "
				    "MiB at most",
				    MIB_OF(spec->memory_frames), MIB_OF(spec->max_frames));
	}
	if (spec->ramdisk_size >> VL_PAGE_SHIFT >= BUILD_FRAMES_MAX) {
		return vl_error_set(error, -E2BIG, "a ramdisk of %zu bytes is too large",
				    spec->ramdisk_size);
	}
	if (strlen(b->cmdline) >= MAX_GUEST_CMDLINE) {
		return vl_error_set(error, -EINVAL,
				    "the kernel's command line has %zu characters, a guest takes "
				    "%d",
				    strlen(b->cmdline), MAX_GUEST_CMDLINE - 1);
	}
	return 0;
}

static int check_size(const struct builder *b, struct vl_error *error)
{
	uint64_t need = b->plan.end;

	if (need <= b->spec->memory_frames) {
		return 0;
	}
	/* With more memory its list of frames grows, too. */
	return vl_error_set(error, -E2BIG,
			    "%lu MiB of memory is too little: the kernel, its ramdisk and tables "
			    "need %lu MiB",
			    MIB_OF(b->spec->memory_frames), MIB_OF(need + need / 256) + 1);
}

/*
 * One stub of 32 bytes for each hypercall.  They keep rcx and r11, which SYSCALL
 * destroys; the one of iret pushes rax, which completes its frame, and is never
 * returned to.
 */
static int write_hypercall_page(struct builder *b, struct vl_error *error)
{
	unsigned char page[VL_PAGE_SIZE];

	memset(page, 0xcc, sizeof(page)); /* int3 */
	for (unsigned int number = 0; number < VL_PAGE_SIZE / 32; number++) {
		const unsigned char keep[] = { 0x51, 0x41, 0x53 };	 /* push rcx, r11 */
		const unsigned char call[] = { 0x0f, 0x05 };		 /* syscall */
		const unsigned char back[] = { 0x41, 0x5b, 0x59, 0xc3 }; /* pop r11, rcx; ret */
		unsigned char *p = page + (size_t)number * 32;

		memcpy(p, keep, sizeof(keep));
		p += sizeof(keep);
		if (number == __HYPERVISOR_iret) {
			*p++ = 0x50; /* push rax */
		}
		*p++ = 0xb8; /* mov eax, number */
		memcpy(p, &number, sizeof(number));
		p += sizeof(number);
		memcpy(p, call, sizeof(call));
		p += sizeof(call);
		memcpy(p, back, sizeof(back));
	}
	return build_memory_write(&b->memory, b->kernel.hypercall_page - b->kernel.virt_base, page,
				  sizeof(page), error);
}

static int load_kernel(struct builder *b, struct vl_error *error)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < b->segment_count; i++) {
		const struct elf_segment *s = &b->segments[i];

		rc = build_memory_write(&b->memory, place_of(b, s), b->image.data + s->offset,
					s->filesz, error);
	}
	if (rc == 0 && (b->kernel.has & 1ull << XEN_ELFNOTE_HYPERCALL_PAGE) != 0) {
		rc = write_hypercall_page(b, error);
	}
	return rc;
}

static int load_ramdisk(struct builder *b, struct vl_error *error)
{
	const struct vl_build *spec = b->spec;
	uint64_t at = b->plan.ramdisk << VL_PAGE_SHIFT;

	if (spec->ramdisk_size == 0) {
		return 0;
	}
	return spec->ramdisk ? build_memory_write(&b->memory, at, spec->ramdisk, spec->ramdisk_size,
						  error) :
			       build_memory_read(&b->memory, at, spec->ramdisk_fd,
						 spec->ramdisk_size, error);
}

/* ---- Console and store ------------------------------------------------------------------ */

/* One of the two rings: its port, and the reserved grant of its page. */
static int offer_ring(struct builder *b, uint64_t pfn, uint32_t ref, uint16_t to, uint64_t *frame,
		      uint32_t *port, struct vl_error *error)
{
	int rc = vl_ctl_alloc_port(b->ctl, b->domid, to, error);

	if (rc < 0) {
		return rc;
	}
	*port = (uint32_t)rc;
	*frame = build_memory_frame(&b->memory, pfn);
	return vl_ctl_grant(b->ctl, b->domid, ref, to, *frame, error);
}

static int offer_rings(struct builder *b, struct vl_error *error)
{
	struct vl_build *spec = b->spec;
	int rc = offer_ring(b, b->plan.console, GNTTAB_RESERVED_CONSOLE, spec->console_domid,
			    &spec->console_frame, &spec->console_port, error);

	return rc ? rc :
		    offer_ring(b, b->plan.store, GNTTAB_RESERVED_XENSTORE, spec->store_domid,
			       &spec->store_frame, &spec->store_port, error);
}

/* ---- What the kernel finds --------------------------------------------------------------- */

static uint64_t va_of(const struct builder *b, uint64_t pfn)
{
	return b->plan.virt_base + (pfn << VL_PAGE_SHIFT);
}

static int write_start_info(struct builder *b, struct vl_error *error)
{
	const struct build_plan *plan = &b->plan;
	struct vl_domain_info info;
	struct start_info si = {
		.magic = "xen-3.0-x86_64",
		.nr_pages = b->spec->memory_frames,
		/* Saving a guest needs the linear list only. */
		.flags = SIF_VIRT_P2M_4TOOLS,
		.store_mfn = b->spec->store_frame,
		.store_evtchn = b->spec->store_port,
		.console.domU = { b->spec->console_frame, b->spec->console_port },
		.pt_base = va_of(b, plan->tables),
		.nr_pt_frames = plan->table_pages,
		.mfn_list = plan->p2m_va,
	};
	int rc = vl_ctl_info(b->ctl, b->domid, &info, error);

	if (rc) {
		return rc;
	}
	si.shared_info = info.shared_info << VL_PAGE_SHIFT;
	if (plan->p2m_table_pages > 0) {
		si.first_p2m_pfn = plan->p2m;
		si.nr_p2m_frames = plan->p2m_pages + plan->p2m_table_pages;
	}
	if (b->kernel.mod_start_pfn) {
		si.flags |= SIF_MOD_START_PFN;
	}
	if (plan->ramdisk_pages > 0) {
		si.mod_len = b->spec->ramdisk_size;
		si.mod_start = b->kernel.mod_start_pfn ? plan->ramdisk : va_of(b, plan->ramdisk);
	}
	memcpy(si.cmd_line, b->cmdline, strlen(b->cmdline) + 1);
	return build_memory_write(&b->memory, plan->start_info << VL_PAGE_SHIFT, &si, sizeof(si),
				  error);
}

static int write_memory(struct builder *b, struct vl_error *error)
{
	const struct build_plan *plan = &b->plan;
	int rc = load_kernel(b, error);

	if (rc == 0) {
		rc = load_ramdisk(b, error);
	}
	if (rc == 0) {
		rc = build_p2m(&b->memory, plan, error);
	}
	if (rc == 0) {
		rc = build_tables(&b->memory, plan, error);
	}
	if (rc == 0) {
		rc = offer_rings(b, error);
	}
	if (rc == 0) {
		rc = write_start_info(b, error);
	}
	return rc;
}

static int load_vcpu(struct builder *b, struct vl_error *error)
{
	uint64_t l4 = build_memory_frame(&b->memory, b->plan.tables);
	struct vcpu_guest_context *c;
	int rc = vl_ctl_pin(b->ctl, b->domid, l4, error);

	if (rc) {
		return rc;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		return vl_error_set(error, -ENOMEM, "not enough memory for a vCPU's context");
	}
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->kernel.entry;
	c->user_regs.rsp = va_of(b, b->plan.stack + 1);
	c->user_regs.rsi = va_of(b, b->plan.start_info);
	c->user_regs.rflags = EFLAGS_FIXED | EFLAGS_IF;
	c->user_regs.saved_upcall_mask = 1;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.ds = FLAT_KERNEL_DS;
	c->user_regs.es = FLAT_KERNEL_DS;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(l4);
	rc = vl_ctl_set_context(b->ctl, b->domid, 0, c, error);
	free(c);
	return rc;
}

int vl_build(struct vl_ctl *ctl, uint16_t domid, struct vl_build *build, struct vl_error *error)
{
	struct builder *b = calloc(1, sizeof(*b));
	int rc;

	if (!b) {
		return vl_error_set(error, -ENOMEM, "not enough memory to build a domain");
	}
	b->ctl = ctl;
	b->domid = domid;
	b->spec = build;
	b->cmdline = build->cmdline ? build->cmdline : "";
	b->memory = (struct build_memory){ .ctl = ctl, .domid = domid };
	rc = check_spec(b, error);
	if (rc == 0) {
		rc = read_kernel(b, error);
	}
	if (rc == 0) {
		rc = check_size(b, error);
	}
	if (rc == 0) {
		rc = vl_ctl_set_max_frames(ctl, domid, build->max_frames, error);
	}
	if (rc == 0) {
		rc = build_memory_get(&b->memory, build->memory_frames, error);
	}
	if (rc == 0) {
		rc = write_memory(b, error);
	}
	if (rc == 0) {
		rc = load_vcpu(b, error);
	}
	build_memory_free(&b->memory);
	free(b);
	return rc;
}
