/* SPDX-License-Identifier: MIT */
/*
 * platform_op: what the control domain does to, and asks about, the machine.
 * Nobody else may.  Owns no data and takes no lock; results go back by copying
 * out the whole structure that was copied in.  Refused commands are listed by
 * name below, so that a new one is a decision and not an accident.
 */
#include <hv/hypercall.h>

#include <xen/errno.h>
#include <xen/platform.h>

#include <arch/cpu.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/string.h>
#include <hv/timer.h>
#include <hv/trap.h>
#include <hv/vcpu.h>
#include <hv/vtime.h>

#define NS_PER_SECOND 1000000000u
#define SLEEP_POWER_OFF 5
/* Bits of a processor map that are looked at; CONFIG_NR_CPUS is below it. */
#define IDLE_MAP_BITS 512

static long set_time(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
	if (nsecs >= NS_PER_SECOND) {
		return -XEN_EINVAL;
	}
	vtime_set_wallclock(secs, nsecs, system_time);
	return 0;
}

static long settime64(const struct xenpf_settime64 *op)
{
	if (op->mbz != 0) {
		return -XEN_EINVAL;
	}
	return set_time(op->secs, op->nsecs, op->system_time);
}

static long get_cpuinfo(struct xenpf_pcpuinfo *op)
{
	unsigned int count = cpu_count(), cpu = op->xen_cpuid;

	op->max_present = count - 1;
	if (cpu >= count) {
		op->flags = XEN_PCPU_FLAGS_INVALID;
		op->apic_id = op->acpi_id = ~0u;
		return 0;
	}
	cpu = (unsigned int)index_nospec(cpu, count);
	op->flags = XEN_PCPU_FLAGS_ONLINE;
	op->apic_id = arch_cpu_apic_id(cpu);
	op->acpi_id = arch_cpu_acpi_id(cpu);
	return 0;
}

/* All processors are taken to be alike: the answer is about this one. */
static long get_cpu_version(struct xenpf_pcpu_version *op)
{
	struct cpuid_regs id, vendor;
	uint32_t family, model;

	op->max_present = cpu_count() - 1;
	if (op->xen_cpuid > op->max_present) {
		memset(op->vendor_id, 0, sizeof(op->vendor_id));
		op->family = op->model = op->stepping = 0;
		return 0;
	}
	arch_cpuid(0, 0, &vendor);
	memcpy(op->vendor_id, &vendor.b, 4);
	memcpy(op->vendor_id + 4, &vendor.d, 4);
	memcpy(op->vendor_id + 8, &vendor.c, 4);

	/* Manual volume 2, CPUID: extended fields count at the ends of the
	 * plain ones' range. */
	arch_cpuid(1, 0, &id);
	family = (id.a >> 8) & 0xf;
	model = (id.a >> 4) & 0xf;
	if (family == 0xf) {
		family += (id.a >> 20) & 0xff;
	}
	if (family == 6 || family >= 0xf) {
		model |= (id.a >> 12) & 0xf0;
	}
	op->family = family;
	op->model = model;
	op->stepping = id.a & 0xf;
	return 0;
}

static uint64_t cpu_idle_time(unsigned int cpu, uint64_t now)
{
	const struct percpu *pc = percpu_of(cpu);
	uint64_t since = READ_ONCE(pc->idle_since);
	uint64_t ns = READ_ONCE(pc->idle_ns);

	/* Both change while we look; an answer off by one nap will do. */
	if (READ_ONCE(pc->idle) && since < now) {
		ns += now - since;
	}
	return ns;
}

