/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once: -ENOMEM with a sentence, and nothing leaks
 * (LeakSanitizer looks at the end) or is freed twice.
 */
#include "config_help.h"
#include "fake_alloc.h"
#include "libvellum/config_tool.h"

#include <errno.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/xmlmemory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

static const char text[] = CONFIG_BASE
	"uuid='01234567-89ab-cdef-0123-456789abcdef'\nmemory=64\nmaxmem=128\nvcpus=2\n"
	"cpus=['1','2-3']\nroot='/dev/xvda'\nextra='quiet'\nextra+=' more'\nzork=1\nvnc=1\n"
	"bootargs=['a','b']\nbootloader='b'\nfirmware='pvgrub64'\n"
	"disk=['phy:vg/x,xvda,w','script=s,backend=b,vdev=xvdb,target=y']\n"
	"vif=['bridge=a,ip=10.0.0.1 10.0.0.2,vifname=v,script=s,gatewaydev=g,backend=b']\n"
	"iomem=['f0,2@3']\nioports=['3f8']\nmemory=32\n";
static const char *const overrides[] = { "cap=5", "disk+=['/z,,xvdc']", "name=other" };

/*
 * Parses until no allocation fails any more.  Where the library that reads the
 * form has memory of the same kind, it may do without a piece, or call the text
 * wrong: jansson's lexer drops a character that it has no room for.
 */
static void parse_all(const char *input, bool library)
{
	struct vl_config *config;
	struct vl_warnings warnings;
	struct vl_error error;
	unsigned int n = 0;
	bool failed;
	int rc;

	do {
		error.text[0] = '\0';
		config = NULL;
		fake_alloc_fail_at(++n);
		rc = vl_config_parse(input, strlen(input), "x", overrides, 3, &config, &warnings,
				     &error);
		failed = fake_alloc_failed();
		if (rc) {
			CU_ASSERT_TRUE(failed);
			CU_ASSERT_TRUE(rc == -ENOMEM || (library && rc == -EINVAL));
			CU_ASSERT_TRUE(rc == -EINVAL || strstr(error.text, "not enough memory"));
			CU_ASSERT_EQUAL(warnings.count, 0);
		} else {
			CU_ASSERT_TRUE(!failed || library);
			vl_config_free(config);
			vl_warnings_free(&warnings);
		}
	} while (failed);
	CU_ASSERT_TRUE(n > 20);
}

static void write_all(int (*write)(const struct vl_config *, char **, struct vl_error *))
{
	struct vl_config *config = config_good(text);
	struct vl_error error;
	char *output, *whole;
	unsigned int n = 0;
	bool failed;
	int rc;

	CU_ASSERT_EQUAL_FATAL(write(config, &whole, &error), 0);
	do {
		output = NULL;
		fake_alloc_fail_at(++n);
		rc = write(config, &output, &error);
		failed = fake_alloc_failed();
		CU_ASSERT_TRUE(rc == 0 || (rc == -ENOMEM && failed));
		if (!rc) {
			/* Whatever is given is all of it. */
			CU_ASSERT_STRING_EQUAL(output, whole);
		}
		free(output);
	} while (failed);
	CU_ASSERT_TRUE(n > 20);
	free(whole);
	vl_config_free(config);
}

static void test_cfg(void)
{
	parse_all(text, false);
}

static void test_json(void)
{
	struct vl_config *config = config_good(text);
	char *json;

	CU_ASSERT_EQUAL_FATAL(vl_config_json(config, &json, NULL), 0);
	vl_config_free(config);
	parse_all(json, false);
	/* The linker makes fake_alloc.c's of the names that are given here. */
	json_set_alloc_funcs(malloc, free);
	parse_all(json, true);
	write_all(vl_config_json);
	free(json);
}

static void test_xml(void)
{
	struct vl_config *config = config_good(text);
	char *xml;

	CU_ASSERT_EQUAL_FATAL(vl_config_xml(config, &xml, NULL), 0);
	vl_config_free(config);
	parse_all(xml, false);
	/* What libxml2 keeps for ever is made before. */
	xmlInitParser();
	CU_ASSERT_EQUAL_FATAL(xmlMemSetup(free, malloc, realloc, strdup), 0);
	parse_all(xml, true);
	write_all(vl_config_xml);
	free(xml);
}

static void test_copy(void)
{
	struct vl_config *config = config_good(text), *copy;
	unsigned int n = 0;
	bool failed;

	do {
		int rc;

		fake_alloc_fail_at(++n);
		rc = vl_config_copy(config, &copy, NULL);
		failed = fake_alloc_failed();
		CU_ASSERT_EQUAL(rc, failed ? -ENOMEM : 0);
		if (!rc) {
			CU_ASSERT_PTR_NULL(config_difference(config, copy));
			vl_config_free(copy);
		}
	} while (failed);
	CU_ASSERT_TRUE(n > 20);
	vl_config_free(config);
}

/* vl.conf is there, and its warnings are, or it is said what was missing. */
static void test_tool(void)
{
	static const char conf[] = "odd=['a', 'b']\noutput_format='json'\noutput_format='sxp'\n";
	char path[] = "/tmp/vellum-conf-XXXXXX";
	struct vl_tool_config config;
	struct vl_warnings warnings;
	struct vl_error error;
	int fd = mkstemp(path), rc;
	unsigned int n = 0;
	bool failed;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, conf, strlen(conf)), (ssize_t)strlen(conf));
	close(fd);
	do {
		fake_alloc_fail_at(++n);
		rc = vl_tool_config_read(path, &config, &warnings, &error);
		failed = fake_alloc_failed();
		CU_ASSERT_EQUAL(rc, failed ? -ENOMEM : 0);
		CU_ASSERT_EQUAL(warnings.count, failed ? 0 : 2);
		if (failed) {
			CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "not enough memory"));
		} else {
			CU_ASSERT_EQUAL(config.output_format, VL_OUTPUT_SXP);
		}
		vl_warnings_free(&warnings);
	} while (failed);
	CU_ASSERT_TRUE(n > 10);
	unlink(path);
	/* Whoever wants no warnings; and no file. */
	CU_ASSERT_EQUAL(vl_tool_config_read(path, &config, NULL, NULL), 0);
	CU_ASSERT_EQUAL(config.output_format, VL_OUTPUT_JSON);
}

CU_TestInfo config_alloc_tests[] = {
	{ "reading xl.cfg", test_cfg }, { "JSON", test_json },	  { "XML", test_xml },
	{ "copying", test_copy },	{ "vl.conf", test_tool }, CU_TEST_INFO_NULL,
};
