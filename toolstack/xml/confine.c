/* SPDX-License-Identifier: MIT */
/*
 * Takes everything from this process that reading and writing XML does not need.
 * Called by main.c before the first byte of a document is read: what a hole in a
 * parser gives somebody is then its input, its output, some memory and some seconds.
 */
#include "xml/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* A document of the largest size takes some 100 MiB; libraries are in it, too. */
#define MEMORY ((rlim_t)512 << 20)
#define SECONDS 30

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), RETURN(SECCOMP_RET_ALLOW)

/* Memory without names, two open files, and the end.  Another call fails, as libraries
 * try some that they do not need. */
static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	ALLOW(read),
	ALLOW(write),
	ALLOW(exit_group),
	ALLOW(brk),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(futex),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
	LOAD(args[4]), /* a file could be mapped executable */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1),
	RETURN(SECCOMP_RET_ALLOW),
	RETURN(SECCOMP_RET_ERRNO | EPERM),
};

static int limit(int resource, rlim_t most)
{
	struct rlimit value = { most, most };

	return setrlimit((__rlimit_resource_t)resource, &value) < 0 ? -errno : 0;
}

int confine(void)
{
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter),
				      (struct sock_filter *)(uintptr_t)filter };
	int rc = limit(RLIMIT_AS, MEMORY);

	if (!rc) {
		rc = limit(RLIMIT_CPU, SECONDS);
	}
	if (!rc) {
		rc = limit(RLIMIT_CORE, 0);
	}
	if (!rc && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)) {
		rc = -errno;
	}
	return rc;
}
