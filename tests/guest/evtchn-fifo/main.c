/* SPDX-License-Identifier: MIT */
/*
 * FIFO events: control blocks and array pages that are none, events delivered
 * in order of priority, and queues that the guest ties in knots.
 */
#include <test.h>

#define OP(cmd, arg) hyp_event_channel_op(cmd, arg)
#define BIT(n) (1u << (n))

static struct evtchn_fifo_control_block *control;
static event_word_t *words;
static unsigned int order[64], order_count;

static long init_control(unsigned long mfn, unsigned int offset, unsigned int vcpu)
{
	struct evtchn_init_control op = { .control_gfn = mfn, .offset = offset, .vcpu = vcpu };
	long rc = OP(EVTCHNOP_init_control, &op);

	EXPECT(rc != 0 || op.link_bits == EVTCHN_FIFO_LINK_BITS);
	return rc;
}

static long expand(unsigned long mfn)
{
	struct evtchn_expand_array op = { .array_gfn = mfn };

	return OP(EVTCHNOP_expand_array, &op);
}

static long priority(unsigned int port, unsigned int level)
{
	struct evtchn_set_priority op = { port, level };

	return OP(EVTCHNOP_set_priority, &op);
}

static void take(unsigned int queue)
{
	uint32_t port = READ_ONCE(control->head[queue]);

	__atomic_and_fetch(&control->ready, ~BIT(queue), __ATOMIC_SEQ_CST);
	while (port != 0) {
		event_word_t word =
			__atomic_fetch_and(&words[port],
					   ~(BIT(EVTCHN_FIFO_LINKED) | BIT(EVTCHN_FIFO_PENDING) |
					     EVTCHN_FIFO_LINK_MASK),
					   __ATOMIC_SEQ_CST);

		if (order_count < ARRAY_SIZE(order)) {
			order[order_count++] = port;
		}
		port = word & EVTCHN_FIFO_LINK_MASK;
	}
	WRITE_ONCE(control->head[queue], 0);
}

static void upcall(void)
{
	evtchn_vcpu_info()->evtchn_upcall_pending = 0;
	while (READ_ONCE(control->ready) != 0) {
		take((unsigned int)__builtin_ctz(READ_ONCE(control->ready)));
	}
}

static void refused(void)
{
	static const unsigned long bad[] = { ~0ul, 0xfee00, 1ul << 28, 1ul << 40, 0x100 };
	unsigned long good = virt_to_mfn(control);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_FAIL(init_control(bad[i], 0, 0));
		EXPECT_FAIL(expand(bad[i]));
	}
	EXPECT_FAIL(init_control(virt_to_mfn(mm_l4()), 0, 0));
	EXPECT_FAIL(init_control(good, 4, 0));
	EXPECT_FAIL(init_control(good, PAGE_SIZE - 8, 0));
	EXPECT_FAIL(init_control(good, PAGE_SIZE, 0));
	EXPECT_FAIL(init_control(good, 0xfffffff8, 0));
	EXPECT_FAIL(init_control(good, 0, 77));
	EXPECT_FAIL(init_control(good, 0, ~0u));
	/* No array before there is a control block. */
	EXPECT_FAIL(expand(virt_to_mfn(words)));
}

static void delivery(void)
{
	long low = evtchn_bind_ipi(0), high = evtchn_bind_ipi(0);

	NEED(low > 0 && high > 0);
	EXPECT_RC(priority((unsigned int)low, EVTCHN_FIFO_PRIORITY_MIN), 0);
	EXPECT_RC(priority((unsigned int)high, EVTCHN_FIFO_PRIORITY_MAX), 0);
	EXPECT_FAIL(priority((unsigned int)high, 16));
	EXPECT_FAIL(priority((unsigned int)high, ~0u));
	EXPECT_FAIL(priority(1000, 1));
	EXPECT_FAIL(priority(~0u, 1));
	EXPECT_RC(evtchn_unmask((unsigned int)low), 0);
	EXPECT_RC(evtchn_unmask((unsigned int)high), 0);
	order_count = 0;
	events_off();
	EXPECT_RC(evtchn_send((unsigned int)low), 0);
	EXPECT_RC(evtchn_send((unsigned int)high), 0);
	EXPECT_RC(evtchn_send((unsigned int)high), 0);
	events_on();
	EXPECT_RC(order_count, 2);
	EXPECT(order[0] == (unsigned int)high && order[1] == (unsigned int)low);

	/* Masked: pending, not linked, until it is unmasked. */
	order_count = 0;
	words[low] |= BIT(EVTCHN_FIFO_MASKED);
	EXPECT_RC(evtchn_send((unsigned int)low), 0);
	EXPECT(order_count == 0 && (words[low] & BIT(EVTCHN_FIFO_PENDING)));
	EXPECT((words[low] & BIT(EVTCHN_FIFO_LINKED)) == 0);
	EXPECT_RC(evtchn_unmask((unsigned int)low), 0);
	EXPECT_RC(order_count, 1);
	EXPECT_RC(evtchn_close((unsigned int)low), 0);
	EXPECT_RC(evtchn_close((unsigned int)high), 0);
}

