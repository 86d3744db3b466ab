/* SPDX-License-Identifier: MIT */
/*
 * platform_op: what the control domain does to, and asks about, the machine.
 *
 * int platform_op(struct xen_platform_op *op): cmd says which member of the
 * union counts, interface_version must be XENPF_INTERFACE_VERSION (-XEN_EACCES
 * otherwise). Only the control domain may call it (-XEN_EPERM). Results are
 * written back into the structure. -XEN_EINVAL: argument out of range;
 * -XEN_ENOSYS: command not offered. Commands without a structure here, and
 * those marked so, are named only because they are refused.
 */
#ifndef VL_ABI_XEN_PLATFORM_H
#define VL_ABI_XEN_PLATFORM_H

#include "xen.h"

#define XENPF_INTERFACE_VERSION 0x03000001

/*
 * Set the wall clock that guests see: secs and nsecs since 1970 UTC, as of
 * system_time. The 32-bit form is the older one.
 */
#define XENPF_settime32 17
struct xenpf_settime32 {
	uint32_t secs;
	uint32_t nsecs;
	uint64_t system_time; /* ns */
};
typedef struct xenpf_settime32 xenpf_settime32_t;

#define XENPF_settime64 62
struct xenpf_settime64 {
	uint64_t secs;
	uint32_t nsecs;
	uint32_t mbz;	      /* 0 */
	uint64_t system_time; /* ns */
};
typedef struct xenpf_settime64 xenpf_settime64_t;

#define XENPF_settime XENPF_settime64
#define xenpf_settime xenpf_settime64
typedef struct xenpf_settime xenpf_settime_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_settime_t);

/* Memory type ranges: refused, guests use the page attribute table. */
#define XENPF_add_memtype 31
#define XENPF_del_memtype 32
#define XENPF_read_memtype 33

/* Load processor microcode. */
#define XENPF_microcode_update 35
struct xenpf_microcode_update {
	XEN_GUEST_HANDLE(const_void) data;
	uint32_t length; /* bytes */
};
typedef struct xenpf_microcode_update xenpf_microcode_update_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_microcode_update_t);

/* Chipset faults that the control domain knows of; refused. */
#define XENPF_platform_quirk 39
#define QUIRK_NOIRQBALANCING 1
#define QUIRK_IOAPIC_BAD_REGSEL 2
#define QUIRK_IOAPIC_GOOD_REGSEL 3

/* What a processor is. Numbers as in get_cpuinfo. */
#define XENPF_get_cpu_version 48
struct xenpf_pcpu_version {
	uint32_t xen_cpuid;   /* processor asked about */
	uint32_t max_present; /* out, highest number present */
	char vendor_id[12];   /* out, not terminated */
	uint32_t family;      /* out */
	uint32_t model;	      /* out */
	uint32_t stepping;    /* out */
};
typedef struct xenpf_pcpu_version xenpf_pcpu_version_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_pcpu_version_t);

/*
 * Call a UEFI runtime service on behalf of the control domain. status
 * returns the EFI status; misc carries a small argument or result, with the
 * flags below.
 */
#define XENPF_efi_runtime_call 49
#define XEN_EFI_get_time 1
#define XEN_EFI_set_time 2
#define XEN_EFI_get_wakeup_time 3
#define XEN_EFI_set_wakeup_time 4
#define XEN_EFI_get_next_high_monotonic_count 5 /* result in misc */
#define XEN_EFI_get_variable 6			/* attributes in misc */
#define XEN_EFI_set_variable 7			/* attributes in misc */
#define XEN_EFI_get_next_variable_name 8
#define XEN_EFI_query_variable_info 9
#define XEN_EFI_query_capsule_capabilities 10
#define XEN_EFI_update_capsule 11

/* misc of the time calls, and of those on variables. */
#define XEN_EFI_GET_TIME_SET_CLEARS_NS 0x00000001
#define XEN_EFI_GET_WAKEUP_TIME_ENABLED 0x00000001
#define XEN_EFI_GET_WAKEUP_TIME_PENDING 0x00000002
#define XEN_EFI_SET_WAKEUP_TIME_ENABLE 0x00000001
#define XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY 0x00000002
#define XEN_EFI_VARIABLE_NON_VOLATILE 0x00000001
#define XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS 0x00000002
#define XEN_EFI_VARIABLE_RUNTIME_ACCESS 0x00000004
#define XEN_EFI_VARINFO_BOOT_SNAPSHOT 0x00000001

struct xenpf_efi_time {
	uint16_t year;
	uint8_t month; /* 1-12 */
	uint8_t day;   /* 1-31 */
	uint8_t hour;
	uint8_t min;
	uint8_t sec;
	uint32_t ns;
	int16_t tz;	  /* minutes from UTC; 0x7ff for none */
	uint8_t daylight; /* EFI daylight flags */
};

