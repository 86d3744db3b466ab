/* SPDX-License-Identifier: MIT */
/*
 * iret: does the frame of a guest decide anything but the guest's own state?
 * Flags and selectors are made those of ring 3; what cannot be loaded ends in
 * the failsafe callback, or as an exception, of the guest.
 */
#include <test.h>

/* RPL 3 would mean user mode. */
#define KERNEL_CS (FLAT_KERNEL_CS & ~3ul)

#define RFLAGS_FIXED 0x2ul
#define RFLAGS_TF 0x100ul
#define RFLAGS_IF 0x200ul
#define RFLAGS_IOPL 0x3000ul
#define RFLAGS_NT 0x4000ul
#define RFLAGS_RF 0x10000ul
#define RFLAGS_VM 0x20000ul
#define RFLAGS_AC 0x40000ul
#define RFLAGS_VIF 0x80000ul
#define RFLAGS_VIP 0x100000ul
#define RFLAGS_ID 0x200000ul

extern const char shim_image_start[];

struct landing {
	uint64_t rflags, cs, ss;
};

static volatile struct landing landed;
static char other_stack[4096] __attribute__((aligned(16)));

/*
 * Returns through the frame to the label, on the stack named in it, and comes
 * back. Only ss, rflags, cs and rip are the caller's choice.
 */
static void iret_to(uint64_t rip, uint64_t cs, uint64_t rflags, uint64_t rsp, uint64_t ss)
{
	__asm__ __volatile__(
		"push %[ss]\n\t"
		"push %[rsp]\n\t"
		"push %[rflags]\n\t"
		"push %[cs]\n\t"
		"push %[rip]\n\t"
		"push $0\n\t"	 /* flags */
		"push $0x11\n\t" /* rcx */
		"push $0x22\n\t" /* r11 */
		"push $0x33\n\t" /* rax */
		"mov $23, %%eax\n\t"
		"syscall\n\t"
		"ud2"
		:
		: [ss] "r"(ss), [rsp] "r"(rsp), [rflags] "r"(rflags), [cs] "r"(cs), [rip] "r"(rip)
		: "rax", "rcx", "r11", "memory");
}

/* An iret to label 1 of the same asm, on the same stack, with these flags in the
 * frame. Its operands ss, rflags and cs are the caller's choice. */
#define IRET_TO_1(flags)           \
	"mov %%rsp, %%rbx\n\t"     \
	"push %[ss]\n\t"           \
	"push %%rbx\n\t"           \
	"push %[rflags]\n\t"       \
	"push %[cs]\n\t"           \
	"lea 1f(%%rip), %%rax\n\t" \
	"push %%rax\n\t"           \
	"push " flags "\n\t"       \
	"push $0x11\n\t" /* rcx */ \
	"push $0x22\n\t" /* r11 */ \
	"push $0x33\n\t" /* rax */ \
	"mov $23, %%eax\n\t"       \
	"syscall\n\t"              \
	"ud2\n"                    \
	"1:\t"

static uint64_t round_rcx, round_rax;

/* There and back: to a label of this function, on the same stack. */
static void round_trip(uint64_t cs, uint64_t rflags, uint64_t ss)
{
	uint64_t flags, got_cs, got_ss;

	__asm__ __volatile__(IRET_TO_1("$0") "pushf\n\t"
					     "pop %%rdx\n\t"
					     "push $2\n\t"
					     "popf\n\t"
					     "mov %%cs, %%esi\n\t"
					     "mov %%ss, %%edi\n\t"
			     : "=&a"(round_rax), "=&c"(round_rcx), "=&d"(flags), "=&S"(got_cs),
			       "=&D"(got_ss)
			     : [ss] "r"(ss), [rflags] "r"(rflags), [cs] "r"(cs)
			     : "rbx", "r11", "memory", "cc");
	landed.rflags = flags;
	landed.cs = got_cs & 0xffff;
	landed.ss = got_ss & 0xffff;
}

static void flags(void)
{
	static const uint64_t list[] = {
		RFLAGS_IF,
		RFLAGS_IF | RFLAGS_IOPL,
		RFLAGS_IF | RFLAGS_VM,
		RFLAGS_IF | RFLAGS_VIF | RFLAGS_VIP,
		RFLAGS_IF | RFLAGS_NT | RFLAGS_RF | RFLAGS_ID,
		RFLAGS_IF | 0xffffffff00000000ul,
		RFLAGS_IF | 0x8028,
	};
	unsigned int i;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		TRAP_TRY(&t, round_trip(KERNEL_CS, list[i], FLAT_KERNEL_SS));
		EXPECT(!t.hit);
		EXPECT((landed.rflags & (RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)) == 0);
		EXPECT((landed.rflags & RFLAGS_IOPL) == 0);
		EXPECT(landed.rflags & RFLAGS_IF);
		EXPECT((landed.rflags & ~0x3fffddul & ~RFLAGS_FIXED) == 0);
		EXPECT_RC(round_rax, 0x33);
		EXPECT_RC(round_rcx, 0x11);
	}
	/* IF is the event mask's inverse, and nothing else. */
	TRAP_TRY(&t, round_trip(KERNEL_CS, 0, FLAT_KERNEL_SS));
	EXPECT(!t.hit && (landed.rflags & RFLAGS_IF));
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 1);
	TRAP_TRY(&t, round_trip(KERNEL_CS, RFLAGS_IF, FLAT_KERNEL_SS));
	EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 0);
	/* Single step starts with the first instruction. */
	TRAP_TRY(&t, round_trip(KERNEL_CS, RFLAGS_IF | RFLAGS_TF, FLAT_KERNEL_SS));
	EXPECT(t.hit && t.vector == TRAP_DB);
}

