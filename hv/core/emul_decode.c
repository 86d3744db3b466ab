/* SPDX-License-Identifier: MIT */
/*
 * Decoder of the closed list of instructions that the core executes for a
 * guest: privileged ones, port I/O, and plain stores to page-table entries.
 * emul.c and emul_pte.c call it with bytes already copied from the guest.
 * Pure: it never reads memory or state of its own, needs no lock, and takes
 * any bytes at all.
 */
#include <hv/emul.h>

/* How an opcode goes on. */
#define F_MODRM 0x01u /* a ModRM byte follows */
#define F_W 0x02u     /* opcode bit 0 clear: operand of one byte */
#define F_IMM8 0x04u  /* one byte, sign extended */
#define F_IMM 0x08u   /* operand size, at most four bytes, sign extended */
#define F_GROUP 0x10u /* op is a row of group_op, ModRM.reg the column */
#define F_MEM 0x20u   /* the operand must be memory */
#define F_IO 0x40u    /* operand of at most four bytes */
/* PREFIX_* that make another instruction, or none, of it; LOCK always does, but with F_LOCK. */
#define F_BAD(p) ((p) << 8)
#define F_LOCK F_BAD(PREFIX_LOCK)
#define F_PLAIN F_BAD(PREFIX_OPSIZE | PREFIX_REP | PREFIX_REPNE)
#define F_NO_F2 F_BAD(PREFIX_REPNE) /* some CPUs repeat it: leave it alone */

#define F_STORE (F_MODRM | F_MEM)
#define F_RMW (F_STORE | F_LOCK)

struct pattern {
	uint8_t op;
	uint16_t flags;
};

/* Rows of group_op. */
#define GROUP_80 0
#define GROUP_C6 1
#define GROUP_BA 2

static const uint8_t group_op[][8] = {
	[GROUP_80] = { [1] = INSN_OR, [4] = INSN_AND },
	[GROUP_C6] = { [0] = INSN_MOV },
	[GROUP_BA] = { [5] = INSN_BTS, [6] = INSN_BTR, [7] = INSN_BTC },
};

static const struct pattern one_byte[256] = {
	[0x08 ... 0x09] = { INSN_OR, F_RMW | F_W },
	[0x20 ... 0x21] = { INSN_AND, F_RMW | F_W },
	[0x6c ... 0x6d] = { INSN_INS, F_W | F_IO | F_NO_F2 },
	[0x6e ... 0x6f] = { INSN_OUTS, F_W | F_IO | F_NO_F2 },
	[0x80 ... 0x81] = { GROUP_80, F_RMW | F_W | F_GROUP | F_IMM },
	[0x83] = { GROUP_80, F_RMW | F_GROUP | F_IMM8 },
	[0x86 ... 0x87] = { INSN_XCHG, F_RMW | F_W },
	[0x88 ... 0x89] = { INSN_MOV, F_STORE | F_W },
	[0xc6 ... 0xc7] = { GROUP_C6, F_STORE | F_W | F_GROUP | F_IMM },
	[0xe4 ... 0xe5] = { INSN_IN, F_W | F_IO | F_IMM8 },
	[0xe6 ... 0xe7] = { INSN_OUT, F_W | F_IO | F_IMM8 },
	[0xec ... 0xed] = { INSN_IN, F_W | F_IO },
	[0xee ... 0xef] = { INSN_OUT, F_W | F_IO },
	[0xfa ... 0xfb] = { INSN_CLI_STI, 0 },
};

/* Opcodes behind 0x0f. */
static const struct pattern two_byte[256] = {
	[0x01] = { INSN_XSETBV, F_MODRM | F_PLAIN },
	[0x06] = { INSN_CLTS, 0 },
	[0x08 ... 0x09] = { INSN_WBINVD, 0 },
	[0x20] = { INSN_CR_READ, F_MODRM },
	[0x21] = { INSN_DR_READ, F_MODRM },
	[0x22] = { INSN_CR_WRITE, F_MODRM },
	[0x23] = { INSN_DR_WRITE, F_MODRM },
	[0x30] = { INSN_WRMSR, 0 },
	[0x32] = { INSN_RDMSR, 0 },
	[0xab] = { INSN_BTS, F_RMW },
	[0xb0 ... 0xb1] = { INSN_CMPXCHG, F_RMW | F_W },
	[0xb3] = { INSN_BTR, F_RMW },
	[0xba] = { GROUP_BA, F_RMW | F_GROUP | F_IMM8 },
	[0xbb] = { INSN_BTC, F_RMW },
	/* movnti: a store without a hint that matters to us */
	[0xc3] = { INSN_MOV, F_STORE | F_PLAIN },
};