struct xenpf_efi_guid {
	uint32_t data1;
	uint16_t data2;
	uint16_t data3;
	uint8_t data4[8];
};

struct xenpf_efi_runtime_call {
	uint32_t function; /* XEN_EFI_* */
	uint32_t misc;
	xen_ulong_t status; /* out */
	union {
		struct {
			struct xenpf_efi_time time;
			uint32_t resolution; /* ticks a second */
			uint32_t accuracy;   /* 1e-12 parts */
		} get_time;
		struct xenpf_efi_time set_time;
		struct xenpf_efi_time get_wakeup_time;
		struct xenpf_efi_time set_wakeup_time;
		struct {
			XEN_GUEST_HANDLE(void) name; /* UCS-2 */
			xen_ulong_t size;	     /* of data, bytes */
			XEN_GUEST_HANDLE(void) data;
			struct xenpf_efi_guid vendor_guid;
		} get_variable, set_variable;
		struct {
			xen_ulong_t size; /* of name, bytes */
			XEN_GUEST_HANDLE(void) name;
			struct xenpf_efi_guid vendor_guid;
		} get_next_variable_name;
		struct {
			uint32_t attr;
			uint64_t max_store_size;
			uint64_t remain_store_size;
			uint64_t max_size;
		} query_variable_info;
		struct {
			XEN_GUEST_HANDLE(void) capsule_header_array;
			xen_ulong_t capsule_count;
			uint64_t max_capsule_size;
			uint32_t reset_type;
		} query_capsule_capabilities;
		struct {
			XEN_GUEST_HANDLE(void) capsule_header_array;
			xen_ulong_t capsule_count;
			uint64_t sg_list; /* machine address */
		} update_capsule;
	} u;
};
typedef struct xenpf_efi_runtime_call xenpf_efi_runtime_call_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_efi_runtime_call_t);

/*
 * What the firmware left behind: type chooses the kind, index the item.
 * -XEN_ENOENT: no such item, which ends a count. -XEN_ESRCH: not this kind
 * of firmware.
 */
#define XENPF_firmware_info 50
#define XEN_FW_DISK_INFO 1	    /* BIOS, INT 13h function 48h; index */
#define XEN_FW_DISK_MBR_SIGNATURE 2 /* BIOS; index */
#define XEN_FW_VBEDDC_INFO 3	    /* VESA, monitor data */
#define XEN_FW_EFI_INFO 4	    /* UEFI; index is one of those below */
#define XEN_FW_KBD_SHIFT_FLAGS 5    /* BIOS, INT 16h function 02h */

#define XEN_FW_EFI_VERSION 0	      /* EFI specification revision */
#define XEN_FW_EFI_CONFIG_TABLE 1     /* configuration tables */
#define XEN_FW_EFI_VENDOR 2	      /* vendor text and revision */
#define XEN_FW_EFI_MEM_INFO 3	      /* memory descriptor at mem.addr */
#define XEN_FW_EFI_RT_VERSION 4	      /* revision of runtime services */
#define XEN_FW_EFI_PCI_ROM 5	      /* ROM image of a device */
#define XEN_FW_EFI_APPLE_PROPERTIES 6 /* Apple device properties */

struct xenpf_firmware_info {
	uint32_t type; /* XEN_FW_* */
	uint32_t index;
	union {
		struct {
			uint8_t device;	 /* BIOS drive */
			uint8_t version; /* of EDD */
			uint16_t interface_support;
			/* by the older function 08h */
			uint16_t legacy_max_cylinder;
			uint8_t legacy_max_head;
			uint8_t legacy_sectors_per_track;
			/* first word: size of the buffer on entry */
			XEN_GUEST_HANDLE(void) edd_params;
		} disk_info;
		struct {
			uint8_t device;
			uint32_t mbr_signature;
		} disk_mbr_signature;
		struct {
			uint8_t capabilities;
			uint8_t edid_transfer_time;   /* seconds */
			XEN_GUEST_HANDLE(uint8) edid; /* 128 bytes */
		} vbeddc_info;
		union xenpf_efi_info {
			uint32_t version;
			struct {
				uint64_t addr; /* machine address */
				uint32_t nent; /* tables */
			} cfg;
			struct {
				uint32_t revision;
				uint32_t bufsz;		     /* bytes; in and out */
				XEN_GUEST_HANDLE(void) name; /* UCS-2 */
			} vendor;
			struct {
				uint64_t addr; /* in: any address in it */
				uint64_t size; /* bytes */
				uint64_t attr;
				uint32_t type;
			} mem;
			struct {
				/* in: the device */
				uint16_t segment;
				uint8_t bus;
				uint8_t devfn;
				uint16_t vendor;
				uint16_t devid;
				/* out: the image */
				uint64_t address;
				xen_ulong_t size;
			} pci_rom;
			struct {
				uint64_t address;
				xen_ulong_t size;
			} apple_properties;
		} efi_info;
		uint8_t kbd_shift_flags;
	} u;
};
typedef struct xenpf_firmware_info xenpf_firmware_info_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_firmware_info_t);

