/* SPDX-License-Identifier: MIT */
/*
 * The core of the guest interface: hypercall numbers, virtual interrupts,
 * page-table operations, domain numbers, the pages shared between a guest
 * and the core, and the page a guest finds at its start.
 *
 * Names and values are those of the published 64-bit Xen PV interface, level
 * 4.17. Calls that Vellum refuses keep their number here, because a refusal
 * has to be named too; they return -XEN_ENOSYS.
 *
 * Errors: a hypercall returns 0 or a positive result, or a negative XEN_E*
 * of errno.h. -XEN_EFAULT is possible wherever an argument is a pointer, and
 * is not repeated below.
 */
#ifndef VL_ABI_XEN_XEN_H
#define VL_ABI_XEN_XEN_H

#include "arch-x86_64.h"

/*
 * The published headers can be asked for older levels of themselves. These
 * have one level only: the value is defined for sources that look at it, and
 * a lower one set by such a source changes nothing.
 */
#define __XEN_LATEST_INTERFACE_VERSION__ 0x00040e00
#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#endif

#ifndef __ASSEMBLY__

DEFINE_XEN_GUEST_HANDLE(char);
__DEFINE_XEN_GUEST_HANDLE(uchar, unsigned char);
DEFINE_XEN_GUEST_HANDLE(int);
__DEFINE_XEN_GUEST_HANDLE(uint, unsigned int);
DEFINE_XEN_GUEST_HANDLE(void);
DEFINE_XEN_GUEST_HANDLE(uint64_t);
DEFINE_XEN_GUEST_HANDLE(xen_pfn_t);
DEFINE_XEN_GUEST_HANDLE(xen_ulong_t);
__DEFINE_XEN_GUEST_HANDLE(uint8, uint8_t);
__DEFINE_XEN_GUEST_HANDLE(uint16, uint16_t);
__DEFINE_XEN_GUEST_HANDLE(uint32, uint32_t);
__DEFINE_XEN_GUEST_HANDLE(uint64, uint64_t);

/* Length of a trailing array whose size the call carries elsewhere. C++ has
 * no such arrays; its compilers take the old zero. */
#ifdef __cplusplus
#define XEN_FLEX_ARRAY_DIM 0
#else
#define XEN_FLEX_ARRAY_DIM
#endif

#endif /* __ASSEMBLY__ */

/*
 * Hypercalls.
 *
 * Executed by SYSCALL in guest-kernel mode: number in rax, arguments in rdi,
 * rsi, rdx, r10, r8, result in rax. rcx and r11 are lost, everything else is
 * kept. An unknown number gives -XEN_ENOSYS. In the prototypes below a
 * pointer is a guest linear address in the current address space.
 */

/*
 * int set_trap_table(const struct trap_info *table)
 * Replaces the handlers named in the table, up to the entry with address 0.
 * A null pointer forgets them all. -XEN_EINVAL: handler not canonical, or
 * code selector not allowed.
 */
#define __HYPERVISOR_set_trap_table 0
/*
 * int mmu_update(struct mmu_update *reqs, unsigned int count,
 *                unsigned int *done, unsigned int foreigndom)
 * Described at MMU_NORMAL_PT_UPDATE.
 */
#define __HYPERVISOR_mmu_update 1
/*
 * int set_gdt(const xen_pfn_t *frames, unsigned int entries)
 * Installs frames (mfns) that together hold that many descriptors, at most
 * FIRST_RESERVED_GDT_ENTRY. -XEN_EINVAL: too many, a frame not the caller's,
 * or a descriptor that is not allowed.
 */
#define __HYPERVISOR_set_gdt 2
/*
 * int stack_switch(unsigned long ss, unsigned long sp)
 * The stack on which an entry from guest user mode starts.
 */
#define __HYPERVISOR_stack_switch 3
/*
 * int set_callbacks(unsigned long event, unsigned long failsafe,
 *                   unsigned long syscall)
 * The older form of callback_op. -XEN_EINVAL: address not canonical.
 */
