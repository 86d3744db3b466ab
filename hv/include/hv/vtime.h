/* SPDX-License-Identifier: MIT */
/*
 * Time as guests see it: the time record in vcpu_info (and the registered
 * area), wall clock in shared_info.
 */
#ifndef HV_VTIME_H
#define HV_VTIME_H

void vtime_init_vcpu(struct vcpu *v);
/** Rewrites the record of v if the scale changed; before guest entry. */
void vtime_update(struct vcpu *v, bool force);
/** Wall clock into d's shared_info. */
void vtime_update_wallclock(struct domain *d);
/** Sets wall-clock: seconds and ns since 1970 at system time `at`. */
void vtime_set_wallclock(uint64_t sec, uint32_t nsec, uint64_t at);

#endif