/*
 * Write the ACPI sleep registers: val_a and val_b for PM1a and PM1b control,
 * or for sleep control and status with EXTENDED. sleep_state 5 is power off.
 */
#define XENPF_enter_acpi_sleep 51
#define XENPF_ACPI_SLEEP_EXTENDED 0x00000001
struct xenpf_enter_acpi_sleep {
	uint16_t val_a;
	uint16_t val_b;
	uint32_t sleep_state; /* 1-5 */
	uint32_t flags;
};
typedef struct xenpf_enter_acpi_sleep xenpf_enter_acpi_sleep_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_enter_acpi_sleep_t);

/* Tell the core that a processor's frequency has changed. */
#define XENPF_change_freq 52
struct xenpf_change_freq {
	uint32_t flags; /* 0 */
	uint32_t cpu;
	uint64_t freq; /* Hz */
};
typedef struct xenpf_change_freq xenpf_change_freq_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_change_freq_t);

/* How long processors have idled. Bits of the map choose them, and those
 * that do not exist are cleared; idletime[n] belongs to processor n. */
#define XENPF_getidletime 53
struct xenpf_getidletime {
	XEN_GUEST_HANDLE(uint8) cpumap_bitmap; /* in and out */
	uint32_t cpumap_nr_cpus;	       /* bits */
	XEN_GUEST_HANDLE(uint64) idletime;     /* out, ns */
	uint64_t now;			       /* out, ns of system time */
};
typedef struct xenpf_getidletime xenpf_getidletime_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_getidletime_t);

/*
 * Power-management data of a processor, as the control domain reads it from
 * ACPI. Each structure below repeats an ACPI object; its fields have the
 * meaning and the unit that ACPI gives them.
 */
#define XENPF_set_processor_pminfo 54

/* In start_info.flags, SIF_PM_MASK: what the core would like to know. */
#define XEN_PROCESSOR_PM_CX 1
#define XEN_PROCESSOR_PM_PX 2
#define XEN_PROCESSOR_PM_TX 4

/* xenpf_set_processor_pminfo.type: idle states, performance states,
 * throttling, and the capabilities handed to _PDC. */
#define XEN_PM_CX 0
#define XEN_PM_PX 1
#define XEN_PM_TX 2
#define XEN_PM_PDC 3

/* xen_processor_performance.flags: which parts are filled in. */
#define XEN_PX_PCT 1
#define XEN_PX_PSS 2
#define XEN_PX_PPC 4
#define XEN_PX_PSD 8

/* ACPI generic address. */
struct xen_power_register {
	uint32_t space_id;
	uint32_t bit_width;
	uint32_t bit_offset;
	uint32_t access_size;
	uint64_t address;
};

/* An element of _CSD: processors whose idle states depend on each other. */
struct xen_processor_csd {
	uint32_t domain;
	uint32_t coord_type;
	uint32_t num;
};
typedef struct xen_processor_csd xen_processor_csd_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_csd_t);

/* An idle state of _CST. */
struct xen_processor_cx {
	struct xen_power_register reg;
	uint8_t type;	  /* C-state */
	uint32_t latency; /* microseconds */
	uint32_t power;	  /* milliwatts */
	uint32_t dpcnt;	  /* elements of dp */
	XEN_GUEST_HANDLE(xen_processor_csd_t) dp;
};
typedef struct xen_processor_cx xen_processor_cx_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_cx_t);

struct xen_processor_flags {
	uint32_t bm_control : 1;
	uint32_t bm_check : 1;
	uint32_t has_cst : 1;
	uint32_t power_setup_done : 1;
	uint32_t bm_rld_set : 1;
};

struct xen_processor_power {
	uint32_t count; /* elements of states */
	struct xen_processor_flags flags;
	XEN_GUEST_HANDLE(xen_processor_cx_t) states;
};

/* Control or status register of _PCT. */
struct xen_pct_register {
	uint8_t descriptor;
	uint16_t length;
	uint8_t space_id;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t reserved;
	uint64_t address;
};

/* A performance state of _PSS. */
struct xen_processor_px {
	uint64_t core_frequency;     /* MHz */
	uint64_t power;		     /* milliwatts */
	uint64_t transition_latency; /* microseconds */
	uint64_t bus_master_latency; /* microseconds */
	uint64_t control;
	uint64_t status;
};
typedef struct xen_processor_px xen_processor_px_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_px_t);

/* _PSD: processors whose frequency changes together. */
struct xen_psd_package {
	uint64_t num_entries;
	uint64_t revision;
	uint64_t domain;
	uint64_t coord_type;
	uint64_t num_processors;
};

