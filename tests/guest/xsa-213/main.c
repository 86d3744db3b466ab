/* SPDX-License-Identifier: MIT */
/*
 * XSA-213: iret within a multicall. The call changes the mode of the vCPU, and
 * the entries behind it then act on the page table of user mode, whose contents
 * the checks of a kernel's calls do not expect.
 *
 * Here iret in a list is refused: the entry says so, neither mode, flags nor
 * event mask change, entries behind it act on the kernel's tables, and the
 * frame on the stack is not looked at.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static void *page;

static void list_with(struct multicall_entry *calls, unsigned int at)
{
	uint64_t ro = mfn_pte(virt_to_mfn(page), PTE_RO), rw = mfn_pte(virt_to_mfn(page), PTE_RW);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 77 };
		if (i == at) {
			calls[i].op = __HYPERVISOR_iret;
		} else if (i > at) {
			calls[i].op = __HYPERVISOR_update_va_mapping;
			calls[i].args[0] = VA;
			calls[i].args[1] = i % 2 == 0 ? ro : rw;
			calls[i].args[2] = UVMF_INVLPG | UVMF_LOCAL;
		}
	}
}

/* On a stack that looks like the frame of a return to user mode. */
static long multicall_on_frame(const struct multicall_entry *calls)
{
	long rax = __HYPERVISOR_multicall;

	__asm__ __volatile__(
		"mov %%rsp, %%rbx\n\t"
		"push %[ss]\n\t"
		"push %%rbx\n\t"
		"push $0x202\n\t"
		"push %[cs]\n\t"
		"push $0x1000\n\t"
		"push $0\n\t"
		"push $0\n\t"
		"push $0\n\t"
		"push $0\n\t"
		"syscall\n\t"
		"mov %%rbx, %%rsp"
		: "+a"(rax)
		: [ss] "r"((uint64_t)FLAT_KERNEL_SS), [cs] "r"((uint64_t)FLAT_KERNEL_CS),
		  "D"(calls), "S"(4ul)
		: "rbx", "rcx", "r11", "memory", "cc");
	return rax;
}

void test(void)
{
	static struct multicall_entry calls[4];
	unsigned int at, i;

	page = page_alloc();
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RW) == 0);
	/* A user table in which VA leads nowhere. */
	(void)user_l4();
	NEED(mmu_set(virt_to_maddr(&user_l4()[VA >> 39]), 0) == 0);
	for (at = 0; at < 4; at++) {
		list_with(calls, at);
		events_off();
		EXPECT_RC(multicall_on_frame(calls), 0);
		EXPECT(evtchn_vcpu_info()->evtchn_upcall_mask == 1);
		events_on();
		EXPECT_FAIL(calls[at].result);
		for (i = 0; i < 4; i++) {
			if (i < at) {
				EXPECT_RC(calls[i].result, hyp_xen_version(XENVER_version, NULL));
			} else if (i > at) {
				EXPECT_RC(calls[i].result, 0);
			}
		}
		/* Still the kernel, in its own table. */
		EXPECT_NO_TRAP(test_sink = peek(VA));
		EXPECT_RC(hyp_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
		EXPECT_RC(va_set(VA, mfn_pte(virt_to_mfn(page), PTE_RW)), 0);
	}
}
