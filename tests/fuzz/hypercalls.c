/* SPDX-License-Identifier: MIT */
/*
 * Hostile guests against the whole core: bytes become hypercalls, stores,
 * emulated instructions, faults, passing time and deaths of four domains (a
 * control domain, one with devices, two without) on two CPUs.  No assertion of
 * the core may fail, no sanitizer may report, the auditor must find nothing,
 * no TLB may reach what it must not, and at the end every frame must be back.
 *
 * FUZZ_TRACE=1 in the environment prints each step, for a crashing input.
 */
#include "hypercalls/gen.h"

#include <stdio.h>
#include <stdlib.h>

#include <xen/errno.h>

#include <audit/audit.h>
#include <hv/check.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/trap.h>

#define STEPS_MAX 96
#define AUDIT_EVERY 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_guest first[FUZZ_DOMAINS];
static unsigned long free_without_guests;
static bool control_acted; /* it may have kept what it allocated */
static bool trace;

#define TRACE(...)                                    \
	do {                                          \
		if (trace) {                          \
			fprintf(stderr, __VA_ARGS__); \
			fprintf(stderr, "\n");        \
		}                                     \
	} while (0)

static void create(unsigned int id)
{
	if (!fake_guest_create(&fuzz_guest[id], (uint16_t)id, FUZZ_PAGES, FUZZ_VCPUS, id <= 1)) {
		fuzz_guest[id].d = NULL;
	}
}

static void setup(void)
{
	static const struct fake_config config = { .low_frames = 2048, .cpus = 2 };

	trace = getenv("FUZZ_TRACE") != NULL;
	fake_init(&config);
	/* A guest that waits for the console makes its call again and again. */
	fake.window_ns = 50000;
	create(0);
	free_without_guests = heap_free_frames();
	for (unsigned int i = 1; i < FUZZ_DOMAINS; i++) {
		create(i);
		CHECK(fuzz_guest[i].d != NULL);
	}
	memcpy(first, fuzz_guest, sizeof(first));
	fake_snapshot();
}

static void audit(void)
{
	fake.preempt_chance = 0;
	fake.preempt_countdown = 0;
	fake.copy_fail_countdown = 0;
	heap_fail_countdown = 0;
	(void)fake_pci_check();
	if (audit_all() != 0) {
		fake_die("the audit found differences");
	}
	if (!control_acted) {
		grants_check();
	}
}

/* No failure may be injected here: a destruction has to work. */
static void recreate(unsigned int id)
{
	TRACE("recreate d%u", id);
	heap_fail_countdown = 0;
	if (fuzz_guest[id].d != NULL) {
		if (fake_destroy(fuzz_guest[id].d) != 0) {
			return; /* another domain maps its frames */
		}
	}
	create(id);
}

/* ---- Steps ------------------------------------------------------------------- */

static void hypercall(struct vcpu *v, const struct call *call)
{
	struct guest_regs *r = &v->regs;

	TRACE("d%uv%u call %lu (%#lx, %#lx, %#lx, %#lx)", v->domain->id, v->id, call->nr,
	      call->args[0], call->args[1], call->args[2], call->args[3]);
	if (call->nr != __HYPERVISOR_iret) {
		r->rip = fake_va(FAKE_PFN_CODE, 2);
		r->rsp = fake_va(FAKE_PFN_STACK, 0xe00);
	}
	r->rax = call->nr;
	r->rdi = call->args[0];
	r->rsi = call->args[1];
	r->rdx = call->args[2];
	r->r10 = call->args[3];
	r->r8 = call->args[4];
	for (unsigned int i = 0; i < 64; i++) {
		fake_hypercall_once();
		if (fake_running() != v || call->nr == __HYPERVISOR_iret ||
		    r->rip != fake_va(FAKE_PFN_CODE, 0)) {
			break;
		}
		r->rip += 2;
	}
	TRACE("  = %ld", (long)r->rax);
}

static void step_call(struct input *in, struct vcpu *v)
{
	struct call call;

	if (gen_call(in, &fuzz_guest[v->domain->id], &call, 0)) {
		hypercall(v, &call);
	}
}