/* xen_processor_performance.shared_type: who coordinates a change. */
#define XEN_CPUPERF_SHARED_TYPE_HW 1
#define XEN_CPUPERF_SHARED_TYPE_ALL 2
#define XEN_CPUPERF_SHARED_TYPE_ANY 3

struct xen_processor_performance {
	uint32_t flags;		 /* XEN_PX_* */
	uint32_t platform_limit; /* _PPC: first state allowed */
	struct xen_pct_register control_register;
	struct xen_pct_register status_register;
	uint32_t state_count; /* elements of states */
	XEN_GUEST_HANDLE(xen_processor_px_t) states;
	struct xen_psd_package domain_info;
	uint32_t shared_type;
};
typedef struct xen_processor_performance xen_processor_performance_t;
DEFINE_XEN_GUEST_HANDLE(xen_processor_performance_t);

struct xenpf_set_processor_pminfo {
	uint32_t id;   /* ACPI id of the processor */
	uint32_t type; /* XEN_PM_* */
	union {
		struct xen_processor_power power;
		struct xen_processor_performance perf;
		XEN_GUEST_HANDLE(uint32) pdc;
	} u;
};
typedef struct xenpf_set_processor_pminfo xenpf_set_processor_pminfo_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_set_processor_pminfo_t);

/* A processor by the core's number, with its state and its ids. An absent
 * one below max_present has INVALID set. */
#define XENPF_get_cpuinfo 55
#define XEN_PCPU_FLAGS_ONLINE 1
#define XEN_PCPU_FLAGS_INVALID 2
struct xenpf_pcpuinfo {
	uint32_t xen_cpuid;   /* processor asked about */
	uint32_t max_present; /* out, highest number present */
	uint32_t flags;	      /* out, XEN_PCPU_FLAGS_* */
	uint32_t apic_id;     /* out */
	uint32_t acpi_id;     /* out */
};
typedef struct xenpf_pcpuinfo xenpf_pcpuinfo_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_pcpuinfo_t);

/* Start or stop a processor; VIRQ_PCPU_STATE follows. */
#define XENPF_cpu_online 56
#define XENPF_cpu_offline 57
struct xenpf_cpu_ol {
	uint32_t cpuid;
};
typedef struct xenpf_cpu_ol xenpf_cpu_ol_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_cpu_ol_t);

/* Processors or memory added while running; refused. pxm is the ACPI
 * proximity domain, spfn to epfn (exclusive) the new frames. */
#define XENPF_cpu_hotadd 58
struct xenpf_cpu_hotadd {
	uint32_t apic_id;
	uint32_t acpi_id;
	uint32_t pxm;
};
typedef struct xenpf_cpu_hotadd xenpf_cpu_hotadd_t;

#define XENPF_mem_hotadd 59
struct xenpf_mem_hotadd {
	uint64_t spfn;
	uint64_t epfn;
	uint32_t pxm;
	uint32_t flags;
};
typedef struct xenpf_mem_hotadd xenpf_mem_hotadd_t;

/* How many processors are to idle, at the wish of ACPI: set or get. */
#define XENPF_core_parking 60
#define XEN_CORE_PARKING_SET 1
#define XEN_CORE_PARKING_GET 2
struct xenpf_core_parking {
	uint32_t type;	    /* XEN_CORE_PARKING_* */
	uint32_t idle_nums; /* in, or out */
};
typedef struct xenpf_core_parking xenpf_core_parking_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_core_parking_t);

/* Raw machine registers, and the core's symbols; refused. */
#define XENPF_resource_op 61
#define XENPF_get_symbol 63

struct xen_platform_op {
	uint32_t cmd;		    /* XENPF_* */
	uint32_t interface_version; /* XENPF_INTERFACE_VERSION */
	union {
		xenpf_settime_t settime;
		xenpf_settime32_t settime32;
		xenpf_settime64_t settime64;
		xenpf_microcode_update_t microcode;
		xenpf_efi_runtime_call_t efi_runtime_call;
		xenpf_firmware_info_t firmware_info;
		xenpf_enter_acpi_sleep_t enter_acpi_sleep;
		xenpf_change_freq_t change_freq;
		xenpf_getidletime_t getidletime;
		xenpf_set_processor_pminfo_t set_pminfo;
		xenpf_pcpuinfo_t pcpu_info;
		xenpf_pcpu_version_t pcpu_version;
		xenpf_cpu_ol_t cpu_ol;
		xenpf_cpu_hotadd_t cpu_add;
		xenpf_mem_hotadd_t mem_add;
		xenpf_core_parking_t core_parking;
		uint8_t pad[128];
	} u;
};
typedef struct xen_platform_op xen_platform_op_t;
DEFINE_XEN_GUEST_HANDLE(xen_platform_op_t);

#endif
