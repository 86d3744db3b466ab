/* SPDX-License-Identifier: MIT */
/*
 * XML through a program of its own: the real one says what the parser says, and one
 * that is missing, hangs, dies or lies costs a sentence, and neither a process nor a
 * descriptor is left.
 */
#include "config_help.h"
#include "fake_alloc.h"
#include "libvellum/child.h"
#include "libvellum/xml_ask.h"

#include <dirent.h>
#include <jansson.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#define DOMAIN "<domain type='xen' xmlns:v='urn:vellum:guest'>\n<name>g</name>\n"
#define LONG_MS 120000

static char real[600], folder[] = "/tmp/vl-xml-test-XXXXXX", broken[sizeof(folder) + 16];

int xml_ask_setup(void);
int xml_ask_teardown(void);

int xml_ask_setup(void)
{
	char self[500] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || !mkdtemp(folder)) {
		return -1;
	}
	snprintf(real, sizeof(real), "%s/../bin/vl-xml", dirname(self));
	snprintf(broken, sizeof(broken), "%s/vl-xml", folder);
	return 0;
}

int xml_ask_teardown(void)
{
	unlink(broken);
	return rmdir(folder);
}

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (dir && readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count;
}

static void nothing_is_left(unsigned int open)
{
	CU_ASSERT_EQUAL(descriptors(), open);
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
}

/* ---- The real one ---- */

struct result {
	struct config_draft draft;
	struct vl_warnings warnings;
	struct vl_error error;
	int rc;
};

static void get(struct result *result, const struct xml_asked *asked, const char *text)
{
	struct config_ctx ctx = { .file = "x.xml",
				  .warnings = &result->warnings,
				  .error = &result->error };

	*result = (struct result){ .draft.config = config_new() };
	CU_ASSERT_PTR_NOT_NULL_FATAL(result->draft.config);
	result->rc = asked ? xml_ask_read(asked, &ctx, text, strlen(text), &result->draft) :
			     config_xml_read(&ctx, text, strlen(text), &result->draft);
}

static void put(struct result *result)
{
	vl_config_free(result->draft.config);
	vl_warnings_free(&result->warnings);
}

static void same_for(const char *text)
{
	const struct xml_asked asked = { real, LONG_MS };
	struct result one, two;

	get(&one, NULL, text);
	get(&two, &asked, text);
	CU_ASSERT_EQUAL(one.rc, two.rc);
	CU_ASSERT_STRING_EQUAL(one.error.text, two.error.text);
	if (!one.rc && !two.rc) {
		CU_ASSERT_EQUAL(one.draft.cpus_each, two.draft.cpus_each);
		CU_ASSERT_PTR_NULL(config_difference(one.draft.config, two.draft.config));
	}
	CU_ASSERT_EQUAL_FATAL(one.warnings.count, two.warnings.count);
	for (size_t i = 0; i < one.warnings.count; i++) {
		CU_ASSERT_STRING_EQUAL(one.warnings.text[i], two.warnings.text[i]);
	}
	put(&one);
	put(&two);
}

/* Whatever is not said yet is not said in between either: arguments come later. */
static void test_same(void)
{
	static const char *const texts[] = {
		"<domain type='xen'/>",
		"<",
		"<domain>\n<a></domain>",
		"<!DOCTYPE domain><domain type='xen'/>",
		"<domain type='kvm'/>",
		DOMAIN "<zork/>\n<name>h</name><period/></domain>",
		DOMAIN "<memory>70000</memory></domain>",
		DOMAIN "<currentMemory>70000</currentMemory></domain>",
		DOMAIN "<vcpu cpuset='1-3'>4</vcpu></domain>",
		DOMAIN "<vcpu current='2' cpuset='1'>1</vcpu></domain>",
		DOMAIN "<cputune><vcpupin vcpu='0' cpuset='7'/></cputune></domain>",
		DOMAIN "<vcpu>2</vcpu><cputune><vcpupin vcpu='1' cpuset='7'/></cputune></domain>",
		DOMAIN "<devices>\n<interface type='bridge'/><interface type='bridge'/>\n"
		       "<interface type='bridge' v:devid='0'/></devices></domain>",
		DOMAIN "<devices>\n<disk/></devices></domain>",
		DOMAIN "<devices>\n<disk device='cdrom'><target dev='hda'/></disk></devices>"
		       "<os><cmdline>a\tb\n\"\xc3\xa9&lt;</cmdline></os></domain>",
		DOMAIN "<metadata><v:guest><v:iomem>1,1@2</v:iomem></v:guest></metadata></domain>",
		DOMAIN "<features><xen><e820_host state='on'/></xen></features></domain>",
	};
	unsigned int open = descriptors();

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		same_for(texts[i]);
	}
	nothing_is_left(open);
}

