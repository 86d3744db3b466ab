/* SPDX-License-Identifier: MIT */
/*
 * Jobs in children.  Called by ending.c and restart.c.  A child has one way to
 * speak: a pipe, on which it writes a number and a sentence and ends; the pipe's
 * end is also how vld learns that a child was killed.
 */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "restart.h"

#define RUNNING_MAX 4
/* Jobs that start guests are locked by name, behind the numbers of domains. */
#define LOCK_NAMES ((uint64_t)1 << 20)

/* One byte of the file for each guest; waits until no other vld's child has it. */
static void job_lock(const struct job *job)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	uint64_t hash = 5381;
	char path[4096];
	int fd;

	if (vld_path(job->vld, "jobs.lock", path, sizeof(path))) {
		return;
	}
	for (const char *c = job->text; *c; c++) {
		hash = hash * 33 + (unsigned char)*c;
	}
	lock.l_start =
		(off_t)(job->kind == JOB_START ? LOCK_NAMES + (hash & 0xffffff) : job->domid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		/* Held until the child ends. */
		while (fcntl(fd, F_SETLKW, &lock) && errno == EINTR) {}
	}
}

static int job_work(const struct job *job, struct vl_error *error)
{
	struct vld_host *host = job->vld->host;

	error->text[0] = '\0';
	switch (job->kind) {
	case JOB_END:
		return host->guest_end(host, job->domid, error);
	case JOB_RENAME:
		return host->guest_rename(host, job->domid, job->text, error);
	case JOB_START:
		return restart_work(job->vld, job->text, error);
	case JOB_SWEEP:
		return host->sweep(host, error);
	}
	return vl_error_set(error, -EINVAL, "no such job");
}

static _Noreturn void job_child(const struct job *job, int out)
{
	struct vl_error error;
	char answer[300];
	int rc, size;

	/* Nothing of vld's, or its viewers would hang on this child. */
	if (out > 3) {
		close_range(3, (unsigned int)out - 1, 0);
	}
	close_range((unsigned int)out + 1, ~0u, 0);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	job_lock(job);
	rc = job_work(job, &error);
	size = snprintf(answer, sizeof(answer), "%d %s", rc, error.text);
	_exit(write(out, answer, (size_t)size) == size ? 0 : 1);
}

static void jobs_run(struct vld *vld);

static void job_free(struct job *job)
{
	struct job **link = &job->vld->jobs;

	while (*link != job) {
		link = &(*link)->next;
	}
	*link = job->next;
	free(job->text);
	free(job);
}

static void job_finish(struct job *job, int rc, const char *text)
{
	struct vld *vld = job->vld;

	job->done(vld, job, rc, text);
	job_free(job);
	jobs_run(vld);
}

static void job_read(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;
	size_t room = sizeof(job->answer) - 1 - job->answer_size;
	ssize_t count = read(fd, job->answer + job->answer_size, room);
	const char *text = "its process was killed";
	int rc = -EINTR;
	char *end;

	(void)what;
	if (count > 0) {
		job->answer_size += (size_t)count;
		return;
	}
	if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	event_del(&job->event);
	close(fd);
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR) {}
	job->vld->jobs_running--;
	job->answer[job->answer_size] = '\0';
	if (job->answer_size > 0) {
		rc = (int)strtol(job->answer, &end, 10);
		text = *end ? end + 1 : end;
	}
	job_finish(job, rc, text);
}

static int job_fork(struct job *job)
{
	int ends[2], pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		return -errno;
	}
	pid = fork();
	if (pid < 0) {
		int rc = -errno;

		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	if (pid == 0) {
		job_child(job, ends[1]);
	}
	close(ends[1]);
	job->pid = pid;
	job->pipe = ends[0];
	event_assign(&job->event, job->vld->base, ends[0], EV_READ | EV_PERSIST, job_read, job);
	event_add(&job->event, NULL);
	job->vld->jobs_running++;
	return 0;
}

/* Begins what waits, oldest first, while there is room. */
static void jobs_run(struct vld *vld)
{
	struct job *next;

	for (struct job *job = vld->jobs; job && vld->jobs_running < RUNNING_MAX; job = next) {
		next = job->next;
		if (job->pid == 0 && job_fork(job)) {
			return; /* tried again as another ends, or with the next one */
		}
	}
}

int job_start(struct vld *vld, const struct job_spec *spec)
{
	struct job **link = &vld->jobs, *job = calloc(1, sizeof(*job));
	struct vl_error error;
	int rc;

	if (!job) {
		return -ENOMEM;
	}
	*job = (struct job){ .vld = vld,
			     .kind = spec->kind,
			     .domid = spec->domid,
			     .text = strdup(spec->text ? spec->text : ""),
			     .done = spec->done,
			     .pipe = -1 };
	if (!job->text) {
		free(job);
		return -ENOMEM;
	}
	while (*link) {
		link = &(*link)->next;
	}
	*link = job;
	if (vld->options.jobs_inline) {
		job->pid = -1;
		rc = job_work(job, &error);
		job_finish(job, rc, error.text);
	} else {
		jobs_run(vld);
	}
	return 0;
}

void jobs_free(struct vld *vld)
{
	struct job *next;

	for (struct job *job = vld->jobs; job; job = next) {
		next = job->next;
		if (job->pid > 0) {
			event_del(&job->event);
			close(job->pipe);
		}
		job_free(job);
	}
	vld->jobs_running = 0;
}