static const uint8_t prefix_of[256] = {
	[0x26] = PREFIX_SEGMENT, [0x2e] = PREFIX_SEGMENT, [0x36] = PREFIX_SEGMENT,
	[0x3e] = PREFIX_SEGMENT, [0x64] = PREFIX_SEGMENT, [0x65] = PREFIX_SEGMENT,
	[0x66] = PREFIX_OPSIZE,	 [0x67] = PREFIX_ADDR32,  [0xf0] = PREFIX_LOCK,
	[0xf2] = PREFIX_REPNE,	 [0xf3] = PREFIX_REP,
};

/* Where in the frame each register of the ModRM order is. */
#define REG(name) ((uint8_t)offsetof(struct guest_regs, name))
static const uint8_t reg_offset[16] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
	REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
};
_Static_assert(sizeof(struct guest_regs) <= UINT8_MAX, "offsets fit a byte");

struct cursor {
	const uint8_t *bytes;
	size_t count, pos;
	bool failed; /* ran out of bytes */
};

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

static uint8_t next_byte(struct cursor *c)
{
	if (c->pos >= c->count) {
		c->failed = true;
		return 0;
	}
	return c->bytes[c->pos++];
}

/* Little-endian signed number of 1, 2 or 4 bytes. */
static int32_t next_signed(struct cursor *c, unsigned int bytes)
{
	unsigned int unused = 32 - 8 * bytes;
	uint32_t value = 0;

	for (unsigned int i = 0; i < bytes; i++) {
		value |= (uint32_t)next_byte(c) << (8 * i);
	}
	return (int32_t)(value << unused) >> unused;
}

/* Three bits of an encoding, and the fourth from the REX prefix. */
static uint8_t reg_number(const struct insn *in, unsigned int bits, uint8_t rex)
{
	return (uint8_t)((bits & 7u) | (in->rex & rex ? 8u : 0));
}

/* Reads prefixes; returns the first byte that is none.  Input bounds it. */
static uint8_t decode_prefixes(struct cursor *c, struct insn *in)
{
	for (;;) {
		uint8_t b = next_byte(c);

		if ((b & 0xf0) == 0x40) {
			in->rex = b;
			continue;
		}
		if (prefix_of[b] == 0) {
			return b;
		}
		if (b == 0x64 || b == 0x65) {
			in->segment = b == 0x64 ? INSN_SEG_FS : INSN_SEG_GS;
		}
		in->prefixes |= prefix_of[b];
		/* A REX prefix counts only right before the opcode. */
		in->rex = 0;
	}
}

/* ModRM with memory: SIB and displacement. */
static void decode_memory(struct cursor *c, struct insn *in, uint8_t modrm)
{
	unsigned int mod = modrm >> 6;
	unsigned int low = modrm & 7u;

	in->memory = true;
	in->index = INSN_REG_NONE;
	in->base = reg_number(in, low, REX_B);
	if (low == 4) {
		uint8_t sib = next_byte(c);
		uint8_t index = reg_number(in, sib >> 3, REX_X);

		if (index != 4) { /* rsp is no index, r12 is */
			in->index = index;
			in->shift = (uint8_t)(sib >> 6);
		}
		in->base = reg_number(in, sib, REX_B);
	}
	if (mod == 0 && (in->base & 7u) == 5) {
		/* No base: an absolute address, or without SIB a relative one. */
		in->base = low == 4 ? INSN_REG_NONE : INSN_REG_RIP;
		mod = 2;
	}
	if (mod != 0) {
		in->disp = next_signed(c, mod == 1 ? 1 : 4);
	}
}

static uint8_t operand_size(const struct insn *in, unsigned int flags, uint8_t opcode)
{
	if ((flags & F_W) && !(opcode & 1)) {
		return 1;
	}
	if (in->rex & REX_W) {
		return flags & F_IO ? 4 : 8;
	}
	return in->prefixes & PREFIX_OPSIZE ? 2 : 4;
}

static void decode_modrm(struct cursor *c, struct insn *in, struct pattern p)
{
	uint8_t modrm = next_byte(c);

	if (p.flags & F_GROUP) {
		in->op = group_op[p.op][(modrm >> 3) & 7u];
	} else if (p.op == INSN_XSETBV && modrm != 0xd1) {
		in->op = INSN_NONE; /* other instructions of 0F 01 */
	}
	in->reg = reg_number(in, modrm >> 3, REX_R);
	in->rm = reg_number(in, modrm, REX_B);
	/* Moves of control and debug registers ignore mod. */
	if ((p.flags & F_MEM) && modrm < 0xc0) {
		decode_memory(c, in, modrm);
	}
}