/* Sentences that are as long as can be, with something cut in its middle. */
static void test_long(void)
{
	const struct xml_asked asked = { real, LONG_MS };
	char text[40000] = DOMAIN, *end = text + strlen(text);
	struct result result;

	for (size_t i = 0; i < 70; i++) {
		end = stpcpy(stpcpy(end, "<a"), i ? "\xe2\x82\xac" : "");
		for (size_t j = 0; j < 40; j++) {
			end = stpcpy(end, "\xe2\x82\xac");
		}
		end = stpcpy(end, "/>\n");
	}
	(void)stpcpy(end, "</domain>");
	get(&result, &asked, text);
	CU_ASSERT_EQUAL(result.rc, 0);
	CU_ASSERT_EQUAL(result.warnings.count, CONFIG_MAX_WARNINGS);
	for (size_t i = 0; i < result.warnings.count; i++) {
		CU_ASSERT_TRUE(config_text_valid(result.warnings.text[i], false));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.warnings.text[i], "is not known"));
	}
	put(&result);
}

/* As large as a document may be, and nothing but elements: memory is limited there. */
static void test_large(void)
{
	const struct xml_asked asked = { real, LONG_MS };
	char *text = malloc(VL_CONFIG_MAX_SIZE + 100), *end = stpcpy(text, DOMAIN);
	struct result result;

	while (end < text + VL_CONFIG_MAX_SIZE - 20) {
		end = stpcpy(end, "<a/>");
	}
	(void)stpcpy(end, "</domain>");
	get(&result, &asked, text);
	CU_ASSERT_EQUAL(result.rc, 0);
	CU_ASSERT_EQUAL(result.warnings.count, CONFIG_MAX_WARNINGS);
	put(&result);
	free(text);
}

static void test_random(void)
{
	const struct xml_asked asked = { real, LONG_MS };
	unsigned int open = descriptors();

	for (uint64_t seed = 0; seed < 30; seed++) {
		struct vl_config *config = config_random(seed);
		struct vl_error error = { "" };
		char *direct, *text;

		CU_ASSERT_EQUAL_FATAL(vl_config_xml(config, &direct, &error), 0);
		CU_ASSERT_EQUAL_FATAL(xml_ask_write(&asked, config, &text, &error), 0);
		CU_ASSERT_STRING_EQUAL(text, direct);
		same_for(text);
		free(direct);
		free(text);
		vl_config_free(config);
	}
	nothing_is_left(open);
}

/* ---- Broken ones ---- */