#define __HYPERVISOR_set_callbacks 4
/*
 * int fpu_taskswitch(int set)
 * Sets or clears the caller's virtual CR0.TS. Always 0.
 */
#define __HYPERVISOR_fpu_taskswitch 5
/* Superseded by sched_op; refused. */
#define __HYPERVISOR_sched_op_compat 6
/* int platform_op(struct xen_platform_op *op) - platform.h; control domain */
#define __HYPERVISOR_platform_op 7
/*
 * int set_debugreg(int reg, unsigned long value)
 * reg 0-3, 6 or 7. -XEN_EINVAL: another register, or a value that would let
 * the guest watch the core.
 */
#define __HYPERVISOR_set_debugreg 8
/* unsigned long get_debugreg(int reg) - the value, or -XEN_EINVAL */
#define __HYPERVISOR_get_debugreg 9
/*
 * int update_descriptor(uint64_t machine_addr, uint64_t descriptor)
 * Writes one descriptor, at an 8-byte aligned machine address, into a frame
 * that is (or may become) a descriptor page. DPL is raised to 3.
 * -XEN_EINVAL: misaligned, not the caller's frame, or not allowed.
 */
#define __HYPERVISOR_update_descriptor 10
/* 11 has never been assigned. */
/* long memory_op(unsigned int cmd, void *arg) - memory.h */
#define __HYPERVISOR_memory_op 12
/*
 * int multicall(struct multicall_entry *calls, unsigned int count)
 * Runs the entries in order and stores each result in its entry. 0, unless
 * the list itself is unreadable.
 */
#define __HYPERVISOR_multicall 13
/*
 * int update_va_mapping(unsigned long va, uint64_t entry,
 *                       unsigned long flags)
 * Described at UVMF_NONE.
 */
#define __HYPERVISOR_update_va_mapping 14
/*
 * long set_timer_op(int64_t timeout)
 * Raises VIRQ_TIMER on the calling vCPU when its system time (nanoseconds
 * since the machine started) reaches timeout; at once if it has passed, never
 * if timeout is 0. A new call replaces the old time. Always 0.
 */
#define __HYPERVISOR_set_timer_op 15
/* Superseded by event_channel_op; refused. */
#define __HYPERVISOR_event_channel_op_compat 16
/* int xen_version(int cmd, void *arg) - version.h */
#define __HYPERVISOR_xen_version 17
/* int console_io(int cmd, int count, char *buffer) - CONSOLEIO_write */
#define __HYPERVISOR_console_io 18
/* Superseded by physdev_op; refused. */
#define __HYPERVISOR_physdev_op_compat 19
/* int grant_table_op(unsigned int cmd, void *args, unsigned int count)
 * - grant_table.h */
#define __HYPERVISOR_grant_table_op 20
/* int vm_assist(unsigned int cmd, unsigned int type) - VMASST_CMD_enable */
#define __HYPERVISOR_vm_assist 21
/* int update_va_mapping_otherdomain(va, entry, flags, domid_t) - UVMF_NONE */
#define __HYPERVISOR_update_va_mapping_otherdomain 22
/* int iret(void) - struct iret_context on the stack */
#define __HYPERVISOR_iret 23
/* int vcpu_op(int cmd, int vcpu, void *arg) - vcpu.h */
#define __HYPERVISOR_vcpu_op 24
/* int set_segment_base(unsigned int which, unsigned long base)
 * - SEGBASE_FS */
#define __HYPERVISOR_set_segment_base 25
/* int mmuext_op(struct mmuext_op *ops, unsigned int count,
 *               unsigned int *done, unsigned int foreigndom)
 * - MMUEXT_PIN_L1_TABLE */
