/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder: never reads beyond what it was given, says the same
 * about a prefix that is long enough, and keeps every number in its range.
 */
#include <stdlib.h>
#include <string.h>

#include <hv/check.h>
#include <hv/emul.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_insn(const struct insn *in)
{
	struct guest_regs regs;
	uint64_t value;

	memset(&regs, 0x5a, sizeof(regs));
	CHECK(in->op > INSN_NONE && in->op <= INSN_BTC);
	CHECK(in->bytes == 1 || in->bytes == 2 || in->bytes == 4 || in->bytes == 8);
	CHECK(in->reg < 16 && in->rm < 16 && in->shift < 4);
	if (in->memory) {
		(void)insn_offset(in, &regs);
	}
	value = insn_reg_read(in, &regs, in->reg);
	insn_reg_write(in, &regs, in->reg, value);
	CHECK(insn_reg_read(in, &regs, in->reg) == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = size < INSN_MAX ? size : INSN_MAX;
	uint8_t *copy = malloc(count ? count : 1);
	struct insn in, again;

	memcpy(copy, data, count);
	memset(&in, 0, sizeof(in));
	if (insn_decode(copy, count, &in)) {
		CHECK(in.length >= 1 && in.length <= count);
		check_insn(&in);
		memset(&again, 0, sizeof(again));
		CHECK(insn_decode(copy, in.length, &again));
		CHECK(again.op == in.op && again.length == in.length && again.imm == in.imm &&
		      again.disp == in.disp);
		CHECK(in.length == 1 || !insn_decode(copy, in.length - 1u, &again));
	}
	free(copy);
	return 0;
}
