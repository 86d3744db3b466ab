/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the core share.  Each test starts on a fresh machine of
 * four CPUs and 64 MiB without domains (core_setup), and after each the auditor
 * must find nothing (core_teardown).
 */
#ifndef CORE_TEST_H
#define CORE_TEST_H

#include <stdio.h>

#include <CUnit/CUnit.h>

#include <fake.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include <audit/audit.h>
#include <hv/heap.h>

#define EQ(actual, expected)                                                                \
	do {                                                                                \
		long long got_ = (long long)(actual);                                       \
		long long want_ = (long long)(expected);                                    \
		if (got_ != want_) {                                                        \
			printf("\n    %s:%d: %s is %lld (%#llx), not "                      \
			       "%lld",                                                      \
			       __FILE__, __LINE__, #actual, got_, (unsigned long long)got_, \
			       want_);                                                      \
		}                                                                           \
		CU_assertImplementation(got_ == want_, __LINE__, #actual " == " #expected,  \
					__FILE__, "", CU_FALSE);                            \
	} while (0)
#define OK(expr) EQ(expr, 0)
#define TRUE_(expr) EQ((expr) ? 1 : 0, 1)
#define FALSE_(expr) EQ((expr) ? 1 : 0, 0)

#define GUESTS 3
#define PAGES 40
#define VCPUS 2

/** 0 is the control domain, with devices. */
extern struct fake_guest guest[GUESTS];

void core_setup(void);
void core_teardown(void);
/** Creates domains 0 .. n - 1, vCPU 0 of the last one running. */
void world(unsigned int n);
/** Domain `id` runs its vCPU on the CPU of that. */
void run(unsigned int id, unsigned int vcpu);
/** The vCPU that runs. */
struct vcpu *me(void);
/** Frames and types of the running world's guests. */
struct page *page_of(unsigned int id, unsigned int pfn);
uint64_t type_of(unsigned int id, unsigned int pfn);
uint32_t uses_of(unsigned int id, unsigned int pfn);
uint64_t entry_for(unsigned int id, unsigned int pfn, uint64_t flags);

/** A hypercall with one structure argument at FAKE_ARGS, copied back. */
long call_struct(unsigned long nr, uint64_t cmd, void *arg, size_t size);
/** One entry of a table of domain `dom`'s page tables changed by mmu_update. */
long update_entry(uint64_t maddr, uint64_t value, uint32_t dom);
/** One mmuext_op. */
long ext_op(unsigned int cmd, uint64_t arg1, uint64_t arg2);
/** Takes the mapping of pfn out of the running guest's tables. */
long unmap(unsigned int pfn);

#endif
