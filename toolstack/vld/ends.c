/* SPDX-License-Identifier: MIT */
/*
 * The list of ends.  Called by ending.c as guests end and by client.c for who
 * waits for an end.  Console output is a guest's: only plain characters of it
 * get into the file.
 */
#include "ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guests.h"
#include "libvellum/common.h"
#include "libvellum/file_io.h"
#include "say.h"

#define FILE_NAME "ended.json"
#define FILE_MAX ((size_t)1 << 20)
#define LAST_BYTES 1024

void ends_load(struct vld *vld)
{
	char path[4096];
	json_t *root, *list;
	void *data;
	size_t size;

	vld->ends = NULL;
	if (vld_path(vld, FILE_NAME, path, sizeof(path)) == 0 &&
	    file_read(path, FILE_MAX, &data, &size, NULL) == 0) {
		root = json_loadb(data, size, 0, NULL);
		free(data);
		list = json_object_get(root, "ended");
		if (json_is_array(list)) {
			vld->ends = json_incref(list);
		} else {
			say("%s is damaged and begun anew", path);
		}
		json_decref(root);
	}
	if (!vld->ends) {
		vld->ends = json_array();
	}
}

static void ends_save(struct vld *vld)
{
	struct vl_error error;
	char path[4096], *text;
	json_t *root = json_pack("{s:O}", "ended", vld->ends);

	text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	if (!text || vld_path(vld, FILE_NAME, path, sizeof(path))) {
		say("no memory to write %s", FILE_NAME);
	} else if (file_write(path, text, strlen(text), 0640, &error)) {
		say("%s", error.text);
	}
	free(text);
}

/* The last lines of a console, as plain text. */
static void last_lines(const struct scroll *scroll, char *text, size_t size)
{
	uint64_t head = scroll_head(scroll), tail = scroll_tail(scroll);
	uint64_t from = head > size - 1 ? head - (size - 1) : 0;
	size_t count, used = 0;
	char *begin = text;

	count = scroll_read(scroll, from > tail ? from : tail, text, size - 1);
	for (size_t i = 0; i < count; i++) {
		char c = text[i];

		if (c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f)) {
			text[used++] = c;
		} else if (c != '\r') {
			text[used++] = '?';
		}
	}
	text[used] = '\0';
	if (from > 0) {
		/* Not from the middle of a line. */
		begin = strchr(text, '\n');
		if (begin) {
			memmove(text, begin + 1, strlen(begin + 1) + 1);
		}
	}
}

/* A text that is no UTF-8 is none for JSON. */
static void plain(char *to, size_t size, const char *from)
{
	size_t used = 0;

	for (; *from && used + 1 < size; from++) {
		char c = *from;

		if (c < ' ' || c >= 0x7f) {
			c = '?';
		}
		to[used++] = c;
	}
	to[used] = '\0';
}

/* As it is: who asks for an end by the name of its guest is to find it. */
static json_t *name_json(const char *name)
{
	char text[SCROLL_NAME_SIZE];
	json_t *json = json_string(name);

	if (!json) {
		plain(text, sizeof(text), name);
		json = json_string(text);
	}
	return json;
}

json_t *ends_find(struct vld *vld, uint16_t domid)
{
	for (size_t i = json_array_size(vld->ends); i > 0; i--) {
		json_t *end = json_array_get(vld->ends, i - 1);
		json_t *number = json_object_get(end, "domid");

		if (json_is_integer(number) && json_integer_value(number) == domid) {
			return end;
		}
	}
	return NULL;
}

json_t *ends_json(const struct vld *vld)
{
	static const char *const keys[] = { "name", "domid", "when", "reason", "action", "crash" };
	json_t *list = json_array(), *end, *entry;
	size_t index;

	json_array_foreach(vld->ends, index, end)
	{
		entry = json_object();
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			json_object_set(entry, keys[i], json_object_get(end, keys[i]));
		}
		json_array_append_new(list, entry);
	}
	return json_pack("{s:b, s:o}", "ok", 1, "ended", list);
}

void ends_add(struct vld *vld, struct guest *guest, unsigned int reason, const char *action,
	      const char *crash)
{
	const struct scroll_header *header = guest->console.scroll.header;
	char console[LAST_BYTES], why[sizeof(struct vl_crash_reason)];
	char uuid[VL_UUID_SIZE];
	json_t *end, *last = ends_find(vld, guest->domid);
	json_int_t created = (json_int_t)header->created;

	/* A vld that was killed just here has written it already. */
	if (last && json_integer_value(json_object_get(last, "created")) == created) {
		return;
	}
	last_lines(&guest->console.scroll, console, sizeof(console));
	plain(why, sizeof(why), crash);
	vl_uuid_text(header->handle, uuid);
	end = json_pack("{s:o, s:i, s:s, s:I, s:I, s:s, s:s, s:s, s:s}", "name",
			name_json(header->name), "domid", (int)guest->domid, "uuid", uuid,
			"created", created, "when", (json_int_t)time(NULL), "reason",
			vld_reason_name(reason), "action", action, "crash", why, "console",
			console);
	if (!end || json_array_append_new(vld->ends, end)) {
		say("no memory for the record of an end");
		return;
	}
	while (json_array_size(vld->ends) > ENDS_MAX) {
		json_array_remove(vld->ends, 0);
	}
	ends_save(vld);
}