static void step_multicall(struct input *in, struct vcpu *v)
{
	struct call call;
	unsigned int n = in_u8(in) % 5, i;

	for (i = 0; i < n; i++) {
		struct multicall_entry e = { 0 };

		if (!gen_call(in, &fuzz_guest[v->domain->id], &call, i * 512)) {
			break;
		}
		e.op = call.nr;
		memcpy(e.args, call.args, sizeof(call.args));
		try_put(fake_va(FAKE_PFN_SCRATCH, i * sizeof(e)), &e, sizeof(e));
	}
	call.nr = __HYPERVISOR_multicall;
	call.args[0] = fake_va(FAKE_PFN_SCRATCH, 0);
	call.args[1] = in_u8(in) < 0xf0 ? i : in_u32(in);
	hypercall(v, &call);
}

static void step_store(struct input *in, struct vcpu *v)
{
	uint8_t kind = in_u8(in);
	uint64_t va = fake_va(in_u8(in) % (FUZZ_PAGES + 1), in_u16(in) & 0xff8);
	uint64_t value;
	uint32_t error;
	uint64_t cr2;

	if (kind >= 0x80) { /* where entries matter */
		va = fake_va(kind & 3, (va & 0x1f8));
	}
	value = kind & 0x40 ? gen_pte(in, &fuzz_guest[v->domain->id]) : in_u64(in);
	va += kind & 0x30 ? 0 : kind & 7;
	TRACE("d%uv%u store %#lx to %#lx", v->domain->id, v->id, value, va);
	v->regs.rip = fake_va(FAKE_PFN_CODE, 0);
	v->regs.rsp = fake_va(FAKE_PFN_STACK, 0xe00);
	if (fake_guest_access(v->regs.rip, &cr2, 8, FAKE_EXEC, &error, &cr2) == 0 &&
	    fake_guest_access(v->regs.rip, (uint8_t[8]){ 0 }, 8, FAKE_WRITE, &error, &cr2) == 0) {
		(void)fake_guest_store(va, value, 1u << (kind >> 3 & 3));
	}
}

/* Any bytes at rip, any registers, as a #GP, a #UD or a write fault. */
static void step_emulate(struct input *in, struct vcpu *v)
{
	static const uint8_t vectors[] = { TRAP_GP, TRAP_GP, TRAP_UD, TRAP_PF,
					   TRAP_NM, TRAP_DB, TRAP_BP, TRAP_SS };
	struct guest_regs *r = &v->regs;
	uint8_t kind = in_u8(in);
	unsigned int vector = vectors[kind & 7];
	uint8_t bytes[15];
	uint64_t cr2 = 0;

	for (unsigned int i = 0; i < sizeof(bytes); i++) {
		bytes[i] = in_u8(in);
	}
	r->rip = in_u8(in) < 0xf0 ? fake_va(FAKE_PFN_CODE, 0) : gen_va(in);
	try_put(r->rip, bytes, sizeof(bytes));
	r->rax = gen_va(in);
	r->rcx = in_u8(in) < 0x80 ? 0xc0000100u + in_u8(in) % 4 : in_u32(in);
	r->rdx = in_u32(in);
	r->rdi = gen_va(in);
	r->rsi = gen_pte(in, &fuzz_guest[v->domain->id]);
	r->rsp = in_u8(in) < 0xf0 ? fake_va(FAKE_PFN_STACK, 0xd00) : gen_va(in);
	if (vector == TRAP_PF) {
		cr2 = in_u8(in) < 0x80 ? r->rdi : gen_va(in);
	}
	TRACE("d%uv%u exception %u at %#lx", v->domain->id, v->id, vector, r->rip);
	fake_exception(vector, vector == TRAP_PF ? 7u : kind & 8 ? in_u8(in) : 0u, cr2);
}

/* A user program: its system call brings the kernel back. */
static void step_user(struct input *in, struct vcpu *v)
{
	if (in_u8(in) & 1) {
		fake_exception(in_u8(in) % 32 == TRAP_NMI ? 3 : in_u8(in) & 15, 0, 0);
		return;
	}
	TRACE("d%uv%u system call", v->domain->id, v->id);
	fake.cpus[fake.cpu].inside = true;
	bounce_syscall(&v->regs);
	fake_exit();
}

