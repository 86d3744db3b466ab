/* SPDX-License-Identifier: MIT */
/*
 * The shared page of split drivers: a ring of slots that hold a request and,
 * once that is served, a response, with four free-running indices.
 *
 * DEFINE_RING_TYPES(name, request, response) makes the types of one protocol;
 * the other macros work on the private view of either half. Before it uses
 * them a source defines xen_mb(), xen_rmb() and xen_wmb(). The other half may
 * change the page at any time: copy a slot out (RING_COPY_*) before checking
 * it, and check indices with the *_OVERFLOW macros. Nothing here sleeps,
 * notifies or fails.
 */
#ifndef VL_ABI_XEN_IO_RING_H
#define VL_ABI_XEN_IO_RING_H

#include <stddef.h>
#include <stdint.h>

/* An index; it runs freely and is reduced only to find a slot. */
typedef unsigned int RING_IDX;

/* Largest power of two not above a 32-bit constant. */
#define __RD2(_x) (((_x)&0x00000002) ? 0x2 : ((_x)&0x1))
#define __RD4(_x) (((_x)&0x0000000c) ? __RD2((_x) >> 2) << 2 : __RD2(_x))
#define __RD8(_x) (((_x)&0x000000f0) ? __RD4((_x) >> 4) << 4 : __RD4(_x))
#define __RD16(_x) (((_x)&0x0000ff00) ? __RD8((_x) >> 8) << 8 : __RD8(_x))
#define __RD32(_x) (((_x)&0xffff0000) ? __RD16((_x) >> 16) << 16 : __RD16(_x))

/* Slots in a ring of _sz bytes: by the protocol's name as a constant, or by
 * a pointer to the shared page. */