static void make(const char *script)
{
	FILE *file = fopen(broken, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	CU_ASSERT_EQUAL(fclose(file), 0);
	CU_ASSERT_EQUAL(chmod(broken, 0700), 0);
}

/* Both questions to what stands in `broken` end so; %s in the sentence is its path. */
static void refused_so(int limit_ms, int rc, const char *sentence)
{
	const struct xml_asked asked = { broken, limit_ms };
	unsigned int open = descriptors();
	struct vl_config *config = config_random(1);
	char expected[300];
	struct result result;
	char *text = (char *)1;

	snprintf(expected, sizeof(expected), sentence, broken);
	get(&result, &asked, "<domain/>");
	CU_ASSERT_EQUAL(result.rc, rc);
	CU_ASSERT_EQUAL(strncmp(result.error.text, "x.xml: ", 7), 0);
	CU_ASSERT_STRING_EQUAL(result.error.text + 7, expected);
	put(&result);
	CU_ASSERT_EQUAL(xml_ask_write(&asked, config, &text, &result.error), rc);
	CU_ASSERT_STRING_EQUAL(result.error.text, expected);
	CU_ASSERT_PTR_NULL(text);
	vl_config_free(config);
	nothing_is_left(open);
}

#define WHO "%s, which reads and writes XML, "

static void test_broken(void)
{
	unlink(broken);
	refused_so(LONG_MS, -ENOENT,
		   "cannot start %s, which reads and writes XML: No such file or directory");
	make("exit 0");
	refused_so(LONG_MS, -EIO, WHO "gave no answer");
	make("exit 3");
	refused_so(LONG_MS, -EIO, WHO "has failed");
	make("cat > /dev/null; kill -SEGV $$");
	refused_so(LONG_MS, -EIO, WHO "has failed");
	make("cat > /dev/null; echo hello");
	refused_so(LONG_MS, -EIO, WHO "gave no answer");
	make("cat /dev/zero");
	refused_so(LONG_MS, -EFBIG, WHO "cannot be read: File too large");
	make("exec sleep 1000");
	refused_so(100, -ETIMEDOUT, WHO "took too long");
	/* Its own child holds the socket; then it closes the socket and stays. */
	make("sleep 1000 & wait");
	refused_so(100, -ETIMEDOUT, WHO "took too long");
	make("exec sleep 1000 < /dev/null > /dev/null");
	refused_so(100, -ETIMEDOUT, WHO "took too long");
}

/* It leaves without having read what is more than a socket holds. */
static void test_unread(void)
{
	const struct xml_asked asked = { broken, LONG_MS };
	size_t size = VL_CONFIG_MAX_SIZE;
	char *text = calloc(1, size + 1);
	unsigned int open = descriptors();
	struct result result;

	memset(text, ' ', size);
	make("echo '{\"error\":{\"line\":7,\"text\":\"enough\"}}'");
	get(&result, &asked, text);
	CU_ASSERT_EQUAL(result.rc, -EINVAL);
	CU_ASSERT_STRING_EQUAL(result.error.text, "x.xml:7: enough");
	put(&result);
	free(text);
	nothing_is_left(open);
}

/* A parser in somebody else's hands answers what he likes. */
static void test_lies(void)
{
	static const char *const cases[][2] = {
		{ "5", "x.xml: %s, which reads and writes XML, gave no answer" },
		{ "{", "x.xml: %s, which reads and writes XML, gave no answer" },
		{ "{\"config\":{},\"config\":{}}",
		  "x.xml: %s, which reads and writes XML, gave no answer" },
		{ "{}", "x.xml: a configuration is to be an object" },
		{ "{\"config\":[]}", "x.xml: a configuration is to be an object" },
		{ "{\"config\":{\"b_info\":{\"max_vcpus\":1000}}}",
		  "x.xml: maxvcpus: 1000 is not between 1 and 64" },
		{ "{\"error\":5}", "x.xml: it cannot be read" },
		{ "{\"error\":{\"text\":\"\",\"line\":-1}}", "x.xml: it cannot be read" },
		{ "{\"error\":{\"text\":\"\\u001b[2J\",\"line\":99999999999}}", "x.xml: ?" },
		{ "{\"error\":{\"text\":\"%s%n\",\"line\":[]}}", "x.xml: %%s%%n" },
		{ "{\"error\":{\"errno\":12}}", "x.xml: not enough memory" },
	};
	const struct xml_asked asked = { broken, LONG_MS };
	char expected[300], script[300];
	struct result result;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(script, sizeof(script), "cat > /dev/null; cat << 'END'\n%s\nEND",
			 cases[i][0]);
		snprintf(expected, sizeof(expected), cases[i][1], broken);
		make(script);
		get(&result, &asked, "<domain/>");
		CU_ASSERT_TRUE(result.rc < 0);
		CU_ASSERT_STRING_EQUAL(result.error.text, expected);
		put(&result);
	}
	make("cat > /dev/null; cat << 'END'\n{\"warnings\":[5,{\"text\":7},{\"text\":\"a\\nb\"},"
	     "{\"text\":\"w\",\"line\":3}],\"config\":{\"zork\":1,\"c_info\":{\"name\":\"g\"}}}\nEND");
	get(&result, &asked, "<domain/>");
	CU_ASSERT_EQUAL(result.rc, 0);
	CU_ASSERT_EQUAL_FATAL(result.warnings.count, 2);
	CU_ASSERT_STRING_EQUAL(result.warnings.text[0], "x.xml: ?");
	CU_ASSERT_STRING_EQUAL(result.warnings.text[1], "x.xml:3: w");
	put(&result);
}

