/* SPDX-License-Identifier: MIT */
/*
 * Reads 64-bit ELF images of PV kernels: header, loadable segments, Xen notes.
 *
 * Called by the first-domain builder at start-up and, compiled a second time,
 * by the toolstack; so it uses nothing but the standard types and the note
 * numbers.  Holds no state, allocates nothing, prints nothing, never writes to
 * the image.  The image is hostile: nothing in it is used as an offset before
 * it was checked against the size, those of segments by elf_open() for all that
 * follows.  Headers are copied out before they are looked at, since they may
 * lie anywhere.
 */
#include <hv/elf.h>

#include <xen/elfnote.h>

#ifndef INIT_TEXT
#define INIT_TEXT
#endif

/* In front of every image; 64-bit, little-endian. */
#define MAGIC "\177ELF\2\1"
#define ET_EXEC 2
#define ET_DYN 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4
#define PHNUM_MAX 128
#define ADDRESS_LIMIT (1ull << 46)

struct elf_header {
	uint8_t ident[16];
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

/* n-th program header. */
static struct elf_segment header(const struct elf_image *e, unsigned int n)
{
	struct elf_segment ph;

	__builtin_memcpy(&ph, e->data + e->phoff + n * sizeof(ph), sizeof(ph));
	return ph;
}

INIT_TEXT const char *elf_open(struct elf_image *e, const void *data, size_t size)
{
	struct elf_header h;

	if (size < sizeof(h)) {
		return "not an ELF image: too short";
	}
	__builtin_memcpy(&h, data, sizeof(h));
	if (__builtin_memcmp(h.ident, MAGIC, sizeof(MAGIC) - 1) != 0 || h.machine != EM_X86_64 ||
	    (h.type != ET_EXEC && h.type != ET_DYN)) {
		return "not an executable 64-bit x86 ELF image";
	}
	if (h.phnum > PHNUM_MAX || h.phentsize != sizeof(struct elf_segment)) {
		return "not a usable ELF image: odd program headers";
	}
	if (h.phoff > size || h.phnum * sizeof(struct elf_segment) > size - h.phoff) {
		return "truncated: program headers lie beyond the end";
	}
	*e = (struct elf_image){ data, h.entry, h.phoff, h.phnum };
	for (unsigned int n = 0; n < h.phnum; n++) {
		struct elf_segment ph = header(e, n);

		if (ph.type != PT_LOAD && ph.type != PT_NOTE) {
			continue;
		}
		if (ph.offset > size || ph.filesz > size - ph.offset) {
			return "truncated: a segment lies beyond the end";
		}
		if (ph.type == PT_LOAD && ph.filesz > ph.memsz) {
			return "not a usable ELF image: a segment has more bytes in the file than in memory";
		}
	}
	return NULL;
}

INIT_TEXT bool elf_load_segment(const struct elf_image *e, unsigned int i, struct elf_segment *seg)
{
	for (unsigned int n = 0; n < e->phnum; n++) {
		*seg = header(e, n);
		if (seg->type == PT_LOAD && seg->memsz != 0 && i-- == 0) {
			return true;
		}
	}
	return false;
}

/* True if `text` stands at `at` in the note, up to its end or that of a list's
 * item. */
static bool note_has(const struct note *n, size_t at, const char *text)
{
	size_t end = at + __builtin_strlen(text);

	return end <= n->size && __builtin_memcmp(n->desc + at, text, end - at) == 0 &&
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
#define FIELD(name) offsetof(struct elf_kernel, name)
static const uint8_t number_at[XEN_ELFNOTE_MAX + 1] = {
	[XEN_ELFNOTE_ENTRY] = FIELD(entry),
	[XEN_ELFNOTE_VIRT_BASE] = FIELD(virt_base),
	[XEN_ELFNOTE_PADDR_OFFSET] = FIELD(paddr_offset),
	[XEN_ELFNOTE_HYPERCALL_PAGE] = FIELD(hypercall_page),
	[XEN_ELFNOTE_INIT_P2M] = FIELD(init_p2m),
	[XEN_ELFNOTE_HV_START_LOW] = FIELD(hv_start_low),
	[XEN_ELFNOTE_MOD_START_PFN] = FIELD(mod_start_pfn),
	[XEN_ELFNOTE_SUPPORTED_FEATURES] = FIELD(supported),
};
_Static_assert(FIELD(has) == 0, "no note's number");

/* NULL, or why the kernel cannot be run. */
static const char *take_note(struct elf_kernel *k, const struct note *n)
{
	uint64_t value = 0;

	if (n->type > XEN_ELFNOTE_MAX) {
		return NULL;
	}
	if ((k->has & (1ull << n->type)) != 0) {
		return "a Xen note is given twice";
	}
	k->has |= 1ull << n->type;
	if (number_at[n->type] != 0) {
		if (n->size != 4 && n->size != 8) {
			return "a numeric Xen note is neither 4 nor 8 bytes long";
		}
		__builtin_memcpy(&value, n->desc, n->size);
		__builtin_memcpy((uint8_t *)k + number_at[n->type], &value, sizeof(value));
	}
	if (n->type == XEN_ELFNOTE_FEATURES && !features_ok(n)) {
		return "requires a feature that is not offered to PV guests";
	}
	if (n->type == XEN_ELFNOTE_XEN_VERSION && !note_has(n, 0, "xen-3.0")) {
		return "made for another interface than xen-3.0";
	}
	if (n->type == XEN_ELFNOTE_LOADER && !note_has(n, 0, "generic")) {
		return "asks for a special loader";
	}
	return NULL;
}

/* The notes in [at, end) of the image, each padded to 4 bytes. */
static const char *read_notes(const struct elf_image *e, struct elf_kernel *k, uint64_t at,
			      uint64_t end)
{
	const char *error = NULL;
	struct note_header h;

	while (error == NULL && at < end && end - at >= sizeof(h)) {
		uint64_t name = at + sizeof(h), desc;

		__builtin_memcpy(&h, e->data + at, sizeof(h));
		desc = name + (((uint64_t)h.name_size + 3) & ~3ull);
		if (desc > end || h.desc_size > end - desc) {
			return "truncated: a note lies beyond its segment";
		}
		if (h.name_size == 4 && __builtin_memcmp(e->data + name, "Xen", 4) == 0) {
			error = take_note(k, &(struct note){ h.type, e->data + desc, h.desc_size });
		}
		at = desc + (((uint64_t)h.desc_size + 3) & ~3ull);
	}
	return error;
}

/* Where the segments lie from guest frame 0 on, and the span of them all. */
static const char *read_span(const struct elf_image *e, struct elf_kernel *k)
{
	struct elf_segment seg;

	k->pstart = ~0ull;
	k->pend = 0;
	for (unsigned int i = 0; elf_load_segment(e, i, &seg); i++) {
		uint64_t start = seg.paddr - k->paddr_offset;

		if (seg.paddr < k->paddr_offset || start >= ADDRESS_LIMIT ||
		    seg.memsz >= ADDRESS_LIMIT) {
			return "a segment lies outside the guest's memory (see PADDR_OFFSET)";
		}
		k->pstart = start < k->pstart ? start : k->pstart;
		k->pend = start + seg.memsz > k->pend ? start + seg.memsz : k->pend;
	}
	if (k->pend == 0) {
		return "nothing to load in it";
	}
	if (__builtin_add_overflow(k->virt_base, k->pstart, &k->vstart) ||
	    __builtin_add_overflow(k->virt_base, k->pend, &k->vend)) {
		return "VIRT_BASE leaves no room for the segments";
	}
	return NULL;
}

INIT_TEXT const char *elf_kernel_info(const struct elf_image *e, struct elf_kernel *k)
{
	const char *error = NULL;

	*k = (struct elf_kernel){ .entry = e->entry };
	for (unsigned int n = 0; error == NULL && n < e->phnum; n++) {
		struct elf_segment ph = header(e, n);

		if (ph.type == PT_NOTE) {
			error = read_notes(e, k, ph.offset, ph.offset + ph.filesz);
		}
	}
	if (error == NULL) {
		error = k->has == 0 ? "no Xen notes: not a kernel for this interface" :
				      read_span(e, k);
	}
	if (error != NULL) {
		return error;
	}
	if (((k->virt_base | k->init_p2m) & 0xfff) != 0) {
		return "VIRT_BASE or INIT_P2M is not page aligned";
	}
	if (k->entry < k->vstart || k->entry >= k->vend) {
		return "the entry point lies outside the segments";
	}
	if ((k->has & (1ull << XEN_ELFNOTE_HYPERCALL_PAGE)) != 0 &&
	    ((k->hypercall_page & 0xfff) != 0 || k->hypercall_page < k->vstart ||
	     k->hypercall_page >= k->vend || k->vend - k->hypercall_page < 4096)) {
		return "HYPERCALL_PAGE lies outside the segments";
	}
	return NULL;
}
