/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain by its own fault or wish: crash report, shutdown, and
 * what the control domain's end means for the machine.
 *
 * Called from hypercalls and exception handlers of the domain, possibly with
 * page locks held, so nothing here takes the domain lock: the flags are
 * claimed by atomic exchange, and only the first caller acts.  Nothing is torn
 * down here; the toolstack does that when it is told by VIRQ_DOM_EXC.
 */
#include <hv/domain.h>

#include <xen/sched.h>

#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/sched.h>

static const char *const reason_names[SHUTDOWN_MAX + 1] = {
	[SHUTDOWN_poweroff] = "power off", [SHUTDOWN_reboot] = "reboot",
	[SHUTDOWN_suspend] = "suspend",	   [SHUTDOWN_crash] = "crash",
	[SHUTDOWN_watchdog] = "watchdog",  [SHUTDOWN_soft_reset] = "soft reset",
};

void domain_shutdown(struct domain *d, uint8_t reason)
{
	if (__atomic_exchange_n(&d->shutting_down, true, __ATOMIC_SEQ_CST)) {
		return;
	}
	WRITE_ONCE(d->shutdown_code, reason);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		sched_sleep(d->vcpu[i], PAUSE_DOMAIN);
	}
	pr_info("domain %u: shut down (%s)", d->id, reason_names[reason]);
	if (d->is_control) {
		if (reason == SHUTDOWN_poweroff) {
			arch_machine_poweroff();
		}
		if (reason == SHUTDOWN_reboot) {
			arch_machine_restart();
		}
		machine_give_up();
	}
	evtchn_send_global_virq(control_domain, VIRQ_DOM_EXC);
}

int domain_crash(struct domain *d, const char *fmt, ...)
{
	const struct vcpu *v = this_cpu()->curr;
	va_list ap;

	if (__atomic_exchange_n(&d->crashed, true, __ATOMIC_ACQ_REL)) {
		return -XEN_EFAULT;
	}
	va_start(ap, fmt);
	vformat(d->crash_reason, sizeof(d->crash_reason), fmt, ap);
	va_end(ap);

	if (v == NULL || v->domain != d) {
		pr_err("domain %u crashed: %s", d->id, d->crash_reason);
	} else {
		pr_err("domain %u%s crashed on vCPU %u: %s", d->id,
		       d->is_control ? " (control)" : "", v->id, d->crash_reason);
		vcpu_dump(v);
		hypercall_history_print(v);
	}
	domain_shutdown(d, SHUTDOWN_crash);
	return -XEN_EFAULT;
}
