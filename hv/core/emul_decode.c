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
#define F_GROUP 0x10u /* ModRM.reg chooses the operation */
#define F_LOCK 0x20u  /* a LOCK prefix is legal */
#define F_MEM 0x40u   /* the operand must be memory */
#define F_IO 0x80u    /* operand of at most four bytes */

#define F_STORE (F_MODRM | F_MEM)
#define F_RMW (F_STORE | F_LOCK)

struct pattern {
	uint8_t op, flags;
};

/* Where in the frame each register of the ModRM order is. */
#define REG(name) ((uint8_t)offsetof(struct guest_regs, name))
static const uint8_t reg_offset[16] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp),
	REG(rsi), REG(rdi), REG(r8),  REG(r9),	REG(r10), REG(r11),
	REG(r12), REG(r13), REG(r14), REG(r15),
};
_Static_assert(sizeof(struct guest_regs) <= UINT8_MAX, "offsets fit a byte");

/* Input, and the prefixes seen so far. */
struct cursor {
	const uint8_t *bytes;
	size_t count, pos;
	uint8_t rex; /* 0: none */
	bool opsize, lock, rep, repne;
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
	uint32_t value = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++) {
		value |= (uint32_t)next_byte(c) << (8 * i);
	}
	if (bytes == 1) {
		return (int8_t)value;
	}
	if (bytes == 2) {
		return (int16_t)value;
	}
	return (int32_t)value;
}

/* Reads prefixes; returns the first byte that is none.  Input bounds it. */
static uint8_t decode_prefixes(struct cursor *c, struct insn *in)
{
	for (;;) {
		uint8_t b = next_byte(c);

		if ((b & 0xf0) == 0x40) {
			c->rex = b;
			continue;
		}
		switch (b) {
		case 0x66:
			c->opsize = true;
			break;
		case 0x67:
			in->addr32 = true;
			break;
		case 0xf0:
			c->lock = true;
			break;
		case 0xf2:
			c->repne = true;
			break;
		case 0xf3:
			c->rep = true;
			break;
		case 0x64:
			in->segment = INSN_SEG_FS;
			break;
		case 0x65:
			in->segment = INSN_SEG_GS;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			break; /* no meaning in 64-bit code */
		default:
			return b;
		}
		/* A REX prefix counts only right before the opcode. */
		c->rex = 0;
	}
}

static struct pattern pattern_one_byte(uint8_t opcode)
{
	switch (opcode) {
	case 0x08:
	case 0x09:
		return (struct pattern){ INSN_OR, F_RMW | F_W };
	case 0x20:
	case 0x21:
		return (struct pattern){ INSN_AND, F_RMW | F_W };
	case 0x6c:
	case 0x6d:
		return (struct pattern){ INSN_INS, F_W | F_IO };
	case 0x6e:
	case 0x6f:
		return (struct pattern){ INSN_OUTS, F_W | F_IO };
	case 0x80:
	case 0x81:
		return (struct pattern){ INSN_NONE,
					 F_RMW | F_W | F_GROUP | F_IMM };
	case 0x83:
		return (struct pattern){ INSN_NONE, F_RMW | F_GROUP | F_IMM8 };
	case 0x86:
	case 0x87:
		return (struct pattern){ INSN_XCHG, F_RMW | F_W };
	case 0x88:
	case 0x89:
		return (struct pattern){ INSN_MOV, F_STORE | F_W };
	case 0xc6:
	case 0xc7:
		return (struct pattern){ INSN_NONE,
					 F_STORE | F_W | F_GROUP | F_IMM };
	case 0xe4:
	case 0xe5:
		return (struct pattern){ INSN_IN, F_W | F_IO | F_IMM8 };
	case 0xe6:
	case 0xe7:
		return (struct pattern){ INSN_OUT, F_W | F_IO | F_IMM8 };
	case 0xec:
	case 0xed:
		return (struct pattern){ INSN_IN, F_W | F_IO };
	case 0xee:
	case 0xef:
		return (struct pattern){ INSN_OUT, F_W | F_IO };
	case 0xfa:
		return (struct pattern){ INSN_CLI, 0 };
	case 0xfb:
		return (struct pattern){ INSN_STI, 0 };
	default:
		return (struct pattern){ INSN_NONE, 0 };
	}
}

