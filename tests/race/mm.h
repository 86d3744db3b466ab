/* SPDX-License-Identifier: MIT */
/* Steps of one storm that another one uses, too. */
#ifndef RACE_MM_H
#define RACE_MM_H

#include "race.h"

#include <xen/memory.h>

/** Tells the others which frames the domain has. */
void mm_publish(unsigned int id);
/** Maps a frame of domain 1 into the control domain, or takes one away. */
void mm_map_foreign(struct race_vcpu *rv);
void mm_unmap_foreign(struct race_vcpu *rv);
/** A vCPU's exchange of one frame, as it lies at its race_args(). */
struct exchange_args {
	struct xen_memory_exchange x;
	xen_pfn_t in, out;
};
void mm_exchange(struct race_vcpu *rv, unsigned int op, xen_pfn_t mfn);
void mm_step(struct race_vcpu *rv);
void events_step(struct race_vcpu *rv);
/** The storm has so many domains; one of them was made anew. */
void grants_start(unsigned int count);
void grants_created(unsigned int id);
/** Nobody maps grants any more, but all end mappings. */
void grants_end_only(bool yes);
void grants_step(struct race_vcpu *rv);

#endif
