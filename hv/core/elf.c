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

struct program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct program_header) == 56, "ELF-64, figure 6");

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

	e->data = data;
	e->size = size;
	e->phoff = 0;
	e->phnum = 0;
	e->error = NULL;
	if (size < sizeof(h)) {
		return fail(e, "not an ELF image: too short");
	}
	__builtin_memcpy(&h, data, sizeof(h));
	if (__builtin_memcmp(h.ident, "\177ELF", 4) != 0) {
		return fail(e, "not an ELF image: bad magic");
	}
	if (h.ident[4] != ELFCLASS64 || h.ident[5] != ELFDATA2LSB ||
	    h.machine != EM_X86_64) {
		return fail(e, "not a 64-bit x86 ELF image");
	}
	if (h.type != ET_EXEC && h.type != ET_DYN) {
		return fail(e, "not an executable ELF image");
	}
	if (h.phnum == 0 || h.phnum > PHNUM_MAX ||
	    h.phentsize != sizeof(struct program_header)) {
		return fail(e, "not a usable ELF image: odd program headers");
	}
	if (h.phoff > size ||
	    h.phnum * sizeof(struct program_header) > size - h.phoff) {
		return fail(e, "truncated: program headers lie beyond the end");
	}
	e->phoff = h.phoff;
	e->phnum = h.phnum;
	return true;
}

/* n-th program header; its bytes must lie inside the image. */
static bool read_header(struct elf_image *e, unsigned int n,
			struct program_header *ph)
{
	__builtin_memcpy(ph, e->data + e->phoff + n * sizeof(*ph), sizeof(*ph));
	if (ph->type != PT_LOAD && ph->type != PT_NOTE) {
		return true;
	}
	if (ph->offset > e->size || ph->filesz > e->size - ph->offset) {
		return fail(e, "truncated: a segment lies beyond the end");
	}
	return true;
}

INIT_TEXT bool elf_load_segment(struct elf_image *e, unsigned int i,
				struct elf_segment *seg)
{
	struct program_header ph;
	unsigned int n;

	e->error = NULL;
	for (n = 0; n < e->phnum; n++) {
		if (!read_header(e, n, &ph)) {
			return false;
		}
		if (ph.type != PT_LOAD || ph.memsz == 0) {
			continue;
		}
		if (i-- != 0) {
			continue;
		}
		if (ph.filesz > ph.memsz) {
			return fail(e, "a segment has more bytes in the file "
				       "than in memory");
		}
		if (ph.paddr + ph.memsz < ph.paddr) {
			return fail(e, "a segment wraps around");
		}
		seg->offset = ph.offset;
		seg->vaddr = ph.vaddr;
		seg->paddr = ph.paddr;
		seg->filesz = ph.filesz;
		seg->memsz = ph.memsz;
		seg->flags = ph.flags;
		return true;
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
	uint32_t low;

	if (n->size == 4) {
		__builtin_memcpy(&low, n->desc, 4);
		*value = low;
		return true;
	}
	if (n->size == 8) {
		__builtin_memcpy(value, n->desc, 8);
		return true;
	}
	return fail(e, "a numeric Xen note is neither 4 nor 8 bytes long");
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

static bool note_is(const struct note *n, const char *text)
{
	size_t length = __builtin_strlen(text);

	return n->size >= length &&
	       __builtin_memcmp(n->desc, text, length) == 0 &&
	       (n->size == length || n->desc[length] == 0);
}

/*
 * FEATURES: names joined by '|', '!' before one that the kernel cannot do
 * without.  Only what no PV guest can be given counts as lacking:
 * "!writable_page_tables" is found in kernels that run well without.
 */
static bool features_ok(const struct note *n)
{
	static const char *const lacking[] = { "supervisor_mode_kernel",
					       "auto_translated_physmap",
					       "hvm_callback_vector" };
	uint32_t at = 0, end;
	size_t i, length;

	while (at < n->size) {
		for (end = at;
		     end < n->size && n->desc[end] != '|' && n->desc[end] != 0;
		     end++) {}
		for (i = 0; n->desc[at] == '!' &&
			    i < sizeof(lacking) / sizeof(lacking[0]);
		     i++) {
			length = __builtin_strlen(lacking[i]);
			if (end - at - 1 == length &&
			    __builtin_memcmp(n->desc + at + 1, lacking[i],
					     length) == 0) {
				return false;
			}
		}
		at = end + 1;
	}
	return true;
}

/* Numbers go to *value of their kind, the rest is handled in place. */
static bool take_note(struct elf_image *e, struct elf_kernel *k,
		      const struct note *n)
{
	uint64_t value = 0;

	if (n->type > XEN_ELFNOTE_MAX) {
		return true;
	}
	if ((k->has & (1ull << n->type)) != 0) {
		return fail(e, "a Xen note is given twice");
	}
	k->has |= 1ull << n->type;
	switch (n->type) {
	case XEN_ELFNOTE_ENTRY:
		return note_number(e, n, &k->entry);
	case XEN_ELFNOTE_VIRT_BASE:
		return note_number(e, n, &k->virt_base);
	case XEN_ELFNOTE_PADDR_OFFSET:
		return note_number(e, n, &k->paddr_offset);
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		return note_number(e, n, &k->hypercall_page);
	case XEN_ELFNOTE_INIT_P2M:
		return note_number(e, n, &k->init_p2m);
	case XEN_ELFNOTE_HV_START_LOW:
		return note_number(e, n, &k->hv_start_low);
	case XEN_ELFNOTE_MOD_START_PFN:
		if (!note_number(e, n, &value)) {
			return false;
		}
		k->mod_start_pfn = value != 0;
		return true;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		if (!note_number(e, n, &value)) {
			return false;
		}
		k->supported = (uint32_t)value;
		return true;
	case XEN_ELFNOTE_L1_MFN_VALID:
		/* A list of pairs; the first is enough. */
		if (n->size < 16) {
			return fail(e, "the L1_MFN_VALID note is too short");
		}
		__builtin_memcpy(&k->l1_mfn_mask, n->desc, 8);
		__builtin_memcpy(&k->l1_mfn_value, n->desc + 8, 8);
		return true;
	case XEN_ELFNOTE_FEATURES:
		k->wants_features_ok = features_ok(n);
		return true;
	case XEN_ELFNOTE_XEN_VERSION:
		return note_is(n, "xen-3.0") ||
		       fail(e, "made for another interface than xen-3.0");
	case XEN_ELFNOTE_LOADER:
		return note_is(n, "generic") ||
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
	struct program_header ph;
	struct note note;
	uint64_t at, end;
	unsigned int n;

	for (n = 0; n < e->phnum; n++) {
		if (!read_header(e, n, &ph)) {
			return false;
		}
		if (ph.type != PT_NOTE) {
			continue;
		}
		at = ph.offset;
		end = ph.offset + ph.filesz;
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
	uint64_t start;
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
		if (start < k->pstart) {
			k->pstart = start;
		}
		if (start + seg.memsz > k->pend) {
			k->pend = start + seg.memsz;
		}
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
	if ((k->virt_base & 0xfff) != 0) {
		return fail(e, "VIRT_BASE is not page aligned");
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
	if ((k->has & (1ull << XEN_ELFNOTE_INIT_P2M)) != 0 &&
	    (k->init_p2m & 0xfff) != 0) {
		return fail(e, "INIT_P2M is not page aligned");
	}
	return true;
}
