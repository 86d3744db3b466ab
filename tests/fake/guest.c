/* SPDX-License-Identifier: MIT */
/*
 * Domains for tests: some frames, one tree of page tables that maps them all
 * at FAKE_GUEST_BASE, vCPUs in it.  Built by the calls that the first-domain
 * builder uses, so that what a test starts from is what the core would make.
 */
#include "fake.h"

#include <vl/control.h>
#include <xen/errno.h>

#include <hv/check.h>
#include <hv/heap.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>

#define TABLE_BITS (PTE_P | PTE_W | PTE_U | PTE_A)
#define PAGE_BITS (PTE_P | PTE_U | PTE_A)

static uint64_t make_pte(const struct fake_guest *g, unsigned int pfn, uint64_t bits)
{
	return (uint64_t)g->mfn[pfn] << PAGE_SHIFT | bits;
}

static bool alloc_pages(struct fake_guest *g)
{
	for (unsigned int i = 0; i < g->pages; i++) {
		struct page *pg = domain_alloc_frames(g->d, 0, ADDRESS_BITS_ANY);

		if (pg == NULL) {
			return false;
		}
		g->mfn[i] = page_to_mfn(pg);
		arch_m2p_set(g->mfn[i], i);
	}
	return true;
}

/* As the mappings of a toolstack would: none is taken as a table meanwhile. */
static bool hold_tables(const struct fake_guest *g)
{
	for (unsigned int i = 0; i <= FAKE_PFN_USER_L4; i++) {
		if (guest_frame_hold(g->d, g->mfn[i]) == NULL) {
			while (i-- > 0) {
				page_put_and_type(mfn_to_page(g->mfn[i]));
			}
			return false;
		}
	}
	return true;
}

static bool build_tables(const struct fake_guest *g)
{
	uint64_t *l4 = frame_ptr(g->mfn[FAKE_PFN_L4]);
	uint64_t *user = frame_ptr(g->mfn[FAKE_PFN_USER_L4]);
	uint64_t *l3 = frame_ptr(g->mfn[FAKE_PFN_L3]);
	uint64_t *l2 = frame_ptr(g->mfn[FAKE_PFN_L2]);
	uint64_t *l1 = frame_ptr(g->mfn[FAKE_PFN_L1]);
	unsigned int slot = FAKE_GUEST_BASE >> 39;

	if (!hold_tables(g)) {
		return false;
	}
	l4[slot] = make_pte(g, FAKE_PFN_L3, TABLE_BITS);
	user[slot] = l4[slot];
	l3[0] = make_pte(g, FAKE_PFN_L2, TABLE_BITS);
	l2[0] = make_pte(g, FAKE_PFN_L1, TABLE_BITS);
	for (unsigned int i = 0; i < g->pages; i++) {
		bool table = i <= FAKE_PFN_USER_L4;

		l1[i] = make_pte(g, i, PAGE_BITS | (table ? 0 : PTE_W));
	}
	for (unsigned int i = 0; i <= FAKE_PFN_USER_L4; i++) {
		page_put_and_type(mfn_to_page(g->mfn[i]));
	}
	return true;
}

static void fill_context(const struct fake_guest *g, unsigned int vcpu,
			 struct vcpu_guest_context *c)
{
	uint64_t code = fake_va(FAKE_PFN_CODE, 0);

	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = code;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.rflags = X86_EFLAGS_IF;
	/* 512 bytes of stack each. */
	c->user_regs.rsp = fake_va(FAKE_PFN_STACK, PAGE_SIZE - 512 * vcpu);
	c->kernel_sp = c->user_regs.rsp;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->ctrlreg[3] = xen_pfn_to_cr3(g->mfn[FAKE_PFN_L4]);
	c->ctrlreg[1] = xen_pfn_to_cr3(g->mfn[FAKE_PFN_USER_L4]);
	c->event_callback_eip = code + 0x100;
	c->failsafe_callback_eip = code + 0x110;
	c->syscall_callback_eip = code + 0x120;
	for (unsigned int i = 0; i < 32; i++) {
		c->trap_ctxt[i].vector = (uint8_t)i;
		c->trap_ctxt[i].cs = FLAT_KERNEL_CS;
		c->trap_ctxt[i].address = code + 0x200 + i * 16;
	}
}