/* The guest may write what it likes into words and heads. */
static void knots(void)
{
	static const event_word_t junk[] = {
		0xffffffff,
		BIT(EVTCHN_FIFO_LINKED),
		BIT(EVTCHN_FIFO_BUSY) | BIT(EVTCHN_FIFO_LINKED),
		BIT(EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK,
		BIT(EVTCHN_FIFO_PENDING) | 5,
	};
	unsigned int i, j, n;
	long port[8];

	for (n = 0; n < ARRAY_SIZE(port); n++) {
		port[n] = evtchn_bind_ipi(0);
		NEED(port[n] > 0);
	}
	events_off();
	for (i = 0; i < ARRAY_SIZE(junk); i++) {
		for (n = 0; n < ARRAY_SIZE(port); n++) {
			(void)evtchn_send((unsigned int)port[n]);
			(void)evtchn_unmask((unsigned int)port[n]);
		}
		for (j = 0; j < 1024; j++) {
			words[j] = junk[i];
		}
		for (j = 0; j < EVTCHN_FIFO_MAX_QUEUES; j++) {
			control->head[j] = junk[i];
		}
		control->ready = junk[i];
		for (n = 0; n < ARRAY_SIZE(port); n++) {
			words[port[n]] &= ~BIT(EVTCHN_FIFO_PENDING);
			(void)evtchn_send((unsigned int)port[n]);
			(void)evtchn_unmask((unsigned int)port[n]);
		}
	}
	for (n = 0; n < ARRAY_SIZE(port); n++) {
		EXPECT_RC(evtchn_close((unsigned int)port[n]), 0);
	}
	memset(words, 0, PAGE_SIZE);
	memset(control, 0, sizeof(*control));
	evtchn_vcpu_info()->evtchn_upcall_pending = 0;
	events_on();
}

/* The pages stay the core's to write while it may write them. */
static void pages_in_use(void)
{
	static void *const *pages[] = { (void **)&control, (void **)&words };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		void *page = *pages[i];

		(void)try_page_protect(page, false);
		EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)));
		EXPECT_FAIL(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(page)));
		EXPECT_RC(try_page_protect(page, true), 0);
	}
	EXPECT_FAIL(init_control(virt_to_mfn(control), 0, 0));
}

static void grow(void)
{
	unsigned int pages = 1, count = 0;
	long rc;

	/* The same frame again and again would do; it stops at 128. */
	do {
		rc = expand(virt_to_mfn(page_alloc()));
		pages += rc == 0;
	} while (rc == 0 && pages < 200);
	EXPECT_FAIL(rc);
	EXPECT_RC(pages, EVTCHN_FIFO_NR_CHANNELS / 1024);
	while (count < 5000 && evtchn_alloc_unbound(DOMID_SELF) > 0) {
		count++;
	}
	EXPECT(count == 5000);
}

static void back(void)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };

	EXPECT_RC(OP(EVTCHNOP_reset, &op), 0);
	evtchn_set_upcall(NULL);
	EXPECT(evtchn_bind_ipi(0) > 0);
	/* Free again, to become whatever. */
	page_protect(control, false);
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(control)), 0);
}

void test(void)
{
	long early = evtchn_bind_ipi(0);

	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	control = page_alloc();
	words = page_alloc();
	refused();
	EXPECT_RC(evtchn_send((unsigned int)early), 0);
	EXPECT_RC(init_control(virt_to_mfn(control), 0, 0), 0);
	evtchn_set_upcall(upcall);
	EXPECT_RC(expand(virt_to_mfn(words)), 0);
	EXPECT_RC(evtchn_close((unsigned int)early), 0);
	delivery();
	knots();
	delivery();
	pages_in_use();
	grow();
	back();
}
