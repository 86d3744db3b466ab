/* SPDX-License-Identifier: MIT */
/*
 * A user's hotplug script, run as xl runs it, with a time limit, and why it has
 * failed.  Scripts that xl ships for what we do ourselves are taken as none: they
 * need not be there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libvellum/device_part.h"
#include "libvellum/script_run.h"

/* xl's own limit. */
#define LIMIT_MS 40000
/* Of its path in sentences: they are bounded, and the reason is what counts. */
#define SHOWN 80
#define VARIABLES 16
#define VARIABLE_SIZE (DEVICE_SCRIPT_SIZE + 32)

int device_script_path(const char *script, const char *builtin, const char *name,
		       char path[DEVICE_SCRIPT_SIZE], struct vl_error *error)
{
	const char *base;
	int size;

	*path = '\0';
	if (!script || !*script) {
		return 0;
	}
	base = strrchr(script, '/');
	if (!strcmp(base ? base + 1 : script, builtin)) {
		return 0;
	}
	size = snprintf(path, DEVICE_SCRIPT_SIZE, "%s%s", base ? "" : DEVICE_SCRIPT_DIR, script);
	if (size < 0 || size >= DEVICE_SCRIPT_SIZE) {
		return vl_error_set(error, -ENAMETOOLONG, "%s: the path of its script is too long",
				    name);
	}
	if (access(path, X_OK) < 0) {
		return vl_error_set(error, -errno, "%s: cannot execute its script %s: %s", name,
				    path, strerror(errno));
	}
	return 0;
}

struct environment {
	char text[VARIABLES][VARIABLE_SIZE];
	char *list[VARIABLES + 1];
	unsigned int count;
};

__attribute__((format(printf, 2, 3))) static void set(struct environment *environment,
						      const char *format, ...)
{
	char *text = environment->text[environment->count];
	va_list args;

	va_start(args, format);
	vsnprintf(text, VARIABLE_SIZE, format, args);
	va_end(args);
	environment->list[environment->count++] = text;
}

/*
 * Scripts in Xen's manner say why they fail in a node beside their device, and send their
 * standard error elsewhere.  The node goes: the next one's reason is another.
 */
static void reason_of_node(struct vl_host *host, const char *path, char reason[CHILD_LINE_SIZE])
{
	struct child_line line = { .size = 0 };
	char node[NODE_PATH_SIZE], *text = NULL;

	snprintf(node, sizeof(node), "/local/domain/0/%s/hotplug-error", path);
	vl_store_readf(host->store, 0, &text, NULL, "%s", node);
	if (!text) {
		return;
	}
	child_line_add(&line, text, strlen(text));
	child_line_end(&line);
	if (*line.last) {
		memcpy(reason, line.last, CHILD_LINE_SIZE);
	}
	free(text);
	vl_store_remove(host->store, 0, node, NULL);
}

/* One that says nothing at all. */
static void reason_of_status(int status, char reason[CHILD_LINE_SIZE])
{
	if (WIFSIGNALED(status)) {
		snprintf(reason, CHILD_LINE_SIZE, "signal %d", WTERMSIG(status));
	} else {
		snprintf(reason, CHILD_LINE_SIZE, "exit code %d", WEXITSTATUS(status));
	}
}

static int failed(int rc, const char *name, const char *script, const char *action, char *reason,
		  struct vl_error *error)
{
	size_t length = strlen(script);

	script += length > SHOWN ? length - SHOWN : 0;
	if (rc == -ETIMEDOUT) {
		return vl_error_set(error, rc, "%s: its script %s did not end within %d s%s%s",
				    name, script, LIMIT_MS / 1000, *reason ? ": " : "", reason);
	}
	if (rc < 0) {
		return vl_error_set(error, rc, "%s: cannot execute its script %s: %s", name, script,
				    rc == -ECOMM ? reason : strerror(-rc));
	}
	if (!*reason) {
		reason_of_status(rc, reason);
	}
	return vl_error_set(error, -EIO, "%s: its script %s %s has failed: %s", name, script,
			    action, reason);
}

int device_script_run(struct vl_host *host, const char *script, const char *type, uint16_t domid,
		      uint32_t number, const char *vif, const char *action, const char *name,
		      struct vl_error *error)
{
	char path[DEVICE_SCRIPT_SIZE], verb[16], type_if[] = "type_if=vif";
	char *argv[] = { path, verb, vif ? type_if : NULL, NULL };
	struct environment environment = { .count = 0 };
	char backend[48], reason[CHILD_LINE_SIZE];
	int rc;

	snprintf(path, sizeof(path), "%s", script);
	snprintf(verb, sizeof(verb), "%s", action);
	snprintf(backend, sizeof(backend), "backend/%s/%u/%u", type, domid, number);
	set(&environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	set(&environment, "LANG=C");
	set(&environment, "script=%s", script);
	set(&environment, "XENBUS_TYPE=%s", type);
	set(&environment, "XENBUS_PATH=%s", backend);
	set(&environment, "XENBUS_BASE_PATH=backend");
	if (vif) {
		set(&environment, "vif=%s", vif);
		set(&environment, "INTERFACE=%s", vif);
	}
	rc = script_run(argv, environment.list, LIMIT_MS, reason);
	if (!rc) {
		return 0;
	}
	if (rc != -ECOMM) {
		reason_of_node(host, backend, reason);
	}
	return failed(rc, name, script, action, reason, error);
}
