/* SPDX-License-Identifier: MIT */
/*
 * Events in their two-level form: the upcall, handlers by port, and short
 * forms of the calls. The mask of a port is changed by whoever set it up; the
 * upcall of a vCPU runs with its events off.
 */
#include "shim.h"

#define PORTS 4096u
#define WORD_BITS 64u

void shim_upcall(void);

static evtchn_handler *handlers[PORTS];
static void (*other_upcall)(void);
static unsigned long upcalls[SHIM_MAX_CPUS];

struct vcpu_info *evtchn_vcpu_info(void)
{
	return &shim_shared->vcpu_info[cpu_id()];
}

void evtchn_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shim_shared->evtchn_mask); i++) {
		WRITE_ONCE(shim_shared->evtchn_mask[i], ~0ul);
	}
}

void events_off(void)
{
	WRITE_ONCE(evtchn_vcpu_info()->evtchn_upcall_mask, 1);
	barrier();
}

void events_on(void)
{
	struct vcpu_info *info = evtchn_vcpu_info();

	barrier();
	WRITE_ONCE(info->evtchn_upcall_mask, 0);
	barrier();
	if (READ_ONCE(info->evtchn_upcall_pending)) {
		/* Any call will do: the upcall is made on the way out. */
		(void)hyp_xen_version(XENVER_version, NULL);
	}
}

static void serve_word(unsigned int word)
{
	xen_ulong_t *pending = &shim_shared->evtchn_pending[word];

	for (;;) {
		xen_ulong_t todo = READ_ONCE(*pending) & ~READ_ONCE(shim_shared->evtchn_mask[word]);
		unsigned int bit, port;

		if (todo == 0) {
			return;
		}
		bit = (unsigned int)__builtin_ctzl(todo);
		port = word * WORD_BITS + bit;
		__atomic_and_fetch(pending, ~(1ul << bit), __ATOMIC_SEQ_CST);
		if (handlers[port] != NULL) {
			handlers[port](port);
		}
	}
}

void shim_upcall(void)
{
	struct vcpu_info *info = evtchn_vcpu_info();
	xen_ulong_t words;

	upcalls[cpu_id()]++;
	if (other_upcall != NULL) {
		other_upcall();
		return;
	}
	while (READ_ONCE(info->evtchn_upcall_pending)) {
		WRITE_ONCE(info->evtchn_upcall_pending, 0);
		/* Pending is cleared before the selector is taken: a port that
		 * is raised in between sets both again. */
		words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
		while (words != 0) {
			unsigned int word = (unsigned int)__builtin_ctzl(words);

			words &= words - 1;
			serve_word(word);
		}
	}
}

void evtchn_set_upcall(void (*fn)(void))
{
	other_upcall = fn;
}

void evtchn_set_handler(unsigned int port, evtchn_handler *fn)
{
	handlers[port] = fn;
}

unsigned long evtchn_upcalls(unsigned int cpu)
{
	return READ_ONCE(upcalls[cpu]);
}

void evtchn_mask(unsigned int port)
{
	__atomic_or_fetch(&shim_shared->evtchn_mask[port / WORD_BITS], 1ul << (port % WORD_BITS),
			  __ATOMIC_SEQ_CST);
}

long evtchn_unmask(unsigned int port)
{
	struct evtchn_unmask op = { port };

	return hyp_event_channel_op(EVTCHNOP_unmask, &op);
}

long evtchn_alloc_unbound(unsigned int remote)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = (domid_t)remote };
	long rc = hyp_event_channel_op(EVTCHNOP_alloc_unbound, &op);

	return rc != 0 ? rc : op.port;
}

long evtchn_bind_interdomain(unsigned int remote, unsigned int port)
{
	struct evtchn_bind_interdomain op = { .remote_dom = (domid_t)remote, .remote_port = port };
	long rc = hyp_event_channel_op(EVTCHNOP_bind_interdomain, &op);

	return rc != 0 ? rc : op.local_port;
}

long evtchn_bind_virq(unsigned int virq, unsigned int cpu)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = cpu };
	long rc = hyp_event_channel_op(EVTCHNOP_bind_virq, &op);

	return rc != 0 ? rc : op.port;
}

long evtchn_bind_ipi(unsigned int cpu)
{
	struct evtchn_bind_ipi op = { .vcpu = cpu };
	long rc = hyp_event_channel_op(EVTCHNOP_bind_ipi, &op);

	return rc != 0 ? rc : op.port;
}

long evtchn_send(unsigned int port)
{
	struct evtchn_send op = { port };

	return hyp_event_channel_op(EVTCHNOP_send, &op);
}

long evtchn_close(unsigned int port)
{
	struct evtchn_close op = { port };

	return hyp_event_channel_op(EVTCHNOP_close, &op);
}