static void selectors(void)
{
	struct trap t;

	/* RPL is forced: whatever ring is asked for, it is ring 3. */
	TRAP_TRY(&t, round_trip(0xe030, RFLAGS_IF, 0xe028));
	EXPECT(!t.hit && landed.cs == 0xe033 && landed.ss == 0xe02b);
	TRAP_TRY(&t, round_trip(0xe031, RFLAGS_IF, 0xe02a));
	EXPECT(!t.hit && landed.cs == 0xe033 && landed.ss == 0xe02b);
}

/* What cannot be loaded. Each of these ends in the failsafe callback, in an
 * exception of the guest, or in one at the place gone to. The base of the
 * kernel's GS is there afterwards: it was lost once, and a user process that
 * spoiled the frame of a signal killed Linux, which has its data there. */
static void unloadable(void)
{
	static const struct {
		uint64_t rip, cs, ss;
	} list[] = {
		{ 0x400000, 0x0008, FLAT_KERNEL_SS },
		{ 0x400000, 0xe008, FLAT_KERNEL_SS },
		{ 0x400000, 0xe010, FLAT_KERNEL_SS },
		{ 0x400000, 0xe028, FLAT_KERNEL_SS }, /* data */
		{ 0x400000, 0x0000, FLAT_KERNEL_SS },
		{ 0x400000, 0xfff8, FLAT_KERNEL_SS },
		{ 0x400000, 0x0004, FLAT_KERNEL_SS }, /* no LDT */
		{ 0x400000, 0xe040, FLAT_KERNEL_SS }, /* TSS or so */
		{ 0x400000, KERNEL_CS, 0x0008 },
		{ 0x400000, KERNEL_CS, 0xe030 }, /* code */
		{ 0x400000, KERNEL_CS, 0x0000 },
		{ 0x400000, KERNEL_CS, 0xe010 },
		{ 0x400000, KERNEL_CS, 0xfff8 },
		{ NONCANONICAL, KERNEL_CS, FLAT_KERNEL_SS },
		{ NONCANONICAL_HIGH + 0xfff, KERNEL_CS, FLAT_KERNEL_SS },
		{ CORE_MIDDLE, KERNEL_CS, FLAT_KERNEL_SS },
		{ CORE_START, KERNEL_CS, FLAT_KERNEL_SS },
		{ UNMAPPED, KERNEL_CS, FLAT_KERNEL_SS },
	};
	uint64_t sp = (uint64_t)other_stack + sizeof(other_stack) - 64;
	uint64_t word = 0x6573, seen;
	unsigned int i;
	struct trap t;

	NEED(hyp_set_segment_base(SEGBASE_GS_KERNEL, (uint64_t)&word) == 0);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		TRAP_TRY(&t, iret_to(list[i].rip, list[i].cs, RFLAGS_IF, sp, list[i].ss));
		EXPECT(t.hit);
		if (!t.hit || (t.vector != SHIM_VECTOR_FAILSAFE && t.vector != TRAP_GP &&
			       t.vector != TRAP_PF && t.vector != TRAP_SS && t.vector != TRAP_NP)) {
			print("  %u: trap %u\n", i, t.vector);
			EXPECT(!"an expected exception");
		}
		EXPECT_RC(hyp_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
		__asm__ __volatile__("mov %%gs:0, %0" : "=r"(seen));
		EXPECT(seen == word);
	}
}

/* A stack pointer that is no address is only used when it is used. */
static void stack_pointers(void)
{
	struct trap t;

	TRAP_TRY(&t, round_trip(KERNEL_CS, RFLAGS_IF | RFLAGS_AC, FLAT_KERNEL_SS));
	EXPECT(t.hit == (t.vector == TRAP_AC));
}

/*
 * With VGCF_in_syscall rcx and r11 are not in the frame but stay: what SYSCALL
 * left in them.  A kernel that returned to itself so could see addresses of the
 * core there, which the way into the core had used the two for.
 */
static void kept_registers(void)
{
	uint64_t rcx, r11;

	/* Without a user table the short way is not even tried. */
	NEED(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(mm_l4())) == 0);
	__asm__ __volatile__(IRET_TO_1("%[flags]") "mov %%rcx, %[rcx]\n\t"
						   "mov %%r11, %[r11]"
			     : [rcx] "=&d"(rcx), [r11] "=&S"(r11)
			     : [ss] "r"((uint64_t)FLAT_KERNEL_SS), [rflags] "r"(RFLAGS_IF),
			       [cs] "r"(KERNEL_CS), [flags] "i"(VGCF_in_syscall)
			     : "rax", "rbx", "rcx", "r11", "memory");
	EXPECT(rcx >= (unsigned long)shim_image_start && rcx < CORE_START);
	EXPECT(r11 < 1ul << 22);
	NEED(mmuext(MMUEXT_NEW_USER_BASEPTR, 0) == 0);
}

void test(void)
{
	flags();
	kept_registers();
	selectors();
	unloadable();
	stack_pointers();
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
}