#define __HYPERVISOR_mmuext_op 26
/* Security-module policy; refused. */
#define __HYPERVISOR_xsm_op 27
/* long nmi_op(unsigned int cmd, void *arg) - nmi.h */
#define __HYPERVISOR_nmi_op 28
/* int sched_op(int cmd, void *arg) - sched.h */
#define __HYPERVISOR_sched_op 29
/* long callback_op(int cmd, const void *arg) - callback.h */
#define __HYPERVISOR_callback_op 30
/* Profiling; refused. */
#define __HYPERVISOR_xenoprof_op 31
/* int event_channel_op(int cmd, void *arg) - event_channel.h */
#define __HYPERVISOR_event_channel_op 32
/* int physdev_op(int cmd, void *arg) - physdev.h */
#define __HYPERVISOR_physdev_op 33
/* Hardware-virtualised guests; refused, there are none. */
#define __HYPERVISOR_hvm_op 34
/* The unstable control interfaces; refused, abi/vl has ours. */
#define __HYPERVISOR_sysctl 35
#define __HYPERVISOR_domctl 36
/* Crash kernel; refused. */
#define __HYPERVISOR_kexec_op 37
/* Transcendent memory, Argo, performance counters, device models and the
 * hypervisor file system; refused. */
#define __HYPERVISOR_tmem_op 38
#define __HYPERVISOR_argo_op 39
#define __HYPERVISOR_xenpmu_op 40
#define __HYPERVISOR_dm_op 41
#define __HYPERVISOR_hypfs_op 42
/*
 * Architecture-specific numbers. On x86 arch_0 is the machine-check call
 * (arch-x86/xen-mca.h); arch_7 is Vellum's control call.
 */
#define __HYPERVISOR_arch_0 48
#define __HYPERVISOR_arch_1 49
#define __HYPERVISOR_arch_2 50
#define __HYPERVISOR_arch_3 51
#define __HYPERVISOR_arch_4 52
#define __HYPERVISOR_arch_5 53
#define __HYPERVISOR_arch_6 54
#define __HYPERVISOR_arch_7 55

/*
 * Virtual interrupts, bound to a port by EVTCHNOP_bind_virq.
 *
 * "vcpu": each vCPU binds its own, for good. "domain": one binding, made on
 * vCPU 0 and movable later. "control": for the control domain only.
 */
#define VIRQ_TIMER 0	  /* vcpu: the time of set_timer_op has come */
#define VIRQ_DEBUG 1	  /* vcpu: the guest is asked to print its state */
#define VIRQ_CONSOLE 2	  /* domain, control: input on the machine console */
#define VIRQ_DOM_EXC 3	  /* domain, control: a domain died or was shut down */
#define VIRQ_TBUF 4	  /* domain, control: trace records to read */
#define VIRQ_DEBUGGER 6	  /* domain, control: a domain stopped for debugging */
#define VIRQ_XENOPROF 7	  /* vcpu: profiling sample */
#define VIRQ_CON_RING 8	  /* domain, control: new text in the core's log */
#define VIRQ_PCPU_STATE 9 /* domain, control: a processor came or went */
#define VIRQ_MEM_EVENT 10 /* domain, control: a memory event to look at */
#define VIRQ_ARGO 11	  /* domain: message waiting */
#define VIRQ_ENOMEM 12	  /* domain, control: machine memory runs short */
#define VIRQ_XENPMU 13	  /* vcpu: performance counter overflow */

/* Eight for the architecture; the first is the machine check. */
#define VIRQ_ARCH_0 16
#define VIRQ_ARCH_1 17
#define VIRQ_ARCH_2 18
#define VIRQ_ARCH_3 19
#define VIRQ_ARCH_4 20
#define VIRQ_ARCH_5 21
#define VIRQ_ARCH_6 22
#define VIRQ_ARCH_7 23

#define NR_VIRQS 24

