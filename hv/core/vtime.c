/* SPDX-License-Identifier: MIT */
/*
 * Time as a guest sees it, and how long each vCPU spends in which state.  The
 * scheduler calls runstate_set(), and vtime_update() as it puts a vCPU on a CPU;
 * set_timer_op sets a timer, as vcpu_op.c does.
 * The lock of a vCPU covers its run states and its two time records (and so
 * their one version), the vtime lock the wall clock.
 *
 * A guest's clock is one straight line through a pair (ticks, ns).  If the
 * counter is stable all vCPUs of all domains get the same pair, taken once: then
 * no two of them can disagree by a nanosecond, and the records never need to be
 * written again.  The ns of a pair is read after its ticks, so a guest's clock
 * is, if anything, some ns ahead of the core's, and a timer that fires on time
 * never seems early to it.
 */
#include <hv/vtime.h>

#include <hv/hypercall.h>
#include <hv/sched.h>

#define NS_PER_S 1000000000ull
#define FAR_AHEAD (1ull << 50) /* 13 days */
#define SOON 100000000ull
#define SAMPLES 4

struct time_pair {
	uint64_t ticks, ns;
};

static spinlock_t vtime_lock = SPINLOCK_INIT(RANK_VTIME);
static struct time_pair common; /* vtime lock; ticks 0: not taken */
static uint64_t wallclock;	/* vtime lock; UTC in ns at system time 0 */

/* ---- The time record --------------------------------------------------------- */

static struct time_pair sample(void)
{
	struct time_pair best = { 0, 0 };
	uint64_t least = ~0ull;

	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t before = arch_ticks();
		uint64_t ns = time_now();
		uint64_t gap = arch_ticks() - before;

		if (gap < least) {
			least = gap;
			best = (struct time_pair){ before, ns };
		}
	}
	return best;
}

static struct time_pair current_pair(void)
{
	struct time_pair pair;

	spin_lock(&vtime_lock);
	if (common.ticks == 0 || !arch_clock.stable) {
		common = sample();
	}
	pair = common;
	spin_unlock(&vtime_lock);
	return pair;
}

static void write_version(struct vcpu *v, uint32_t version)
{
	const uint64_t word = version; /* and the padding behind it */

	WRITE_ONCE(v->info->time.version, version);
	guest_area_write(&v->time_area, 0, &word, sizeof(word));
}

/*
 * Into vcpu_info and the registered area, in step.  The version is odd while
 * the rest changes; a reader that meets that, or finds another version
 * afterwards, reads again.
 */
static void write_record(struct vcpu *v)
{
	struct time_pair pair = current_pair();
	struct vcpu_time_info record = {
		.tsc_timestamp = pair.ticks,
		.system_time = pair.ns,
		.tsc_to_system_mul = arch_clock.mul,
		.tsc_shift = arch_clock.shift,
		.flags = arch_clock.stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
	};

	spin_lock(&v->lock);
	v->time_version += 2;
	record.version = v->time_version - 1;
	write_version(v, record.version);
	/* The odd version becomes visible before any new field. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	v->info->time = record;
	guest_area_write(&v->time_area, 0, &record, sizeof(record));
	/* All fields become visible before the even version. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	write_version(v, v->time_version);
	spin_unlock(&v->lock);
}

void vtime_init_vcpu(struct vcpu *v)
{
	v->singleshot = (struct timer){ .kind = TIMER_SINGLESHOT, .v = v };
	v->poll_timer = (struct timer){ .kind = TIMER_POLL, .v = v };
	write_record(v);
}

void vtime_update(struct vcpu *v, bool force)
{
	if (force || !arch_clock.stable) {
		write_record(v);
	}
}

/* ---- Run states ------------------------------------------------------------------ */

/* How long v has been in its state. */
static uint64_t state_time(const struct vcpu_runstate_info *r, uint64_t now)
{
	return now > r->state_entry_time ? now - r->state_entry_time : 0;
}

/*
 * With the update flag a reader sees the top bit of the entry time, or another
 * entry time than before, whenever it may have read a mixture.
 */
void runstate_publish(struct vcpu *v)
{
	const size_t at = offsetof(struct vcpu_runstate_info, state_entry_time);
	uint64_t *entry = &v->runstate.state_entry_time;

	if ((READ_ONCE(v->domain->pv_features_assist) & (1u << VMASST_TYPE_runstate_update_flag)) !=
	    0) {
		*entry |= XEN_RUNSTATE_UPDATE;
	}
	guest_area_write(&v->runstate_area, at, entry, sizeof(*entry));
	/* The flag becomes visible before any other field. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	guest_area_write(&v->runstate_area, 0, &v->runstate, sizeof(v->runstate));
	/* All fields become visible before the final entry time. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*entry &= ~XEN_RUNSTATE_UPDATE;
	guest_area_write(&v->runstate_area, at, entry, sizeof(*entry));
}

void runstate_read(struct vcpu *v, struct vcpu_runstate_info *out)
{
	spin_lock(&v->lock);
	*out = v->runstate;
	spin_unlock(&v->lock);
	out->time[out->state] += state_time(out, time_now());
}

void runstate_set(struct vcpu *v, int state, uint64_t now)
{
	struct vcpu_runstate_info *r = &v->runstate;
	bool was_running = v->running;
	uint64_t spent;

	if (r->state == state) {
		return;
	}
	spin_lock(&v->lock);
	spent = state_time(r, now);
	r->time[r->state] += spent;
	r->state_entry_time += spent;
	r->state = state;
	WRITE_ONCE(v->running, state == RUNSTATE_running);
	if (was_running || v->running) {
		runstate_publish(v);
	}
	spin_unlock(&v->lock);
}

/* ---- Wall clock ------------------------------------------------------------------ */

void vtime_update_wallclock(struct domain *d)
{
	struct shared_info *s = d->shared;
	uint32_t version;
	uint64_t sec;

	spin_lock(&vtime_lock);
	sec = wallclock / NS_PER_S;
	/* The guest may have written there; it confuses only itself. */
	version = READ_ONCE(s->wc_version) | 1;
	WRITE_ONCE(s->wc_version, version);
	/* As in write_record(). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	s->wc_sec = (uint32_t)sec;
	s->wc_sec_hi = (uint32_t)(sec >> 32);
	s->wc_nsec = (uint32_t)(wallclock % NS_PER_S);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WRITE_ONCE(s->wc_version, version + 1);
	spin_unlock(&vtime_lock);
}

void vtime_set_wallclock(uint64_t sec, uint32_t nsec, uint64_t at)
{
	uint64_t utc = sec * NS_PER_S + nsec;

	spin_lock(&vtime_lock);
	wallclock = utc > at ? utc - at : 0;
	spin_unlock(&vtime_lock);

	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		vtime_update_wallclock(d);
	}
}

/* ---- Timers ------------------------------------------------------------------------- */

long do_set_timer_op(uint64_t deadline)
{
	struct vcpu *v = current_vcpu();
	uint64_t now = time_now();

	if (deadline == 0) {
		timer_stop(&v->singleshot);
		return 0;
	}
	/*
	 * Guests compute such a time, negative or days ahead, from a tick count
	 * that wrapped, or they mean "never".  The first wants an interrupt at
	 * once, the second none; a short wait serves both.
	 */
	if ((int64_t)deadline < 0 || (deadline > now && deadline - now > FAR_AHEAD)) {
		deadline = now + SOON;
	}
	timer_set(&v->singleshot, deadline);
	return 0;
}
