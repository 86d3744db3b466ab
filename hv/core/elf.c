/* SPDX-License-Identifier: MIT */
/*
 * Reads 64-bit ELF images of PV kernels: header, loadable segments, Xen notes.
 *
 * Called by the first-domain builder at start-up and, compiled a second time,
 * by the toolstack; so it uses nothing but the standard types and the note
 * numbers.  Holds no state, allocates nothing, prints nothing, never writes to
 * the image.  The image is hostile: nothing in it is used as an offset before
 * it was checked against the size, and headers are copied out before they are
 * looked at, since they may lie anywhere.
 */
#include <hv/elf.h>

#include <xen/elfnote.h>
#include <xen/features.h>

#ifndef INIT_TEXT
#define INIT_TEXT
#endif

#define EI_SIZE 16
#define ELFCLASS64 2
#define ELFDATA2LSB 1
#define ET_EXEC 2
#define ET_DYN 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4
#define PHNUM_MAX 128
#define ADDRESS_LIMIT (1ull << 46)

struct elf_header {
	uint8_t ident[EI_SIZE];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64, figure 2");

_Static_assert(sizeof(struct elf_segment) == 56, "ELF-64, figure 6");

struct note_header {
	uint32_t name_size, desc_size, type;
};

struct note {
	uint32_t type;
	const uint8_t *desc;
	uint32_t size;
};

static bool fail(struct elf_image *e, const char *why)
{
	e->error = why;
	return false;
}

INIT_TEXT bool elf_open(struct elf_image *e, const void *data, size_t size)
{
	struct elf_header h;

	*e = (struct elf_image){ .data = data, .size = size };
	if (size < sizeof(h)) {
		return fail(e, "not an ELF image: too short");
	}
	__builtin_memcpy(&h, data, sizeof(h));
	if (__builtin_memcmp(h.ident, "\177ELF", 4) != 0) {
		return fail(e, "not an ELF image: bad magic");
	}
	if (h.ident[4] != ELFCLASS64 || h.ident[5] != ELFDATA2LSB ||
	    h.machine != EM_X86_64 || (h.type != ET_EXEC && h.type != ET_DYN)) {
		return fail(e, "not an executable 64-bit x86 ELF image");
	}
	if (h.phnum == 0 || h.phnum > PHNUM_MAX ||
	    h.phentsize != sizeof(struct elf_segment)) {
		return fail(e, "not a usable ELF image: odd program headers");
	}
	if (h.phoff > size ||
	    h.phnum * sizeof(struct elf_segment) > size - h.phoff) {
		return fail(e, "truncated: program headers lie beyond the end");
	}
	e->phoff = h.phoff;
	e->phnum = h.phnum;
	return true;
}

/* n-th program header; its bytes must lie inside the image. */
static bool read_header(struct elf_image *e, unsigned int n,
			struct elf_segment *ph)
{
	__builtin_memcpy(ph, e->data + e->phoff + n * sizeof(*ph), sizeof(*ph));
	return (ph->type != PT_LOAD && ph->type != PT_NOTE) ||
	       (ph->offset <= e->size && ph->filesz <= e->size - ph->offset) ||
	       fail(e, "truncated: a segment lies beyond the end");
}

INIT_TEXT bool elf_load_segment(struct elf_image *e, unsigned int i,
				struct elf_segment *seg)
{
	e->error = NULL;
	for (unsigned int n = 0; n < e->phnum; n++) {
		if (!read_header(e, n, seg)) {
			return false;
		}
		if (seg->type != PT_LOAD || seg->memsz == 0 || i-- != 0) {
			continue;
		}
		if (seg->filesz > seg->memsz) {
			return fail(e, "a segment has more bytes in the file "
				       "than in memory");
		}
		return seg->paddr + seg->memsz >= seg->paddr ||
		       fail(e, "a segment wraps around");
	}
	return false;
}

/*
 * Next Xen note at or after *at, below end; notes are padded to 4 bytes.
 * False at the end, or with e->error.
 */
static bool next_note(struct elf_image *e, uint64_t *at, uint64_t end,
		      struct note *note)
{
	struct note_header h;
	uint64_t name, desc, next;