/*
 * mmu_update: a list of (ptr, val) pairs; the low two bits of ptr choose the
 * command, so the address in it is a multiple of four, and of eight where it
 * names a page-table entry.
 *
 * foreigndom[15:0] names the domain whose frames the new entries may map:
 * DOMID_SELF, DOMID_IO for I/O frames only, or a domain that the caller may
 * act for. foreigndom[31:16] is 0 when the tables are the caller's own, else
 * 1 plus the number of the domain that owns them.
 *
 * Entries are applied in order; the call stops at the first that fails and
 * stores in *done (if not null) how many were applied. It may be interrupted
 * and continued without the guest seeing that.
 *
 *   NORMAL_PT_UPDATE       ptr is the machine address of an entry in a frame
 *                          of type L1 to L4; val is checked as that level
 *                          demands, then stored. Into a writable frame it is
 *                          stored unchecked.
 *   MACHPHYS_UPDATE        ptr is a machine address in a frame of the domain,
 *                          val the guest frame number to record for it.
 *   PT_UPDATE_PRESERVE_AD  as the first, but Accessed and Dirty bits that the
 *                          processor has set meanwhile survive.
 *   PT_UPDATE_NO_TRANSLATE as the first; for PV guests, which speak machine
 *                          frames already, no different.
 *
 * -XEN_EINVAL: not a page-table frame, entry not allowed; -XEN_EPERM: not
 * entitled to the frame or domain; -XEN_ESRCH: no such domain; -XEN_EBUSY:
 * the frame is in use as another type; -XEN_ENOSYS: unknown command.
 */
#define MMU_NORMAL_PT_UPDATE 0
#define MMU_MACHPHYS_UPDATE 1
#define MMU_PT_UPDATE_PRESERVE_AD 2
#define MMU_PT_UPDATE_NO_TRANSLATE 3

/*
 * mmuext_op: a list of struct mmuext_op, with the same foreigndom, done and
 * stopping rules as mmu_update.
 *
 *   PIN_L1..L4_TABLE   mfn: validate as a table of that level and keep the
 *                      type until it is unpinned
 *   UNPIN_TABLE        mfn: drop the pin
 *   NEW_BASEPTR        mfn: the L4 table of guest-kernel mode
 *   NEW_USER_BASEPTR   mfn: the L4 table of guest-user mode; 0 for none
 *   TLB_FLUSH_LOCAL    this vCPU
 *   INVLPG_LOCAL       linear_addr, this vCPU
 *   TLB_FLUSH_MULTI    vcpumask: the vCPUs in that bitmap
 *   INVLPG_MULTI       linear_addr, vcpumask
 *   TLB_FLUSH_ALL      every vCPU of the domain
 *   INVLPG_ALL         linear_addr, every vCPU of the domain
 *   FLUSH_CACHE        write back and empty this CPU's caches; only for a
 *                      domain with device access
 *   FLUSH_CACHE_GLOBAL the same on every CPU
 *   SET_LDT            linear_addr (page aligned), nr_ents (0-8192)
 *   CLEAR_PAGE         mfn: fill with zeroes
 *   COPY_PAGE          mfn from src_mfn
 *   MARK/UNMARK_SUPER  refused: there are no PV superpages
 *
 * -XEN_EINVAL: frame not valid for the use; -XEN_EPERM: no right to it;
 * -XEN_ENOSYS: unknown or refused command.
 */
#define MMUEXT_PIN_L1_TABLE 0
#define MMUEXT_PIN_L2_TABLE 1
#define MMUEXT_PIN_L3_TABLE 2
#define MMUEXT_PIN_L4_TABLE 3
#define MMUEXT_UNPIN_TABLE 4
#define MMUEXT_NEW_BASEPTR 5
#define MMUEXT_TLB_FLUSH_LOCAL 6
#define MMUEXT_INVLPG_LOCAL 7
#define MMUEXT_TLB_FLUSH_MULTI 8
#define MMUEXT_INVLPG_MULTI 9
#define MMUEXT_TLB_FLUSH_ALL 10
#define MMUEXT_INVLPG_ALL 11
#define MMUEXT_FLUSH_CACHE 12
#define MMUEXT_SET_LDT 13
/* 14 has never been assigned. */
#define MMUEXT_NEW_USER_BASEPTR 15
#define MMUEXT_CLEAR_PAGE 16
#define MMUEXT_COPY_PAGE 17
#define MMUEXT_FLUSH_CACHE_GLOBAL 18
#define MMUEXT_MARK_SUPER 19
#define MMUEXT_UNMARK_SUPER 20

