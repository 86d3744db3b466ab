/* SPDX-License-Identifier: MIT */
/*
 * A user's hotplug script, run as xl runs it, with a time limit.  Scripts that
 * xl ships for what we do ourselves are taken as none: they need not be there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvellum/child.h"
#include "libvellum/device_part.h"

/* xl's own limit. */
#define LIMIT_MS 40000
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

int device_script_run(const char *script, const char *type, uint16_t domid, uint32_t number,
		      const char *vif, const char *action, const char *name, struct vl_error *error)
{
	char path[DEVICE_SCRIPT_SIZE], verb[16], type_if[] = "type_if=vif";
	char *argv[] = { path, verb, vif ? type_if : NULL, NULL };
	struct environment environment = { .count = 0 };
	pid_t pid = 0;
	int rc;

	snprintf(path, sizeof(path), "%s", script);
	snprintf(verb, sizeof(verb), "%s", action);
	set(&environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	set(&environment, "LANG=C");
	set(&environment, "script=%s", script);
	set(&environment, "XENBUS_TYPE=%s", type);
	set(&environment, "XENBUS_PATH=backend/%s/%u/%u", type, domid, number);
	set(&environment, "XENBUS_BASE_PATH=backend");
	if (vif) {
		set(&environment, "vif=%s", vif);
		set(&environment, "INTERFACE=%s", vif);
	}
	rc = child_start(argv, environment.list, -1, &pid);
	if (rc) {
		return vl_error_set(error, rc, "%s: cannot execute its script %s: %s", name, script,
				    strerror(-rc));
	}
	rc = child_wait(pid, LIMIT_MS);
	if (rc == -ETIMEDOUT) {
		return vl_error_set(error, rc, "%s: its script %s did not end within %d s", name,
				    script, LIMIT_MS / 1000);
	}
	if (rc) {
		return vl_error_set(error, rc < 0 ? rc : -EIO, "%s: its script %s %s has failed",
				    name, script, action);
	}
	return 0;
}