/* Opcodes behind 0x0f. */
static struct pattern pattern_two_byte(uint8_t opcode)
{
	switch (opcode) {
	case 0x01:
		return (struct pattern){ INSN_NONE, F_MODRM | F_GROUP };
	case 0x06:
		return (struct pattern){ INSN_CLTS, 0 };
	case 0x08:
	case 0x09:
		return (struct pattern){ INSN_WBINVD, 0 };
	case 0x20:
		return (struct pattern){ INSN_CR_READ, F_MODRM };
	case 0x21:
		return (struct pattern){ INSN_DR_READ, F_MODRM };
	case 0x22:
		return (struct pattern){ INSN_CR_WRITE, F_MODRM };
	case 0x23:
		return (struct pattern){ INSN_DR_WRITE, F_MODRM };
	case 0x30:
		return (struct pattern){ INSN_WRMSR, 0 };
	case 0x31:
		return (struct pattern){ INSN_RDTSC, 0 };
	case 0x32:
		return (struct pattern){ INSN_RDMSR, 0 };
	case 0xab:
		return (struct pattern){ INSN_BTS, F_RMW };
	case 0xb0:
	case 0xb1:
		return (struct pattern){ INSN_CMPXCHG, F_RMW | F_W };
	case 0xb3:
		return (struct pattern){ INSN_BTR, F_RMW };
	case 0xba:
		return (struct pattern){ INSN_NONE, F_RMW | F_GROUP | F_IMM8 };
	case 0xbb:
		return (struct pattern){ INSN_BTC, F_RMW };
	case 0xc3: /* movnti: a store without a hint that matters to us */
		return (struct pattern){ INSN_MOV, F_STORE };
	default:
		return (struct pattern){ INSN_NONE, 0 };
	}
}

/* The operation of a group opcode. */
static uint8_t group_op(bool two_byte, uint8_t opcode, uint8_t modrm)
{
	static const uint8_t bit_op[8] = {
		[5] = INSN_BTS,
		[6] = INSN_BTR,
		[7] = INSN_BTC,
	};
	unsigned int sub = (modrm >> 3) & 7u;

	if (two_byte) {
		if (opcode == 0xba) {
			return bit_op[sub];
		}
		/* 0x0f 0x01: the whole byte is the rest of the opcode. */
		if (modrm == 0xd1) {
			return INSN_XSETBV;
		}
		return modrm == 0xf9 ? INSN_RDTSCP : INSN_NONE;
	}
	if (opcode >= 0xc6) {
		return sub == 0 ? INSN_MOV : INSN_NONE;
	}
	if (sub == 1) {
		return INSN_OR;
	}
	return sub == 4 ? INSN_AND : INSN_NONE;
}

/* ModRM with memory: SIB and displacement. */
static void decode_memory(struct cursor *c, struct insn *in, uint8_t modrm)
{
	unsigned int mod = modrm >> 6;
	unsigned int low = modrm & 7u;
	bool sib_without_base = false;

	in->memory = true;
	in->index = INSN_REG_NONE;
	in->base = (uint8_t)(low | (c->rex & REX_B ? 8u : 0));
	if (low == 4) {
		uint8_t sib = next_byte(c);
		unsigned int index = (sib >> 3) & 7u;

		index |= c->rex & REX_X ? 8u : 0;
		if (index != 4) { /* rsp is no index, r12 is */
			in->index = (uint8_t)index;
			in->shift = (uint8_t)(sib >> 6);
		}
		in->base = (uint8_t)((sib & 7u) | (c->rex & REX_B ? 8u : 0));
		sib_without_base = mod == 0 && (sib & 7u) == 5;
	}
	if (sib_without_base) {
		in->base = INSN_REG_NONE;
		in->disp = next_signed(c, 4);
	} else if (mod == 0 && low == 5) {
		in->base = INSN_REG_RIP;
		in->disp = next_signed(c, 4);
	} else if (mod == 1) {
		in->disp = next_signed(c, 1);
	} else if (mod == 2) {
		in->disp = next_signed(c, 4);
	}
}

static uint8_t operand_size(const struct cursor *c, unsigned int flags,
			    uint8_t opcode)
{
	if ((flags & F_W) && !(opcode & 1)) {
		return 1;
	}
	if (c->rex & REX_W) {
		return flags & F_IO ? 4 : 8;
	}
	return c->opsize ? 2 : 4;
}

/* Prefixes that make another instruction, or none, of the same opcode. */
static bool prefixes_ok(const struct cursor *c, const struct insn *in,
			unsigned int flags, bool two_byte, uint8_t opcode)
{
	if (c->lock && !(flags & F_LOCK)) {
		return false;
	}
	if (two_byte && (opcode == 0x01 || opcode == 0xc3)) {
		return !c->opsize && !c->rep && !c->repne;
	}
	/* REPNE repeats string I/O as well, on some CPUs: leave it alone. */
	return !(c->repne && (in->op == INSN_INS || in->op == INSN_OUTS));
}