static bool start_vcpu(struct fake_guest *g, unsigned int id)
{
	struct vcpu_guest_context c;
	struct vcpu *v = g->d->vcpu[id];
	int rc;

	memset(&c, 0, sizeof(c));
	fill_context(g, id, &c);
	do {
		/* A toolstack on another CPU may be at it, too. */
		if (!domain_claim(g->d)) {
			arch_cpu_relax();
			rc = -XEN_ERESTART;
			continue;
		}
		rc = v->initialised ? 0 : vcpu_set_context(v, &c);
		domain_release(g->d);
	} while (rc == -XEN_ERESTART);
	if (rc != 0) {
		return false;
	}
	sched_wake(v, PAUSE_DOWN);
	return true;
}

bool fake_guest_create(struct fake_guest *g, uint16_t id, unsigned int pages, unsigned int vcpus,
		       bool may_io)
{
	/* Of a guest by boot module or toolstack; of the control domain all there are. */
	const struct vl_create how = { .vcpus = vcpus,
				       .max_frames = pages + 64,
				       .event_ports = id == 0 ? 0 : 1023 };
	int rc;

	CHECK(pages > FAKE_PFN_SCRATCH && pages <= FAKE_GUEST_PAGES);
	memset(g, 0, sizeof(*g));
	g->pages = pages;
	g->d = domain_create(id, &how, &rc);
	if (g->d == NULL) {
		return false;
	}
	if ((may_io && ioport_domain_init(g->d) != 0) || !alloc_pages(g) || !build_tables(g)) {
		goto err_destroy;
	}
	for (unsigned int i = 0; i < vcpus; i++) {
		if (!start_vcpu(g, i)) {
			goto err_destroy;
		}
	}
	if (id == 0) {
		control_domain = g->d;
	}
	fake_settle();
	return true;

err_destroy:
#ifndef FAKE_THREADS /* where others may hold on to it: the caller's business */
	fake_guest_destroy(g);
#endif
	return false;
}

/* The CPU that destroys a domain must not have one of its vCPUs loaded. */
static void leave_domain(struct domain *d)
{
	struct vcpu *curr = this_cpu()->curr;

	if (curr == NULL || curr->domain != d) {
		return;
	}
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] != NULL) {
			sched_sleep(d->vcpu[i], PAUSE_DOMAIN);
		}
	}
	softirq_raise(fake_self(), SOFTIRQ_SCHED | SOFTIRQ_UNLOAD);
	fake_exit();
}

int fake_destroy(struct domain *d)
{
	int rc = -XEN_ERESTART;

	if (control_domain != NULL && control_domain != d) {
		(void)fake_run(control_domain->vcpu[0]);
	}
	for (unsigned int i = 0; rc == -XEN_ERESTART; i++) {
		CHECK(i < 1000000);
		leave_domain(d);
		fake.cpus[fake_self()].inside = true;
		rc = domain_destroy(d);
		fake_exit();
		fake_settle();
	}
	if (rc == 0) {
		if (control_domain == d) {
			control_domain = NULL;
		}
	}
	return rc;
}

void fake_guest_destroy(struct fake_guest *g)
{
	int rc = fake_destroy(g->d);

	if (rc != 0) {
		fake_die("domain %u cannot be destroyed: %d", g->d->id, rc);
	}
	g->d = NULL;
}

uint64_t *fake_guest_l1e(struct fake_guest *g, unsigned int pfn)
{
	return (uint64_t *)frame_ptr(g->mfn[FAKE_PFN_L1]) + pfn;
}

uint64_t fake_guest_l1e_maddr(struct fake_guest *g, unsigned int pfn)
{
	return ((uint64_t)g->mfn[FAKE_PFN_L1] << PAGE_SHIFT) + pfn * 8;
}

void fake_put(uint64_t va, const void *data, size_t n)
{
	if (!fake_guest_write(va, data, n)) {
		fake_die("%zu bytes at %#lx: not writable by the guest", n, (unsigned long)va);
	}
}

void fake_get(uint64_t va, void *data, size_t n)
{
	if (!fake_guest_read(va, data, n)) {
		fake_die("%zu bytes at %#lx: not readable by the guest", n, (unsigned long)va);
	}
}