	while (end - *at >= sizeof(h)) {
		__builtin_memcpy(&h, e->data + *at, sizeof(h));
		name = *at + sizeof(h);
		desc = name + (((uint64_t)h.name_size + 3) & ~3ull);
		next = desc + (((uint64_t)h.desc_size + 3) & ~3ull);
		if (desc > end || h.desc_size > end - desc) {
			return fail(e, "truncated: a note lies beyond its "
				       "segment");
		}
		*at = next < end ? next : end;
		if (h.name_size == 4 &&
		    __builtin_memcmp(e->data + name, "Xen", 4) == 0) {
			note->type = h.type;
			note->desc = e->data + desc;
			note->size = h.desc_size;
			return true;
		}
	}
	return false;
}

static bool note_number(struct elf_image *e, const struct note *n,
			uint64_t *value)
{
	*value = 0;
	if (n->size != 4 && n->size != 8) {
		return fail(e, "a numeric Xen note is neither 4 nor 8 bytes "
			       "long");
	}
	__builtin_memcpy(value, n->desc, n->size);
	return true;
}

/* Text notes need not be terminated; the copy always is. */
static void note_text(const struct note *n, char *dst, size_t size)
{
	size_t i;

	for (i = 0; i < n->size && i + 1 < size && n->desc[i] != 0; i++) {
		dst[i] = (char)n->desc[i];
	}
	dst[i] = '\0';
}

/* True if `text` stands at `at` in the note, up to its end or that of a list's
 * item. */
static bool note_has(const struct note *n, size_t at, const char *text)
{
	size_t end = at + __builtin_strlen(text);

	return end <= n->size &&
	       __builtin_memcmp(n->desc + at, text, end - at) == 0 &&
	       (end == n->size || n->desc[end] == 0 || n->desc[end] == '|');
}

/*
 * FEATURES: names joined by '|', '!' before one that the kernel cannot do
 * without.  Only what no PV guest can be given counts as lacking:
 * "!writable_page_tables" is found in kernels that run well without.
 */
static bool features_ok(const struct note *n)
{
	for (size_t at = 0; at < n->size; at++) {
		if (note_has(n, at, "!supervisor_mode_kernel") ||
		    note_has(n, at, "!auto_translated_physmap") ||
		    note_has(n, at, "!hvm_callback_vector")) {
			return false;
		}
	}
	return true;
}

/* Where the numeric notes go; 0, where `has` lies: of another kind. */
static const uint8_t number_at[XEN_ELFNOTE_MAX + 1] = {
	[XEN_ELFNOTE_ENTRY] = offsetof(struct elf_kernel, entry),
	[XEN_ELFNOTE_VIRT_BASE] = offsetof(struct elf_kernel, virt_base),
	[XEN_ELFNOTE_PADDR_OFFSET] = offsetof(struct elf_kernel, paddr_offset),
	[XEN_ELFNOTE_HYPERCALL_PAGE] =
		offsetof(struct elf_kernel, hypercall_page),
	[XEN_ELFNOTE_INIT_P2M] = offsetof(struct elf_kernel, init_p2m),
	[XEN_ELFNOTE_HV_START_LOW] = offsetof(struct elf_kernel, hv_start_low),
	[XEN_ELFNOTE_MOD_START_PFN] =
		offsetof(struct elf_kernel, mod_start_pfn),
	[XEN_ELFNOTE_SUPPORTED_FEATURES] =
		offsetof(struct elf_kernel, supported),
};
_Static_assert(offsetof(struct elf_kernel, has) == 0, "no note's number");

static bool take_note(struct elf_image *e, struct elf_kernel *k,
		      const struct note *n)
{
	if (n->type > XEN_ELFNOTE_MAX) {
		return true;
	}
	if ((k->has & (1ull << n->type)) != 0) {
		return fail(e, "a Xen note is given twice");
	}
	k->has |= 1ull << n->type;
	if (number_at[n->type] != 0) {
		uint8_t *at = (uint8_t *)k + number_at[n->type];

		return note_number(e, n, (uint64_t *)(void *)at);
	}
	switch (n->type) {
	case XEN_ELFNOTE_FEATURES:
		k->wants_features_ok = features_ok(n);
		return true;
	case XEN_ELFNOTE_XEN_VERSION:
		return note_has(n, 0, "xen-3.0") ||
		       fail(e, "made for another interface than xen-3.0");
	case XEN_ELFNOTE_LOADER:
		return note_has(n, 0, "generic") ||
		       fail(e, "asks for a special loader");
	case XEN_ELFNOTE_GUEST_OS:
		note_text(n, k->guest_os, sizeof(k->guest_os));
		return true;
	case XEN_ELFNOTE_GUEST_VERSION:
		note_text(n, k->guest_version, sizeof(k->guest_version));
		return true;
	default:
		return true;
	}
}

static bool read_notes(struct elf_image *e, struct elf_kernel *k)
{
	struct elf_segment ph;
	struct note note;

	for (unsigned int n = 0; n < e->phnum; n++) {
		uint64_t at, end;

		if (!read_header(e, n, &ph)) {
			return false;
		}
		at = ph.offset;
		end = ph.type == PT_NOTE ? at + ph.filesz : at;
		while (next_note(e, &at, end, &note)) {
			if (!take_note(e, k, &note)) {
				return false;
			}
		}
		if (e->error != NULL) {
			return false;
		}
	}
	return k->has != 0 ||
	       fail(e, "no Xen notes: not a kernel for this interface");
}

/* Where the segments lie from guest frame 0 on, and the span of them all. */
static bool read_span(struct elf_image *e, struct elf_kernel *k)
{
	struct elf_segment seg;
	uint64_t start, end;
	unsigned int i;

	k->pstart = ~0ull;
	k->pend = 0;
	for (i = 0; elf_load_segment(e, i, &seg); i++) {
		start = seg.paddr - k->paddr_offset;
		if (seg.paddr < k->paddr_offset || start >= ADDRESS_LIMIT ||
		    seg.memsz >= ADDRESS_LIMIT) {
			return fail(e, "a segment lies outside the guest's "
				       "memory (see PADDR_OFFSET)");
		}
		end = start + seg.memsz;
		k->pstart = start < k->pstart ? start : k->pstart;
		k->pend = end > k->pend ? end : k->pend;
	}
	if (e->error != NULL) {
		return false;
	}
	if (i == 0) {
		return fail(e, "nothing to load in it");
	}
	if (__builtin_add_overflow(k->virt_base, k->pstart, &k->vstart) ||
	    __builtin_add_overflow(k->virt_base, k->pend, &k->vend)) {
		return fail(e, "VIRT_BASE leaves no room for the segments");
	}
	return true;
}

INIT_TEXT bool elf_kernel_info(struct elf_image *e, struct elf_kernel *k)
{
	struct elf_header h;

	__builtin_memset(k, 0, sizeof(*k));
	k->wants_features_ok = true;
	e->error = NULL;
	__builtin_memcpy(&h, e->data, sizeof(h));
	k->entry = h.entry;
	if (!read_notes(e, k) || !read_span(e, k)) {
		return false;
	}
	if (((k->virt_base | k->init_p2m) & 0xfff) != 0) {
		return fail(e, "VIRT_BASE or INIT_P2M is not page aligned");
	}
	if (k->entry < k->vstart || k->entry >= k->vend) {
		return fail(e, "the entry point lies outside the segments");
	}
	if ((k->has & (1ull << XEN_ELFNOTE_HYPERCALL_PAGE)) != 0 &&
	    ((k->hypercall_page & 0xfff) != 0 ||
	     k->hypercall_page < k->vstart || k->hypercall_page >= k->vend ||
	     k->vend - k->hypercall_page < 4096)) {
		return fail(e, "HYPERCALL_PAGE lies outside the segments");
	}
	return true;
}
