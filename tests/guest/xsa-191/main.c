/* SPDX-License-Identifier: MIT */
/*
 * XSA-191 (and 265): state that the emulator presumes. Segments that a guest
 * had made null were used as if they had a base; code of another size was
 * decoded as 64-bit code; a debug exception of an instruction nobody thought of
 * ran into a check.
 *
 * Here emulated instructions are executed with null and odd data selectors,
 * through FS and GS with bases that lead to the core, and around instructions
 * that raise exceptions in unusual ways (icebp, into, bound in 32-bit code).
 * Accesses go where the processor would send them, or fault as the guest's own.
 */
#include <test.h>

#define PORT 0x80u
#define CODE32 0x00cffb000000ffffull /* DPL 3 */

static uint8_t bytes[64] __attribute__((aligned(64)));

static void load_selectors(uint16_t ds, uint16_t es, uint16_t fs, uint16_t gs)
{
	__asm__ __volatile__("mov %0, %%ds\n\tmov %1, %%es\n\tmov %2, %%fs\n\tmov %3, %%gs"
			     :
			     : "r"((uint32_t)ds), "r"((uint32_t)es), "r"((uint32_t)fs),
			       "r"((uint32_t)gs));
}

/* The destination of ins is in ES, whose base means nothing. */
static void strings(void)
{
	uint64_t rdi, rcx;
	unsigned int i;

	memset(bytes, 0x11, sizeof(bytes));
	rdi = (uint64_t)bytes;
	rcx = 16;
	__asm__ __volatile__("rep insb" : "+D"(rdi), "+c"(rcx) : "d"(PORT) : "memory");
	EXPECT(rdi == (uint64_t)bytes + 16 && rcx == 0);
	for (i = 16; i < sizeof(bytes); i++) {
		EXPECT(bytes[i] == 0x11);
	}
	__asm__ __volatile__("rep outsb" : "+S"(rdi), "+c"(rcx) : "d"(PORT) : "memory");
	EXPECT(rcx == 0);
}

static void by_fs(uint64_t offset)
{
	__asm__ __volatile__("fs; outsb" : "+S"(offset) : "d"(PORT) : "memory");
}

static void by_gs(uint64_t offset)
{
	__asm__ __volatile__("gs; outsb" : "+S"(offset) : "d"(PORT) : "memory");
}

/* Base and offset each allowed, their sum the core's: no byte of it goes out. */
static void bases(void)
{
	static const unsigned long targets[] = { CORE_START + 0x100000000ul, CORE_MIDDLE,
						 CORE_LAST_PAGE, NONCANONICAL };
	unsigned int i;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		EXPECT_RC(hyp_set_segment_base(SEGBASE_FS, 0x7ffffffff000ul), 0);
		EXPECT_RC(hyp_set_segment_base(SEGBASE_GS_KERNEL, 0xffffffff80000000ul), 0);
		TRAP_TRY(&t, by_fs(targets[i] - 0x7ffffffff000ul));
		EXPECT(t.hit && (t.vector == TRAP_GP || t.vector == TRAP_PF));
		TRAP_TRY(&t, by_gs(targets[i] - 0xffffffff80000000ul));
		EXPECT(t.hit && (t.vector == TRAP_GP || t.vector == TRAP_PF));
		/* As a destination there is no override: ES it is. */
		TRAP_TRY(&t, __asm__ __volatile__("fs; insb"
						  :
						  : "D"(targets[i]), "d"(PORT)
						  : "memory"));
		EXPECT(t.hit && (t.vector == TRAP_GP || t.vector == TRAP_PF));
	}
	EXPECT_RC(hyp_set_segment_base(SEGBASE_FS, (unsigned long)bytes), 0);
	EXPECT_NO_TRAP(by_fs(8));
	/* A null selector takes the base with it, or leaves it, but no more. */
	load_selectors(0, 0, 0, 0);
	TRAP_TRY(&t, by_fs(8));
	EXPECT(!t.hit || (t.vector == TRAP_PF && t.cr2 == 8));
	EXPECT_RC(hyp_set_segment_base(SEGBASE_FS, 0), 0);
	EXPECT_RC(hyp_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
}

static uint64_t icebp(uint64_t arg)
{
	__asm__ __volatile__(".byte 0xf1" : : "D"(arg) : "memory");
	return 1;
}

