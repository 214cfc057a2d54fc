/* SPDX-License-Identifier: Apache-2.0 */

/* JSON as strangers send it: what is taken is written and read again as the same, and every way of
 * asking it is safe. The first byte chooses Python's dialect (comfy_json()). */

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "comfy/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct json_object *doc)
{
	static const char *const paths[] = {
		"", "a", "a.b", "a.0", "0", "a.b.c", ".", "a..b", "18446744073709551616"};

	for (size_t i = 0; i < countof(paths); i++) {
		const char *text = json_str(doc, paths[i]);
		double number = json_num(doc, paths[i], 0);

		must(!text || utf8_valid(text, strlen(text)));
		must(isfinite(number));
		(void)json_int(doc, paths[i], 0);
		(void)json_flag(doc, paths[i], false);
		(void)json_id(doc, paths[i]);
		must(json_len(json_array(doc, paths[i])) <= SIZE_MAX / 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1, *why = NULL;
	struct json_object *doc, *again;
	char *text;

	if (size < 1)
		return 0;
	doc = data[0] & 1 ? comfy_json(bytes, size - 1) : json_parse(bytes, size - 1, &why);
	must(!doc || !why);
	if (!doc)
		return 0;
	ask(doc);
	text = json_text(doc);
	again = json_parse(text, strlen(text), NULL);
	must(again && json_object_equal(doc, again));
	json_put(&again);
	free(text);
	json_put(&doc);
	return 0;
}
