/* SPDX-License-Identifier: MIT */
/*
 * From fuzz bytes to hypercalls: values that mean something to the core, and
 * argument structures written into the guest's memory.
 */
#ifndef FUZZ_GEN_H
#define FUZZ_GEN_H

#include <fake.h>

#define FUZZ_DOMAINS 4 /* 0 is the control domain */
#define FUZZ_PAGES 40
#define FUZZ_VCPUS 2

struct input {
	const uint8_t *at, *end;
};

struct call {
	unsigned long nr;
	uint64_t args[5];
};

extern struct fake_guest fuzz_guest[FUZZ_DOMAINS];

uint8_t in_u8(struct input *in);
uint16_t in_u16(struct input *in);
uint32_t in_u32(struct input *in);
uint64_t in_u64(struct input *in);

unsigned long gen_mfn(struct input *in, const struct fake_guest *g);
uint64_t gen_va(struct input *in);
uint64_t gen_pte(struct input *in, const struct fake_guest *g);
uint32_t gen_domid(struct input *in);
/** An address inside a page table: of an entry that a guest may try. */
uint64_t gen_entry_maddr(struct input *in, const struct fake_guest *g);

/**
 * Fills *call for any hypercall; structures go to the guest's memory at
 * FAKE_ARGS + area.  True unless the bytes ran out.
 */
bool gen_call(struct input *in, struct fake_guest *g, struct call *call, unsigned int area);

/* macros.c */
void macro(struct input *in, struct fake_guest *g);

/* control.c */
void gen_control(struct input *in, struct fake_guest *g, struct call *call, uint64_t area);

/* pci.c */
void gen_pci(struct input *in, struct fake_guest *g);
/* grants.c */
void gen_grant_table_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area);
void grant_entries(struct input *in, struct fake_guest *g);
/** Dies if a domain reaches what it was not granted; not after the control
 * domain has acted, which may map anything anywhere. */
void grants_check(void);

/* mm.c */
void gen_mmu_update(struct input *in, struct fake_guest *g, struct call *call, uint64_t area);
void gen_mmuext_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area);
void gen_memory_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area);
/** Guest memory may be gone: then the call finds what is there. */
void try_put(uint64_t va, const void *data, size_t n);

#endif