/* The core's device, or a guest's console, would be what a hostile document gets. */
static void test_nothing_inherited(void)
{
	const struct xml_asked asked = { broken, LONG_MS };
	struct result result;
	int fd = dup2(1, 7);

	CU_ASSERT_EQUAL_FATAL(fd, 7);
	setenv("VL_SECRET", "x", 1);
	make("[ -z \"$VL_SECRET\" ] && [ ! -e /proc/$$/fd/7 ] && echo '{\"error\":{\"text\":\"ok\"}}'");
	get(&result, &asked, "<domain/>");
	CU_ASSERT_STRING_EQUAL(result.error.text, "x.xml: ok");
	put(&result);
	close(fd);
	unsetenv("VL_SECRET");
}

static bool file_has(pid_t pid, const char *name, const char *line)
{
	char path[64], text[4096];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	fclose(file);
	return strstr(text, line) != NULL;
}

/* A hole in the parser would be one in the administrator's own process. */
static void test_confined(void)
{
	char *argv[] = { real, "read", NULL }, *environment[] = { NULL };
	unsigned int open = descriptors();
	bool confined = false;
	int sockets[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	CU_ASSERT_EQUAL_FATAL(child_start(argv, environment, sockets[1], &pid), 0);
	close(sockets[1]);
	/* It waits for the document. */
	for (unsigned int i = 0; i < 6000 && !confined; i++) {
		confined = file_has(pid, "status", "\nSeccomp:\t2\n");
		usleep(10000);
	}
	CU_ASSERT_TRUE(confined);
	CU_ASSERT_TRUE(file_has(pid, "status", "\nNoNewPrivs:\t1\n"));
	CU_ASSERT_TRUE(file_has(pid, "limits", "Max address space         536870912"));
	CU_ASSERT_TRUE(file_has(pid, "limits", "Max cpu time              30 "));
	shutdown(sockets[0], SHUT_WR);
	CU_ASSERT_EQUAL(child_wait(pid, LONG_MS), 0);
	close(sockets[0]);
	nothing_is_left(open);
}

/* Then the kernel keeps no status for anybody. */
static void test_ignored_children(void)
{
	void (*old)(int) = signal(SIGCHLD, SIG_IGN);

	same_for(DOMAIN "<memory>70000</memory></domain>");
	signal(SIGCHLD, old);
}

void *__real_malloc(size_t size);

/* jansson's own memory is config_alloc_test.c's concern. */
static void test_memory(void)
{
	const struct xml_asked asked = { real, LONG_MS };
	struct vl_config *config = config_random(3);
	unsigned int open = descriptors(), n = 0;
	struct vl_error error = { "" };
	struct result result;
	char *text;
	bool failed;
	int rc;

	json_set_alloc_funcs(__real_malloc, free);
	do {
		struct config_ctx ctx = { .file = "x",
					  .warnings = &result.warnings,
					  .error = &error };

		result = (struct result){ .draft.config = config_new() };
		fake_alloc_fail_at(++n);
		rc = xml_ask_read(&asked, &ctx, DOMAIN "<a/></domain>",
				  strlen(DOMAIN "<a/></domain>"), &result.draft);
		failed = fake_alloc_failed();
		CU_ASSERT_EQUAL(rc, failed ? -ENOMEM : 0);
		put(&result);
	} while (failed);
	CU_ASSERT_TRUE(n > 4);
	n = 0;
	do {
		fake_alloc_fail_at(++n);
		rc = xml_ask_write(&asked, config, &text, &error);
		failed = fake_alloc_failed();
		CU_ASSERT_EQUAL(rc, failed ? -ENOMEM : 0);
		free(text);
	} while (failed);
	CU_ASSERT_TRUE(n > 4);
	vl_config_free(config);
	nothing_is_left(open);
}

CU_TestInfo xml_ask_tests[] = {
	{ "the same as without it", test_same },
	{ "long sentences", test_long },
	{ "the largest document", test_large },
	{ "random configurations", test_random },
	{ "broken programs", test_broken },
	{ "one that does not read", test_unread },
	{ "one that lies", test_lies },
	{ "nothing is inherited", test_nothing_inherited },
	{ "hardly any rights", test_confined },
	{ "ignored ends of children", test_ignored_children },
	{ "no memory", test_memory },
	CU_TEST_INFO_NULL,
};