#define __CONST_RING_SIZE(_s, _sz)                          \
	(__RD32(((_sz)-offsetof(struct _s##_sring, ring)) / \
		sizeof(((struct _s##_sring *)0)->ring[0])))
#define __RING_SIZE(_s, _sz)                                                                     \
	((unsigned int)__RD32(((unsigned long)(_sz) -                                            \
			       (unsigned long)((const char *)(_s)->ring - (const char *)(_s))) / \
			      sizeof((_s)->ring[0])))

/*
 * name_sring is the shared page. *_prod tells how far slots are valid; a
 * producer that moves its index past the other half's *_event (the index at
 * which that half wants to be woken) sends a notification. name_front_ring
 * and name_back_ring are private to their half.
 */
#define DEFINE_RING_TYPES(__name, __req_t, __rsp_t)               \
	union __name##_sring_entry {                              \
		__req_t req;                                      \
		__rsp_t rsp;                                      \
	};                                                        \
	struct __name##_sring {                                   \
		RING_IDX req_prod, req_event;                     \
		RING_IDX rsp_prod, rsp_event;                     \
		union {                                           \
			struct {                                  \
				uint8_t smartpoll_active;         \
			} netif;                                  \
			struct {                                  \
				uint8_t msg;                      \
			} tapif_user;                             \
			uint8_t pvt_pad[4];                       \
		} pvt;                                            \
		uint8_t __pad[44];                                \
		union __name##_sring_entry ring[1];               \
	};                                                        \
	struct __name##_front_ring {                              \
		RING_IDX req_prod_pvt;                            \
		RING_IDX rsp_cons;                                \
		unsigned int nr_ents;                             \
		struct __name##_sring *sring;                     \
	};                                                        \
	struct __name##_back_ring {                               \
		RING_IDX rsp_prod_pvt;                            \
		RING_IDX req_cons;                                \
		unsigned int nr_ents;                             \
		struct __name##_sring *sring;                     \
	};                                                        \
	typedef struct __name##_sring __name##_sring_t;           \
	typedef struct __name##_front_ring __name##_front_ring_t; \
	typedef struct __name##_back_ring __name##_back_ring_t

/* The frontend prepares the page, then each half attaches: at index 0, or
 * (after a restart) at index _i. */
#define SHARED_RING_INIT(_s)                                            \
	do {                                                            \
		size_t __n;                                             \
		(_s)->req_prod = (_s)->rsp_prod = 0;                    \
		(_s)->req_event = (_s)->rsp_event = 1;                  \
		for (__n = 0; __n < sizeof((_s)->pvt.pvt_pad); __n++) { \
			(_s)->pvt.pvt_pad[__n] = 0;                     \
		}                                                       \
		for (__n = 0; __n < sizeof((_s)->__pad); __n++) {       \
			(_s)->__pad[__n] = 0;                           \
		}                                                       \
	} while (0)
#define FRONT_RING_ATTACH(_r, _s, _i, __size)            \
	do {                                             \
		(_r)->req_prod_pvt = (_i);               \
		(_r)->rsp_cons = (_i);                   \
		(_r)->nr_ents = __RING_SIZE(_s, __size); \
		(_r)->sring = (_s);                      \
	} while (0)
#define FRONT_RING_INIT(_r, _s, __size) FRONT_RING_ATTACH(_r, _s, 0, __size)
#define XEN_FRONT_RING_INIT(_r, _s, __size)      \
	do {                                     \
		SHARED_RING_INIT(_s);            \
		FRONT_RING_INIT(_r, _s, __size); \
	} while (0)
#define BACK_RING_ATTACH(_r, _s, _i, __size)             \
	do {                                             \
		(_r)->rsp_prod_pvt = (_i);               \
		(_r)->req_cons = (_i);                   \
		(_r)->nr_ents = __RING_SIZE(_s, __size); \
		(_r)->sring = (_s);                      \
	} while (0)
#define BACK_RING_INIT(_r, _s, __size) BACK_RING_ATTACH(_r, _s, 0, __size)

/* Slots; slots free for requests (frontend); none left. */
#define RING_SIZE(_r) ((_r)->nr_ents)
#define RING_FREE_REQUESTS(_r) (RING_SIZE(_r) - ((_r)->req_prod_pvt - (_r)->rsp_cons))
#define RING_FULL(_r) (RING_FREE_REQUESTS(_r) == 0)

/*
 * How much there is to consume. The backend's count is also bounded by the
 * responses for which there is room, so that a frontend cannot overrun it.
 */
#define XEN_RING_NR_UNCONSUMED_RESPONSES(_r) ((_r)->sring->rsp_prod - (_r)->rsp_cons)
#define XEN_RING_NR_UNCONSUMED_REQUESTS(_r)                                                 \
	__extension__({                                                                     \
		unsigned int __req = (_r)->sring->req_prod - (_r)->req_cons;                \
		unsigned int __rsp = RING_SIZE(_r) - ((_r)->req_cons - (_r)->rsp_prod_pvt); \
		__req < __rsp ? __req : __rsp;                                              \
	})
#define RING_HAS_UNCONSUMED_RESPONSES(_r) XEN_RING_NR_UNCONSUMED_RESPONSES(_r)
#define RING_HAS_UNCONSUMED_REQUESTS(_r) XEN_RING_NR_UNCONSUMED_REQUESTS(_r)

/* A slot in place: for the half that writes it. */
#define RING_GET_REQUEST(_r, _idx) (&((_r)->sring->ring[((_idx) & (RING_SIZE(_r) - 1))].req))
#define RING_GET_RESPONSE(_r, _idx) (&((_r)->sring->ring[((_idx) & (RING_SIZE(_r) - 1))].rsp))

/* A private copy, read once: for the half that reads it. */
#define RING_COPY_(_type, _r, _idx, _dest)                                          \
	do {                                                                        \
		*(_dest) = *(volatile __typeof__(_dest))RING_GET_##_type(_r, _idx); \
	} while (0)
#define RING_COPY_REQUEST(_r, _idx, _req) RING_COPY_(REQUEST, _r, _idx, _req)
#define RING_COPY_RESPONSE(_r, _idx, _rsp) RING_COPY_(RESPONSE, _r, _idx, _rsp)

/* True if an index is impossible: the peer is broken or hostile. */
#define RING_REQUEST_CONS_OVERFLOW(_r, _cons) (((_cons) - (_r)->rsp_prod_pvt) >= RING_SIZE(_r))
#define RING_REQUEST_PROD_OVERFLOW(_r, _prod) (((_prod) - (_r)->rsp_prod_pvt) > RING_SIZE(_r))
#define RING_RESPONSE_PROD_OVERFLOW(_r, _prod) (((_prod) - (_r)->rsp_cons) > RING_SIZE(_r))

/* Publish. The write barrier makes the slots visible before the index. */
#define RING_PUSH_REQUESTS(_r)                              \
	do {                                                \
		xen_wmb();                                  \
		(_r)->sring->req_prod = (_r)->req_prod_pvt; \
	} while (0)
#define RING_PUSH_RESPONSES(_r)                             \
	do {                                                \
		xen_wmb();                                  \
		(_r)->sring->rsp_prod = (_r)->rsp_prod_pvt; \
	} while (0)

/*
 * Publish, and learn whether the peer must be notified: it must if its event
 * index is among those just passed. The full barrier puts the new index
 * before the look at the event index; the peer does the reverse below.
 */
#define RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(_r, _notify)                                          \
	do {                                                                                      \
		RING_IDX __old = (_r)->sring->req_prod;                                           \
		RING_IDX __new = (_r)->req_prod_pvt;                                              \
		xen_wmb();                                                                        \
		(_r)->sring->req_prod = __new;                                                    \
		xen_mb();                                                                         \
		(_notify) =                                                                       \
			((RING_IDX)(__new - (_r)->sring->req_event) < (RING_IDX)(__new - __old)); \
	} while (0)
#define RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(_r, _notify)                                         \
	do {                                                                                      \
		RING_IDX __old = (_r)->sring->rsp_prod;                                           \
		RING_IDX __new = (_r)->rsp_prod_pvt;                                              \
		xen_wmb();                                                                        \
		(_r)->sring->rsp_prod = __new;                                                    \
		xen_mb();                                                                         \
		(_notify) =                                                                       \
			((RING_IDX)(__new - (_r)->sring->rsp_event) < (RING_IDX)(__new - __old)); \
	} while (0)

/* Before going to sleep: ask to be woken at the next index, then look once
 * more, for what came in between. */
#define RING_FINAL_CHECK_FOR_REQUESTS(_r, _work_to_do)            \
	do {                                                      \
		(_work_to_do) = RING_HAS_UNCONSUMED_REQUESTS(_r); \
		if (_work_to_do) {                                \
			break;                                    \
		}                                                 \
		(_r)->sring->req_event = (_r)->req_cons + 1;      \
		xen_mb();                                         \
		(_work_to_do) = RING_HAS_UNCONSUMED_REQUESTS(_r); \
	} while (0)
#define RING_FINAL_CHECK_FOR_RESPONSES(_r, _work_to_do)            \
	do {                                                       \
		(_work_to_do) = RING_HAS_UNCONSUMED_RESPONSES(_r); \
		if (_work_to_do) {                                 \
			break;                                     \
		}                                                  \
		(_r)->sring->rsp_event = (_r)->rsp_cons + 1;       \
		xen_mb();                                          \
		(_work_to_do) = RING_HAS_UNCONSUMED_RESPONSES(_r); \
	} while (0)

#endif
