/* SPDX-License-Identifier: MIT */
/*
 * What the files behind memory_op share: memory_op.c (the call and the
 * reservation commands), memory_exchange.c and memory_map.c.
 */
#ifndef HV_MEMORY_H
#define HV_MEMORY_H

#include <hv/guest_access.h>

/*
 * A long memory_op keeps its progress in the command word, above these bits,
 * as the published interface does.
 */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK ((1u << MEMOP_EXTENT_SHIFT) - 1)

/** Largest order of an extent that the current domain may ask for. */
unsigned int memory_max_order(void);
/** Records 2^order frames as pseudo-physical ones, gpfn and on. */
void memory_name_frames(unsigned long mfn, unsigned int order, uint64_t gpfn);

/** XENMEM_exchange. */
long memory_exchange(uint64_t cmd, uint64_t arg);

/** Prepares XENMEM_machine_memory_map from boot_info; at start-up, once. */
void memory_map_init(void);
/** XENMEM_machine_memory_map, which only the control domain may ask for. */
long memory_map_machine(uint64_t arg);

#endif
