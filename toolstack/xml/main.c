/* SPDX-License-Identifier: MIT */
/*
 * vl-xml: libvirt's domain XML from standard input as JSON, or the other way.
 * libvellum starts it for each text, see libvellum/xml_ask.h; the one program that is
 * linked with libxml2.  Exit code 0: there is an answer, which may be an error in the
 * document; 1: there is none, one sentence on stderr; 2: called wrongly.
 */
#include <errno.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvellum/file_io.h"
#include "libvellum/xml_ask.h"
#include "xml/answer.h"
#include "xml/confine.h"

static int fail(const char *text)
{
	fprintf(stderr, "vl-xml: %s\n", text);
	return 1;
}

/* jansson without memory leaves things out; an answer without them would be another. */
static void *allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory && size) {
		_exit(fail("not enough memory"));
	}
	return memory;
}

static int put(const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t done = write(STDOUT_FILENO, text, size);

		if (done < 0 && errno != EINTR) {
			return fail(strerror(errno));
		}
		text += done > 0 ? done : 0;
		size -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

static int answer(bool read, const char *input, size_t size)
{
	struct vl_error error = { "not enough memory" };
	char *text = NULL;
	int rc = 0;

	if (read) {
		text = xml_answer_read(input, size);
	} else {
		rc = xml_answer_write(input, size, &text, &error);
	}
	rc = rc || !text ? fail(error.text) : put(text);
	free(text);
	return rc;
}

int main(int argc, char **argv)
{
	bool read = argc == 2 && !strcmp(argv[1], "read");
	struct vl_error error;
	void *input;
	size_t size;
	int rc;

	if (!read && (argc != 2 || strcmp(argv[1], "write") != 0)) {
		fputs("usage: vl-xml read < DOCUMENT\n"
		      "       vl-xml write < CONFIGURATION\n"
		      "A guest's configuration from libvirt's domain XML, as JSON with what is to be\n"
		      "said about it, or as such a document from JSON.\n",
		      stderr);
		return 2;
	}
	/* What libraries prepare once, from files as well, they do before. */
	json_set_alloc_funcs(allocate, free);
	json_object_seed(0);
	xmlInitParser();
	rc = confine();
	if (rc) {
		fprintf(stderr, "vl-xml: cannot give up rights: %s\n", strerror(-rc));
		return 1;
	}
	if (file_read_fd(STDIN_FILENO, "the input", XML_ASK_MAX_SIZE, &input, &size, &error)) {
		return fail(error.text);
	}
	rc = answer(read, input, size);
	free(input);
	return rc;
}