#ifndef __ASSEMBLY__
struct mmuext_op {
	unsigned int cmd; /* MMUEXT_* */
	union {
		xen_pfn_t mfn;
		unsigned long linear_addr;
	} arg1;
	union {
		unsigned int nr_ents;		       /* descriptors */
		XEN_GUEST_HANDLE(const_void) vcpumask; /* bit n: vCPU n */
		xen_pfn_t src_mfn;
	} arg2;
};
typedef struct mmuext_op mmuext_op_t;
DEFINE_XEN_GUEST_HANDLE(mmuext_op_t);
#endif

/*
 * update_va_mapping: replace the L1 entry that maps va in the caller's
 * current tables. entry holds a machine frame. The variant for another
 * domain checks the new frame against that domain's.
 *
 * flags: what to flush in the low two bits, where in bit 2. With MULTI the
 * remaining bits are the address of a vCPU bitmap; a zero address is LOCAL.
 *
 * -XEN_EINVAL: va not mapped by an L1 table, or entry not allowed; otherwise
 * as mmu_update.
 */
#define UVMF_NONE (xen_mk_ulong(0) << 0)      /* nothing */
#define UVMF_TLB_FLUSH (xen_mk_ulong(1) << 0) /* everything */
#define UVMF_INVLPG (xen_mk_ulong(2) << 0)    /* va alone */
#define UVMF_FLUSHTYPE_MASK (xen_mk_ulong(3) << 0)
#define UVMF_MULTI (xen_mk_ulong(0) << 2) /* vCPUs of a bitmap */
#define UVMF_LOCAL (xen_mk_ulong(0) << 2) /* this vCPU */
#define UVMF_ALL (xen_mk_ulong(1) << 2)	  /* all vCPUs */

/*
 * console_io: write puts count bytes on the machine console (rate limited
 * for a guest) and returns 0; read copies up to count bytes of input and
 * returns how many, 0 if none waits. -XEN_EPERM: not allowed to the caller;
 * -XEN_ENOSYS: unknown command.
 */
#define CONSOLEIO_write 0
#define CONSOLEIO_read 1

/*
 * vm_assist: switch a behaviour of the core towards this domain.
 *
 * runstate_update_flag sets XEN_RUNSTATE_UPDATE while a runstate area is
 * being written; m2p_strict hides the machine-to-physical table from guest
 * user mode. architectural_iopl makes the I/O privilege level live in
 * rflags. writable_pagetables turns on what is always on here: plain writes
 * to page tables are emulated. Types not offered give -XEN_EINVAL, unknown
 * commands -XEN_ENOSYS.
 */
#define VMASST_CMD_enable 0
#define VMASST_CMD_disable 1

#define VMASST_TYPE_4gb_segments 0	  /* 32-bit guests only */
#define VMASST_TYPE_4gb_segments_notify 1 /* 32-bit guests only */
#define VMASST_TYPE_writable_pagetables 2
#define VMASST_TYPE_pae_extended_cr3 3 /* 32-bit guests only */
#define VMASST_TYPE_architectural_iopl 4
#define VMASST_TYPE_runstate_update_flag 5
#define VMASST_TYPE_m2p_strict 32

/*
 * Domain numbers. Real ones are below FIRST_RESERVED; the names above it are
 * understood where the call says so.
 */
#define DOMID_FIRST_RESERVED xen_mk_uint(0x7ff0)
#define DOMID_SELF xen_mk_uint(0x7ff0)	  /* the caller */
#define DOMID_IO xen_mk_uint(0x7ff1)	  /* owner of I/O frames */
#define DOMID_XEN xen_mk_uint(0x7ff2)	  /* owner of the core's frames */
#define DOMID_COW xen_mk_uint(0x7ff3)	  /* owner of shared copies; unused */
#define DOMID_INVALID xen_mk_uint(0x7ff4) /* no domain */
#define DOMID_IDLE xen_mk_uint(0x7fff)	  /* the core's idle vCPUs */
#define DOMID_MASK xen_mk_uint(0x7fff)	  /* bits of a domain number */

/* Longest command line, with its zero. */
#define MAX_GUEST_CMDLINE 1024