static uint64_t legacy(uint64_t arg)
{
	/* Opcodes that 64-bit code has not: into, bound, pusha, aaa. */
	static const uint8_t codes[][2] = {
		{ 0xce, 0xc3 }, { 0x62, 0x00 }, { 0x60, 0xc3 }, { 0x37, 0xc3 }
	};

	((void (*)(void))(unsigned long)codes[arg])();
	return 1;
}

static void exceptions(void)
{
	unsigned int i;
	struct trap t;

	/* The emulated processor does not know it, which is as good. */
	TRAP_TRY(&t, icebp(0));
	EXPECT(t.hit && (t.vector == TRAP_DB || t.vector == TRAP_UD));
	TRAP_TRY(&t, user_run(icebp, 0));
	EXPECT(t.hit && (t.vector == TRAP_DB || t.vector == TRAP_UD));
	for (i = 0; i < 4; i++) {
		TRAP_TRY(&t, legacy(i));
		EXPECT(t.hit && (t.vector == TRAP_UD || t.vector == TRAP_PF));
		TRAP_TRY(&t, user_run(legacy, i));
		EXPECT(t.hit && (t.vector == TRAP_UD || t.vector == TRAP_PF));
	}
}

static bool back_from_32(struct trap_regs *regs)
{
	if ((regs->cs & 0xffff & ~3u) != (1u << 3)) {
		return false;
	}
	/* The exception that the code there raised: on to the label behind. */
	test_sink = regs->vector << 32 | (regs->rip & 0xffffffff);
	regs->cs = FLAT_KERNEL_CS & ~3ul;
	regs->rip = regs->rbx;
	return true;
}

/*
 * The bytes mean other things in 32-bit code: REX prefixes are inc and dec
 * there, so that a privileged instruction behind one must not be found.
 */
static void code_of_32_bits(void)
{
	static const uint8_t codes[][4] = {
		{ 0x0f, 0x20, 0xc0, 0xf4 }, /* mov %cr0, %eax */
		{ 0x0f, 0x32, 0xf4, 0xf4 }, /* rdmsr */
		{ 0xf4, 0xf4, 0xf4, 0xf4 }, /* hlt */
	};
	uint64_t *gdt = page_alloc();
	uint8_t *code = page_alloc();
	xen_pfn_t frame = virt_to_mfn(gdt);
	unsigned int i;

	gdt[1] = CODE32;
	page_protect(gdt, false);
	NEED(hyp_set_gdt(&frame, 512) == 0);
	trap_set_hook(TRAP_GP, back_from_32);
	trap_set_hook(TRAP_UD, back_from_32);
	NEED((uint64_t)code < 1ul << 32);
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		uint64_t rsp;

		memcpy(code, codes[i], sizeof(codes[i]));
		test_sink = 0;
		__asm__ __volatile__("mov %%rsp, %[rsp]\n\t"
				     "lea 1f(%%rip), %%rbx\n\t"
				     "push $0x0b\n\t"
				     "push %[code]\n\t"
				     "lretq\n"
				     "1:\n\t"
				     "mov %[rsp], %%rsp"
				     : [rsp] "=&r"(rsp)
				     : [code] "r"(code), "c"(0x10ul)
				     : "rax", "rbx", "rdx", "memory", "cc");
		/* At the first byte: nothing was executed for it. */
		EXPECT_RC(test_sink, (uint64_t)TRAP_GP << 32 | (uint64_t)code);
	}
	trap_set_hook(TRAP_GP, NULL);
	trap_set_hook(TRAP_UD, NULL);
	EXPECT_RC(hyp_set_gdt(NULL, 0), 0);
}

void test(void)
{
	static const uint16_t data[] = { 0, 3, 0xe02b, FLAT_KERNEL_SS };
	struct physdev_set_iopl iopl = { .iopl = 1 };
	unsigned int i;

	NEED(hyp_physdev_op(PHYSDEVOP_set_iopl, &iopl) == 0);
	for (i = 0; i < ARRAY_SIZE(data); i++) {
		load_selectors(data[i], data[i], data[i], data[i]);
		strings();
	}
	load_selectors(0, 0, 0, 0);
	bases();
	exceptions();
	code_of_32_bits();
}
