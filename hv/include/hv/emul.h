/* SPDX-License-Identifier: MIT */
/*
 * The decoder behind the closed list of emulated instructions, and what the
 * emul files share.  The decoder is pure: bytes and registers in, a struct
 * out; it reads no memory, no vCPU and no machine, so it is tested and fuzzed
 * alone.  It knows 64-bit code only.  What is not on the list does not decode,
 * and nothing here is a general x86 emulator or will become one.
 */
#ifndef HV_EMUL_H
#define HV_EMUL_H

#include <hv/trap.h>

#define INSN_MAX 15 /* bytes; a longer instruction is #UD on any CPU */

enum insn_op {
	INSN_NONE,
	/* port I/O */
	INSN_IN,
	INSN_OUT,
	INSN_INS,
	INSN_OUTS,
	/* other privileged ones */
	INSN_CLI_STI,
	INSN_CLTS,
	INSN_WBINVD, /* and invd, wbnoinvd */
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_XSETBV,
	INSN_CR_READ,
	INSN_CR_WRITE,
	INSN_DR_READ,
	INSN_DR_WRITE,
	/* stores, with a memory operand always */
	INSN_MOV,
	INSN_XCHG,
	INSN_CMPXCHG,
	INSN_AND,
	INSN_OR,
	INSN_BTS,
	INSN_BTR,
	INSN_BTC,
};

/* Register numbers as ModRM counts them; 4..15 are rsp .. r15. */
#define INSN_RAX 0
#define INSN_REG_RIP 0x10  /* base only */
#define INSN_REG_NONE 0x11 /* base or index only */

#define INSN_SEG_NONE 0 /* base 0, as all but FS and GS have */
#define INSN_SEG_FS 1
#define INSN_SEG_GS 2

#define PREFIX_OPSIZE 0x01u
#define PREFIX_ADDR32 0x02u
#define PREFIX_LOCK 0x04u
#define PREFIX_REPNE 0x08u
#define PREFIX_REP 0x10u     /* counts for INS and OUTS */
#define PREFIX_SEGMENT 0x20u /* FS and GS have a meaning in 64-bit code */

struct insn {
	uint8_t op;	  /* enum insn_op */
	uint8_t length;	  /* 1..INSN_MAX */
	uint8_t bytes;	  /* operand size: 1, 2, 4 or 8 */
	uint8_t reg;	  /* register operand, or number of CRn / DRn */
	uint8_t rm;	  /* the other register, where there is no memory */
	uint8_t rex;	  /* 0: none, and byte registers 4..7 are ah..bh, not spl..dil */
	uint8_t prefixes; /* PREFIX_*, all that were seen */
	bool memory;	  /* base, index, shift, disp are valid */
	bool has_imm;	  /* imm is the source operand (port, for IN, OUT) */
	uint8_t segment;  /* INSN_SEG_* */
	uint8_t base, index, shift;
	int32_t disp;
	uint64_t imm; /* sign extended */
};

/**
 * Decodes the instruction at the start of bytes[0..count).  False: not on the
 * list, or incomplete; *out is then unspecified.
 */
bool must_check insn_decode(const uint8_t *bytes, size_t count, struct insn *out);
/** Ones in the low in->bytes bytes. */
static inline uint64_t insn_mask(const struct insn *in)
{
	return UINT64_MAX >> (64 - 8 * in->bytes);
}
/** Offset of the memory operand within its segment. */
uint64_t insn_offset(const struct insn *in, const struct guest_regs *regs);
/** The low in->bytes of a register, zero extended; knows ah..bh. */
uint64_t insn_reg_read(const struct insn *in, const struct guest_regs *regs, unsigned int reg);
/** Writes in->bytes of a register as the CPU does: 4 clear the upper half. */
void insn_reg_write(const struct insn *in, struct guest_regs *regs, unsigned int reg,
		    uint64_t value);

/* --- emul.c, for emul_io.c and emul_pte.c; v is the current vCPU --- */
/** Fetches and decodes at rip; false: bounce what brought us here. */
bool must_check emul_fetch(const struct vcpu *v, struct insn *in);
/** Base address of an INSN_SEG_* as the current mode sees it. */
uint64_t emul_segment_base(struct vcpu *v, unsigned int segment);
/** Moves rip by `length`; the trap of a single step follows if TF is set. */
enum emul_result emul_complete(struct vcpu *v, unsigned int length);

/* --- emul_io.c --- */
/** May the vCPU touch ports in its present mode, by virtual IOPL? */
bool emul_io_allowed(const struct vcpu *v);
/** INSN_IN .. INSN_OUTS. */
enum emul_result emul_port(struct vcpu *v, const struct insn *in);

#endif