static void step_world(struct input *in)
{
	static char keys[] = "x\n";
	uint8_t kind = in_u8(in);

	TRACE("world %u", kind);
	switch (kind % 8) {
	case 0:
		fake_advance((uint64_t)in_u16(in) << (kind >> 4));
		break;
	case 1:
		fake.preempt_countdown = 1 + in_u8(in) % 16;
		break;
	case 2:
		fake.preempt_chance = in_u8(in) % 8;
		break;
	case 3:
		heap_fail_countdown = 1 + in_u8(in) % 8;
		break;
	case 4:
		fake.copy_fail_countdown = 1 + in_u8(in) % 8;
		break;
	case 5:
		pirq_fired(in_u8(in) % (FAKE_GSIS + 8));
		break;
	case 6:
		fake.input = keys;
		break;
	default:
		if ((kind >> 4) % 4 == 3 && fuzz_guest[2].d != NULL && fuzz_guest[3].d != NULL) {
			/* From here on it may do to the other what it likes. */
			fuzz_guest[3].d->target = 2;
			control_acted = true;
			break;
		}
		recreate(2 + (kind >> 3) % 2);
		break;
	}
	fake_settle();
}

/* The control domain may have ended domains and made others of their numbers. */
static void refresh(void)
{
	for (unsigned int i = 0; i < FUZZ_DOMAINS; i++) {
		struct domain *d = domain_get((uint16_t)i);

		fuzz_guest[i].d = d;
		domain_put(d);
	}
}

static struct vcpu *choose_vcpu(uint8_t who)
{
	struct fake_guest *g = &fuzz_guest[(who & 3) == 0 ? who >> 2 & 3 : who & 3];
	struct vcpu *v;

	if (g->d == NULL) {
		return NULL;
	}
	v = g->d->vcpu[who >> 4 & 1];
	control_acted |= g->d->id == 0;
	if (v != NULL && fake_run(v)) {
		return v;
	}
	v = g->d->vcpu[0];
	if (v != NULL && fake_run(v)) {
		return v;
	}
	if (g->d->id != 0 && g->d->shutting_down) {
		recreate(g->d->id);
	}
	return NULL;
}

static void run(struct input *in)
{
	for (unsigned int step = 0; step < STEPS_MAX && in->at < in->end; step++) {
		uint8_t kind = in_u8(in);
		struct vcpu *v;

		refresh();
		v = choose_vcpu(in_u8(in));
		if (kind >= 0xe8 || v == NULL) {
			step_world(in);
		} else if (!v->in_kernel) {
			step_user(in, v);
		} else if (kind < 0x84) {
			step_call(in, v);
		} else if (kind < 0xa0) {
			TRACE("d%uv%u macro", v->domain->id, v->id);
			macro(in, &fuzz_guest[v->domain->id]);
			if (!control_acted) {
				grants_check();
			}
		} else if (kind < 0xb0) {
			step_multicall(in, v);
		} else if (kind < 0xd0) {
			step_store(in, v);
		} else {
			step_emulate(in, v);
		}
		if (step % AUDIT_EVERY == AUDIT_EVERY - 1) {
			audit();
		}
	}
	fake_settle();
	audit();
}

/* Unless the control domain holds on to something, all must be free. */
static void end(void)
{
	unsigned int left = 0;

	refresh();
	/* Twice: the first round ends what they have mapped of each other. */
	for (unsigned int i = 1; i < 2 * FUZZ_DOMAINS; i++) {
		struct fake_guest *g = &fuzz_guest[i % FUZZ_DOMAINS];

		if (i % FUZZ_DOMAINS != 0 && g->d != NULL && fake_destroy(g->d) == 0) {
			g->d = NULL;
		}
		left += i > FUZZ_DOMAINS && g->d != NULL;
	}
	audit();
	if (!control_acted && (left != 0 || heap_free_frames() != free_without_guests)) {
		fake_die("%lu frames are free, not %lu", heap_free_frames(), free_without_guests);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	static bool ready;
	jmp_buf ended;

	if (!ready) {
		setup();
		ready = true;
	}
	fake_restore();
	memcpy(fuzz_guest, first, sizeof(first));
	fake_machine_end = &ended;
	control_acted = false;
	if (setjmp(ended) == 0) {
		run(&in);
		end();
	}
	return 0;
}