/*
 * start_info.flags. PM_MASK covers power-management options for the control
 * domain.
 */
#define SIF_PRIVILEGED (xen_mk_uint(1) << 0)	  /* may use devices */
#define SIF_INITDOMAIN (xen_mk_uint(1) << 1)	  /* the control domain */
#define SIF_MULTIBOOT_MOD (xen_mk_uint(1) << 2)	  /* never set here */
#define SIF_MOD_START_PFN (xen_mk_uint(1) << 3)	  /* mod_start is a pfn */
#define SIF_VIRT_P2M_4TOOLS (xen_mk_uint(1) << 4) /* p2m_vaddr understood */
#define SIF_PM_MASK (xen_mk_uint(0xff) << 8)

/* vcpu_time_info.flags */
#define XEN_PVCLOCK_TSC_STABLE_BIT (xen_mk_uint(1) << 0)
#define XEN_PVCLOCK_GUEST_STOPPED (xen_mk_uint(1) << 1)

/* dom0_vga_console_info.video_type: VGA text, or a frame buffer found by
 * VESA or by UEFI (both described by vesa_lfb). */
#define XEN_VGATYPE_TEXT_MODE_3 0x03
#define XEN_VGATYPE_VESA_LFB 0x23
#define XEN_VGATYPE_EFI_LFB 0x70

#ifndef __ASSEMBLY__

typedef uint16_t domid_t;

/* One request of mmu_update. */
struct mmu_update {
	uint64_t ptr; /* machine address | MMU_* */
	uint64_t val; /* new entry, or guest frame number */
};
typedef struct mmu_update mmu_update_t;
DEFINE_XEN_GUEST_HANDLE(mmu_update_t);

/* One call of a multicall; result is written by the core. */
struct multicall_entry {
	xen_ulong_t op, result;
	xen_ulong_t args[6];
};
typedef struct multicall_entry multicall_entry_t;
DEFINE_XEN_GUEST_HANDLE(multicall_entry_t);

/*
 * The clock of a vCPU, written by the core and read without a call.
 *
 * A reader takes version (odd while the core writes: try again), the fields,
 * then version again, and repeats if it changed. With
 *   delta = tsc - tsc_timestamp, shifted left by tsc_shift (right if < 0)
 * the system time in nanoseconds is
 *   system_time + (delta * tsc_to_system_mul >> 32).
 * TSC_STABLE_BIT: times read on different vCPUs never go backwards.
 * GUEST_STOPPED: the guest was paused, silence its watchdogs; the guest
 * clears it.
 */
struct vcpu_time_info {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;	    /* cycles, at system_time */
	uint64_t system_time;	    /* ns since the machine started */
	uint32_t tsc_to_system_mul; /* 32.32 fixed point, ns per cycle */
	int8_t tsc_shift;
	uint8_t flags; /* XEN_PVCLOCK_* */
	uint8_t pad1[2];
};
typedef struct vcpu_time_info vcpu_time_info_t;

/*
 * What a vCPU shares with the core. 64 bytes; lies in shared_info until the
 * guest moves it (VCPUOP_register_vcpu_info).
 *
 * upcall_pending is set by the core when an unmasked event arrives and is
 * cleared by the guest before it scans; upcall_mask belongs to the guest and
 * holds the upcall off, as a cleared interrupt flag would. Only the vCPU
 * itself writes the mask, so plain stores do. The core sets it as it makes
 * an upcall, and clears it in SCHEDOP_block.
 */
struct vcpu_info {
	uint8_t evtchn_upcall_pending;
	uint8_t evtchn_upcall_mask;
	xen_ulong_t evtchn_pending_sel; /* bit n: look at evtchn_pending[n] */
	struct arch_vcpu_info arch;
	vcpu_time_info_t time;
};
typedef struct vcpu_info vcpu_info_t;