bool insn_decode(const uint8_t *bytes, size_t count, struct insn *out)
{
	struct cursor c = { .bytes = bytes, .count = MIN(count, INSN_MAX) };
	struct insn in = { .op = INSN_NONE };
	bool two_byte = false;
	struct pattern p;
	uint8_t opcode;

	opcode = decode_prefixes(&c, &in);
	if (opcode == 0x0f) {
		two_byte = true;
		opcode = next_byte(&c);
		p = pattern_two_byte(opcode);
	} else {
		p = pattern_one_byte(opcode);
	}
	in.op = p.op;
	in.rex = c.rex != 0;
	in.rep = c.rep;
	in.bytes = operand_size(&c, p.flags, opcode);

	if (p.flags & F_MODRM) {
		uint8_t modrm = next_byte(&c);

		if (p.flags & F_GROUP) {
			in.op = group_op(two_byte, opcode, modrm);
		}
		in.reg = (uint8_t)((modrm >> 3) & 7u);
		in.reg |= c.rex & REX_R ? 8 : 0;
		in.rm = (uint8_t)(modrm & 7u);
		in.rm |= c.rex & REX_B ? 8 : 0;
		/* Moves of control and debug registers ignore mod. */
		if ((p.flags & F_MEM) && modrm < 0xc0) {
			decode_memory(&c, &in, modrm);
		}
	}
	if (p.flags & F_IMM8) {
		in.imm = (uint64_t)(int64_t)next_signed(&c, 1);
	} else if (p.flags & F_IMM) {
		in.imm = (uint64_t)(int64_t)next_signed(&c, MIN(in.bytes, 4u));
	}
	in.has_imm = (p.flags & (F_IMM | F_IMM8)) != 0;
	in.length = (uint8_t)c.pos;
	*out = in;

	return !c.failed && in.op != INSN_NONE &&
	       (in.memory || !(p.flags & F_MEM)) &&
	       prefixes_ok(&c, &in, p.flags, two_byte, opcode);
}

static uint64_t *reg_ptr(struct guest_regs *regs, unsigned int reg)
{
	return (uint64_t *)(void *)((char *)regs + reg_offset[reg & 15u]);
}

static uint64_t reg_full(const struct guest_regs *regs, unsigned int reg)
{
	return *(const uint64_t *)(const void *)((const char *)regs +
						 reg_offset[reg & 15u]);
}

uint64_t insn_offset(const struct insn *in, const struct guest_regs *regs)
{
	uint64_t offset = (uint64_t)(int64_t)in->disp;

	if (in->base == INSN_REG_RIP) {
		offset += regs->rip + in->length;
	} else if (in->base != INSN_REG_NONE) {
		offset += reg_full(regs, in->base);
	}
	if (in->index != INSN_REG_NONE) {
		offset += reg_full(regs, in->index) << in->shift;
	}
	return in->addr32 ? (uint32_t)offset : offset;
}

/* ah, ch, dh, bh: the second byte of rax, rcx, rdx, rbx. */
static bool is_high_byte(const struct insn *in, unsigned int reg)
{
	return in->bytes == 1 && !in->rex && reg >= 4 && reg < 8;
}

uint64_t insn_reg_read(const struct insn *in, const struct guest_regs *regs,
		       unsigned int reg)
{
	if (is_high_byte(in, reg)) {
		return (uint8_t)(reg_full(regs, reg - 4) >> 8);
	}
	switch (in->bytes) {
	case 1:
		return (uint8_t)reg_full(regs, reg);
	case 2:
		return (uint16_t)reg_full(regs, reg);
	case 4:
		return (uint32_t)reg_full(regs, reg);
	default:
		return reg_full(regs, reg);
	}
}

void insn_reg_write(const struct insn *in, struct guest_regs *regs,
		    unsigned int reg, uint64_t value)
{
	uint64_t *r;

	if (is_high_byte(in, reg)) {
		r = reg_ptr(regs, reg - 4);
		*r = (*r & ~0xff00ull) | (uint64_t)(uint8_t)value << 8;
		return;
	}
	r = reg_ptr(regs, reg);
	switch (in->bytes) {
	case 1:
		*r = (*r & ~0xffull) | (uint8_t)value;
		break;
	case 2:
		*r = (*r & ~0xffffull) | (uint16_t)value;
		break;
	case 4:
		*r = (uint32_t)value;
		break;
	default:
		*r = value;
		break;
	}
}
