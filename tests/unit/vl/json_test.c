/* SPDX-License-Identifier: MIT */
/* --json and "list -l": parsed back, with the keys that docs/vl.md promises. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

#include "world.h"

static json_t *parse(const char *line)
{
	const struct result *result = run(line);
	json_error_t error;
	json_t *json = json_loads(result->out, 0, &error);

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->err, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	return json;
}

/* An object with these keys, separated by blanks, and no others. */
static void keys(const json_t *object, const char *names)
{
	char text[512] = "";
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		strcat(text, *text ? " " : "");
		strcat(text, key);
	}
	CU_ASSERT_TEXT(text, names);
}

static const char *string(const json_t *array, size_t index, const char *key)
{
	const char *text = json_string_value(json_object_get(json_array_get(array, index), key));

	return text ? text : "(none)";
}

static double number(const json_t *array, size_t index, const char *key)
{
	return json_number_value(json_object_get(json_array_get(array, index), key));
}

static void list(void)
{
	json_t *json;

	world_domain(3)->info.flags = VL_DOMAIN_shutdown;
	world_domain(3)->info.shutdown_reason = SHUTDOWN_crash;
	world_domain(3)->crash = "stack of the guest is not mapped";
	world_domain(5)->name = "a b\xff";
	json = parse("list --json");
	CU_ASSERT_EQUAL(json_array_size(json), 3);
	keys(json_array_get(json, 1),
	     "name domid uuid memory_kib max_memory_kib vcpus max_vcpus state shutdown_reason "
	     "crash_reason cpu_seconds");
	CU_ASSERT_TEXT(string(json, 0, "name"), "Domain-0");
	CU_ASSERT_TEXT(string(json, 1, "state"), "---sc-");
	CU_ASSERT_TEXT(string(json, 1, "shutdown_reason"), "crash");
	CU_ASSERT_TEXT(string(json, 1, "crash_reason"), "stack of the guest is not mapped");
	CU_ASSERT_TEXT(string(json, 1, "uuid"), "30313233-3435-3637-3839-3a3b3c3d3e3f");
	CU_ASSERT_EQUAL(number(json, 1, "memory_kib"), 262144);
	CU_ASSERT_EQUAL(number(json, 1, "cpu_seconds"), 12.34);
	CU_ASSERT_TEXT(string(json, 2, "name"), "a\\x20b\\xff");
	CU_ASSERT(json_is_null(json_object_get(json_array_get(json, 2), "crash_reason")));
	json_decref(json);
	json = parse("--json list web");
	CU_ASSERT_EQUAL(json_array_size(json), 1);
	json_decref(json);
}

static void list_long(void)
{
	const json_t *config;
	json_t *json = parse("list -l");

	CU_ASSERT_EQUAL(json_array_size(json), 3);
	keys(json_array_get(json, 1), "domid config");
	CU_ASSERT_EQUAL(number(json, 1, "domid"), 3);
	config = json_object_get(json_array_get(json, 1), "config");
	CU_ASSERT_TEXT(
		json_string_value(json_object_get(json_object_get(config, "c_info"), "name")),
		"web");
	/* The control domain has no record: what the core knows. */
	config = json_object_get(json_array_get(json, 0), "config");
	keys(config, "c_info b_info");
	CU_ASSERT_TEXT(
		json_string_value(json_object_get(json_object_get(config, "c_info"), "name")),
		"Domain-0");
	json_decref(json);
	world_domain(3)->config = "bad";
	EXPECT("list -l", 1, "", "vl: record: line 1: this is no value\n");
}

static void other_tables(void)
{
	json_t *json = parse("vcpu-list --json");

	CU_ASSERT_EQUAL(json_array_size(json), 6);
	keys(json_array_get(json, 0),
	     "name domid vcpu cpu online running blocked cpu_seconds affinity");
	CU_ASSERT(json_is_null(json_object_get(json_array_get(json, 3), "cpu")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(json, 3), "affinity")), 2);
	json_decref(json);
	json = parse("vm-list --json");
	keys(json_array_get(json, 2), "uuid domid name");
	json_decref(json);
	json = parse("uptime --json web");
	keys(json_array_get(json, 0), "name domid uptime_seconds");
	CU_ASSERT_EQUAL(number(json, 0, "uptime_seconds"), 8472864);
	json_decref(json);
	json = parse("console --status --json web");
	keys(json, "guests restarts");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(json, "guests")), 1);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(json, "restarts")), 0);
	json_decref(json);
	json = parse("sched-credit2 --json");
	keys(json_array_get(json, 0), "name domid weight cap");
	json_decref(json);
}

static void info(void)
{
	json_t *json = parse("info --json");

	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json, "total_memory")), 8192);
	CU_ASSERT_TEXT(json_string_value(json_object_get(json, "virt_caps")), "pv");
	CU_ASSERT_EQUAL(json_object_size(json), 34);
	json_decref(json);
	json = parse("info --json nr_cpus");
	keys(json, "nr_cpus");
	json_decref(json);
	EXPECT("info --json colour", 1, "", "vl: info has no field \"colour\"\n");
}

static int allocations; /* until one fails */

static void *fail_malloc(size_t size)
{
	return --allocations == 0 ? NULL : malloc(size);
}

/*
 * The n-th allocation fails, for every n: the result is whole, or there is none.
 * What is parsed first is left out: jansson's lexer may lose a character then.
 */
static void no_memory(void)
{
	static const char *const lines[] = {
		"list --json",	  "info --json",      "info --json nr_cpus",  "uptime --json",
		"vm-list --json", "vcpu-list --json", "sched-credit2 --json",
	};
	const struct result *result;
	char whole[sizeof(result->out)];
	int n;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		snprintf(whole, sizeof(whole), "%s", run(lines[i])->out);
		for (n = 1; n < 5000; n++) {
			allocations = n;
			json_set_alloc_funcs(fail_malloc, free);
			result = run(lines[i]);
			json_set_alloc_funcs(malloc, free);
			if (allocations > 0) {
				break; /* none failed */
			}
			if (result->rc == 0) {
				CU_ASSERT_TEXT(result->out, whole);
			} else {
				CU_ASSERT_PTR_NULL(json_loads(result->out, 0, NULL));
				CU_ASSERT_EQUAL(strncmp(result->err, "vl: ", 4), 0);
			}
		}
		CU_ASSERT(n > 5 && n < 5000);
		CU_ASSERT_EQUAL(result->rc, 0);
	}
}

CU_TestInfo json_tests[] = {
	{ "list", list }, { "list_long", list_long }, { "other_tables", other_tables },
	{ "info", info }, { "no_memory", no_memory }, CU_TEST_INFO_NULL,
};