/*
 * The page a domain shares with the core. start_info gives its machine
 * address; the guest maps it.
 *
 * Two-level events: the core sets the bit of a port in evtchn_pending and,
 * when that bit was clear and the port is not masked, its word's bit in the
 * target vCPU's evtchn_pending_sel, then upcall_pending. The guest clears
 * pending bits and owns evtchn_mask. An event that arrives masked leaves no
 * trace but its pending bit: unmask with EVTCHNOP_unmask, or look again.
 * A domain that has switched to FIFO events no longer uses the two bitmaps.
 *
 * Wall clock: seconds and nanoseconds since 1970 UTC at system time 0, under
 * wc_version as vcpu_time_info is under version.
 */
struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
	xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
	uint32_t wc_version;
	uint32_t wc_sec;
	uint32_t wc_nsec;
	uint32_t wc_sec_hi; /* upper half of the seconds */
#define xen_wc_sec_hi wc_sec_hi
	struct arch_shared_info arch;
};
typedef struct shared_info shared_info_t;

/*
 * What a guest finds at its start; rsi holds the address.
 *
 * In the initial address space follow each other, each on a page of its own:
 * kernel image, ramdisk (unless by pfn only), p2m list (unless the kernel
 * asked for another address), this page, store ring and console ring (guests
 * only), page tables, boot stack. At least 512 KiB more are mapped, and the
 * whole ends on a multiple of 4 MiB. All is writable but the page tables.
 *
 * The fields up to console are filled in again after a resume, the others
 * only at boot.
 */
struct start_info {
	char magic[32];		   /* "xen-<version>-x86_64" */
	unsigned long nr_pages;	   /* frames of the domain */
	unsigned long shared_info; /* machine address */
	uint32_t flags;		   /* SIF_* */
	xen_pfn_t store_mfn;	   /* ring to the store */
	uint32_t store_evtchn;	   /* its port; 0 for the control domain */
	union {
		struct {
			xen_pfn_t mfn;	 /* console ring */
			uint32_t evtchn; /* its port */
		} domU;
		struct {
			uint32_t info_off;  /* of dom0_vga_console_info */
			uint32_t info_size; /* bytes; 0 for none */
		} dom0;
	} console;
	unsigned long pt_base;	    /* linear address of the L4 table */
	unsigned long nr_pt_frames; /* page-table frames from there */
	unsigned long mfn_list;	    /* linear address of the p2m list */
	unsigned long mod_start;    /* ramdisk: linear address, or pfn */
	unsigned long mod_len;	    /* bytes; 0 for none */
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	/* Frames of the p2m list and of the tables that map it, when it lies
	 * at an address of the kernel's choice. */
	unsigned long first_p2m_pfn;
	unsigned long nr_p2m_frames;
};
typedef struct start_info start_info_t;

/* The screen as the core leaves it to the control domain. */
typedef struct dom0_vga_console_info {
	uint8_t video_type; /* XEN_VGATYPE_* */
	union {
		struct {
			uint16_t font_height;	     /* pixels */
			uint16_t cursor_x, cursor_y; /* column, row */
			uint16_t rows, columns;
		} text_mode_3;
		struct {
			uint16_t width, height; /* pixels */
			uint16_t bytes_per_line;
			uint16_t bits_per_pixel;
			uint32_t lfb_base; /* machine address, low half */
			uint32_t lfb_size; /* in 64 KiB */
			/* position and width, in bits, of each channel */
			uint8_t red_pos, red_size;
			uint8_t green_pos, green_size;
			uint8_t blue_pos, blue_size;
			uint8_t rsvd_pos, rsvd_size;
			uint32_t gbl_caps;   /* VBE function 00h, at 0xa */
			uint16_t mode_attrs; /* VBE function 01h, at 0 */
			uint16_t pad;
			uint32_t ext_lfb_base; /* lfb_base, high half */
		} vesa_lfb;
	} u;
} dom0_vga_console_info_t;
#define xen_vga_console_info dom0_vga_console_info
#define xen_vga_console_info_t dom0_vga_console_info_t

/* The UUID of a domain, in the order in which it is printed. */
typedef uint8_t xen_domain_handle_t[16];

#endif /* __ASSEMBLY__ */

#endif
