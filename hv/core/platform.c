/* SPDX-License-Identifier: MIT */
/*
 * platform_op: what the control domain does to, and asks about, the machine.
 * Nobody else may.  Owns no data and takes no lock; results go back by copying
 * out the whole structure that was copied in.  Refused commands are listed by
 * name below, so that a new one is a decision and not an accident.
 */
#include <hv/hypercall.h>

#include <xen/platform.h>

#include <hv/vtime.h>

#define NS_PER_SECOND 1000000000u
#define SLEEP_POWER_OFF 5

static int settime(uint64_t secs, uint32_t nsecs, uint32_t mbz, uint64_t at)
{
	if (nsecs >= NS_PER_SECOND || mbz != 0) {
		return -XEN_EINVAL;
	}
	vtime_set_wallclock(secs, nsecs, at);
	return 0;
}

static int get_cpuinfo(struct xenpf_pcpuinfo *op)
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
	op->apic_id = percpu_of(cpu)->apic_id;
	op->acpi_id = percpu_of(cpu)->acpi_id;
	return 0;
}

static int run(struct xen_platform_op *op)
{
	const struct xenpf_settime32 *t32 = &op->u.settime32;
	const struct xenpf_settime64 *t64 = &op->u.settime64;
	const struct xenpf_enter_acpi_sleep *sleep = &op->u.enter_acpi_sleep;

	switch (op->cmd) {
	case XENPF_settime32:
		return settime(t32->secs, t32->nsecs, 0, t32->system_time);
	case XENPF_settime64:
		return settime(t64->secs, t64->nsecs, t64->mbz, t64->system_time);
	case XENPF_get_cpuinfo:
		return get_cpuinfo(&op->u.pcpu_info);
	case XENPF_enter_acpi_sleep:
		if (sleep->sleep_state != SLEEP_POWER_OFF || sleep->flags != 0) {
			return -XEN_EINVAL;
		}
		return arch_acpi_sleep(sleep->val_a, sleep->val_b);
	/*
	 * Refused: add_memtype, del_memtype, read_memtype, since guests have
	 * the page attribute table; microcode_update, platform_quirk,
	 * efi_runtime_call, firmware_info: the core asks the firmware nothing; change_freq, set_processor_pminfo: frequency and
	 * idle states stay as found; cpu_online, cpu_offline, cpu_hotadd,
	 * mem_hotadd, core_parking: processors neither come nor go;
	 * resource_op, get_symbol.  And what no kernel asks that the core is
	 * for: get_cpu_version, getidletime.
	 */
	default:
		return -XEN_ENOSYS;
	}
}

long do_platform_op(uint64_t arg)
{
	guest_ptr_t ptr = guest_ptr(arg);
	struct xen_platform_op op;
	int rc;

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
	rc = run(&op);
	if (rc == 0 && op.cmd == XENPF_get_cpuinfo) {
		rc = copy_to_guest(ptr, &op, sizeof(op));
	}
	return rc;
}