static long getidletime(struct xenpf_getidletime *op)
{
	guest_ptr_t map_ptr = GUEST_HANDLE_PTR(op->cpumap_bitmap);
	guest_ptr_t times = GUEST_HANDLE_PTR(op->idletime);
	uint8_t map[IDLE_MAP_BITS / 8] = { 0 };
	size_t map_size;
	int rc;

	if (op->cpumap_nr_cpus > IDLE_MAP_BITS) {
		return -XEN_E2BIG;
	}
	map_size = (op->cpumap_nr_cpus + 7) / 8;
	rc = copy_from_guest(map, map_ptr, map_size);
	if (rc != 0) {
		return rc;
	}
	op->now = time_now();
	for (unsigned int cpu = 0; cpu < op->cpumap_nr_cpus; cpu++) {
		uint64_t ns = 0;

		if (!(map[cpu / 8] & (1u << (cpu % 8)))) {
			continue;
		}
		if (cpu < cpu_count()) {
			ns = cpu_idle_time(cpu, op->now);
		} else {
			map[cpu / 8] &= (uint8_t) ~(1u << (cpu % 8));
		}
		rc = copy_to_guest(guest_ptr_add(times, 8ull * cpu), &ns,
				   sizeof(ns));
		if (rc != 0) {
			return rc;
		}
	}
	return copy_to_guest(map_ptr, map, map_size);
}

/* The core asks the firmware nothing and keeps nothing of it. */
static long firmware_info(const struct xenpf_firmware_info *op)
{
	switch (op->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
		return -XEN_ENOENT;
	case XEN_FW_VBEDDC_INFO:
	case XEN_FW_EFI_INFO:
	case XEN_FW_KBD_SHIFT_FLAGS:
		return -XEN_ESRCH;
	default:
		return -XEN_EINVAL;
	}
}

static long enter_acpi_sleep(const struct xenpf_enter_acpi_sleep *op)
{
	if (op->sleep_state != SLEEP_POWER_OFF || op->flags != 0) {
		return -XEN_EINVAL;
	}
	pr_info("the control domain powers the machine off");
	return arch_acpi_sleep(op->val_a, op->val_b);
}

/* Runs the command; *answer: the structure holds a result to copy out. */
static long run(struct xen_platform_op *op, bool *answer)
{
	switch (op->cmd) {
	case XENPF_settime32:
		return set_time(op->u.settime32.secs, op->u.settime32.nsecs,
				op->u.settime32.system_time);
	case XENPF_settime64:
		return settime64(&op->u.settime64);
	case XENPF_get_cpuinfo:
		*answer = true;
		return get_cpuinfo(&op->u.pcpu_info);
	case XENPF_get_cpu_version:
		*answer = true;
		return get_cpu_version(&op->u.pcpu_version);
	case XENPF_getidletime:
		*answer = true;
		return getidletime(&op->u.getidletime);
	case XENPF_firmware_info:
		return firmware_info(&op->u.firmware_info);
	case XENPF_enter_acpi_sleep:
		return enter_acpi_sleep(&op->u.enter_acpi_sleep);

	case XENPF_add_memtype: /* guests have the page attribute table */
	case XENPF_del_memtype:
	case XENPF_read_memtype:
	case XENPF_microcode_update:
	case XENPF_platform_quirk:
	case XENPF_efi_runtime_call:
	case XENPF_change_freq: /* frequency and idle states stay as found */
	case XENPF_set_processor_pminfo:
	case XENPF_cpu_online: /* processors neither come nor go */
	case XENPF_cpu_offline:
	case XENPF_cpu_hotadd:
	case XENPF_mem_hotadd:
	case XENPF_core_parking:
	case XENPF_resource_op:
	case XENPF_get_symbol:
	default:
		return -XEN_ENOSYS;
	}
}

long do_platform_op(uint64_t arg)
{
	guest_ptr_t ptr = guest_ptr(arg);
	struct xen_platform_op op;
	bool answer = false;
	long rc;

	if (!current_domain()->is_control) {
		return -XEN_EPERM;
	}
	rc = copy_from_guest(&op, ptr, sizeof(op));
	if (rc != 0) {
		return rc;
	}
	if (op.interface_version != XENPF_INTERFACE_VERSION) {
		return -XEN_EACCES;
	}
	rc = run(&op, &answer);
	if (rc == 0 && answer) {
		rc = copy_to_guest(ptr, &op, sizeof(op));
	}
	return rc;
}