static bool decode_any(const uint8_t *bytes, size_t count, struct insn *out)
{
	struct cursor c = { .bytes = bytes, .count = MIN(count, INSN_MAX) };
	struct insn in = { .op = INSN_NONE };
	uint8_t opcode = decode_prefixes(&c, &in);
	struct pattern p = one_byte[opcode];

	if (opcode == 0x0f) {
		opcode = next_byte(&c);
		p = two_byte[opcode];
	}
	in.op = p.op;
	in.bytes = operand_size(&in, p.flags, opcode);
	if (p.flags & F_MODRM) {
		decode_modrm(&c, &in, p);
	}
	in.has_imm = (p.flags & (F_IMM | F_IMM8)) != 0;
	if (in.has_imm) {
		unsigned int size = p.flags & F_IMM8 ? 1 : MIN(in.bytes, 4u);

		in.imm = (uint64_t)(int64_t)next_signed(&c, size);
	}
	in.length = (uint8_t)c.pos;
	*out = in;
	return !c.failed && in.op != INSN_NONE && (in.memory || !(p.flags & F_MEM)) &&
	       !(in.prefixes & ((p.flags >> 8) ^ PREFIX_LOCK));
}

/*
 * What Linux compiles nearly all its stores to tables to, xchg or mov of a
 * 64-bit register and (register).  As decode_any() would.
 */
static bool decode_quick(const uint8_t *b, size_t count, struct insn *out)
{
	unsigned int rm = count < 3 ? 4 : b[2] & 7u;

	if (rm == 4 || rm == 5 || (b[0] & 0xf8) != 0x48 || (b[1] != 0x87 && b[1] != 0x89) ||
	    b[2] >= 0x40) {
		return false;
	}
	rm += (b[0] & REX_B) * 8;
	*out = (struct insn){ .op = b[1] == 0x87 ? INSN_XCHG : INSN_MOV,
			      .length = 3,
			      .bytes = 8,
			      .reg = (uint8_t)(b[2] >> 3 | (b[0] & REX_R) << 1),
			      .rm = (uint8_t)rm,
			      .rex = REX_W,
			      .memory = true,
			      .base = (uint8_t)rm,
			      .index = INSN_REG_NONE };
	return true;
}

bool insn_decode(const uint8_t *bytes, size_t count, struct insn *out)
{
	return decode_quick(bytes, count, out) || decode_any(bytes, count, out);
}

/* For reading as well: the caller of insn_reg_read() sees nothing change. */
static uint64_t *reg_ptr(const struct guest_regs *regs, unsigned int reg)
{
	return (uint64_t *)((uintptr_t)regs + reg_offset[reg & 15u]);
}

uint64_t insn_offset(const struct insn *in, const struct guest_regs *regs)
{
	uint64_t offset = (uint64_t)(int64_t)in->disp;

	if (in->base == INSN_REG_RIP) {
		offset += regs->rip + in->length;
	} else if (in->base != INSN_REG_NONE) {
		offset += *reg_ptr(regs, in->base);
	}
	if (in->index != INSN_REG_NONE) {
		offset += *reg_ptr(regs, in->index) << in->shift;
	}
	return in->prefixes & PREFIX_ADDR32 ? (uint32_t)offset : offset;
}

/* ah, ch, dh, bh are the second byte of rax, rcx, rdx, rbx: shift and reg. */
static unsigned int high_byte(const struct insn *in, unsigned int *reg)
{
	if (in->bytes != 1 || in->rex || *reg < 4 || *reg > 7) {
		return 0;
	}
	*reg -= 4;
	return 8;
}

uint64_t insn_reg_read(const struct insn *in, const struct guest_regs *regs, unsigned int reg)
{
	unsigned int shift = high_byte(in, &reg);

	return (*reg_ptr(regs, reg) >> shift) & insn_mask(in);
}

void insn_reg_write(const struct insn *in, struct guest_regs *regs, unsigned int reg,
		    uint64_t value)
{
	unsigned int shift = high_byte(in, &reg);
	uint64_t mask = insn_mask(in) << shift;
	uint64_t *r = reg_ptr(regs, reg);
	uint64_t kept = in->bytes == 4 ? 0 : *r & ~mask;

	*r = kept | ((value << shift) & mask);
}
