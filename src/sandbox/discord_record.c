/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked and what was delivered, kept to the end: a test of hours counts it, when
 * interactions and messages themselves were forgotten long ago. */
#include "sandbox/discord_impl.h"

/* Of a text, its beginning tells; and an answer is edited a few times. */
#define SAID_BYTES 100
#define SAID_MAX   8

static bool is_full(struct json_object *list)
{
	return json_len(list) >= DW_RECORDS_MAX;
}

void dw_record_interaction(struct discord_world *w, struct dw_interaction *it)
{
	if (it->kind == DW_AUTOCOMPLETE || is_full(w->asked))
		return;
	it->record = json_object_new_object();
	json_add_id(it->record, "id", it->id);
	json_add_id(it->record, "user", it->user_id);
	json_add_int(it->record, "created_ms", it->created_ms);
	json_add(it->record, "said", json_object_new_array());
	json_object_array_add(w->asked, json_object_get(it->record));
}

void dw_record_answer(struct discord_world *w, struct dw_interaction *it, const char *text)
{
	struct json_object *said = json_array(it->record, "said");
	struct json_object *one;

	if (!it->record)
		return;
	if (it->acked_ms && !json_member(it->record, "acked_ms"))
		json_add_int(it->record, "acked_ms", it->acked_ms);
	if (!text || !*text)
		return;
	one = json_object_new_object();
	json_add_int(one, "ms", w->now_ms);
	/* Cut where a character begins. */
	if (strlen(text) > SAID_BYTES) {
		size_t n = SAID_BYTES;

		while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		json_add(one, "text", json_object_new_string_len(text, (int)n));
	} else {
		json_add_str(one, "text", text);
	}
	/* The last one always stands at the end. */
	if (json_len(said) < SAID_MAX)
		json_object_array_add(said, one);
	else
		json_object_array_put_idx(said, SAID_MAX - 1, one);
}

static void add_custom_ids(struct json_object *to, struct json_object *components)
{
	for (size_t i = 0; i < json_len(components); i++) {
		struct json_object *c = json_object_array_get_idx(components, i);

		if (json_str(c, "custom_id"))
			json_object_array_add(to, json_object_get(json_member(c, "custom_id")));
		add_custom_ids(to, json_array(c, "components"));
	}
}

void dw_record_message(struct discord_world *w, struct dw_message *m)
{
	struct json_object *o, *files, *ids;

	if ((!m->n_files && !m->raw_components) || is_full(w->delivered))
		return;
	o = json_object_new_object();
	files = json_object_new_array();
	ids = json_object_new_array();
	for (size_t i = 0; i < m->n_files; i++)
		json_object_array_add(files, json_object_new_string(m->files[i]->name));
	add_custom_ids(ids, m->raw_components);
	json_add_id(o, "id", m->id);
	json_add_id(o, "channel", m->channel->id);
	json_add_id(o, "user", m->n_mentions ? m->mentions[0] : 0);
	json_add_int(o, "created_ms", m->created_ms);
	json_add(o, "files", files);
	json_add(o, "custom_ids", ids);
	json_object_array_add(w->delivered, o);
}

struct json_object *discord_world_records(struct discord_world *w)
{
	struct json_object *o = json_object_new_object();

	json_add(o, "interactions", json_object_get(w->asked));
	json_add(o, "messages", json_object_get(w->delivered));
	json_add_bool(o, "full", is_full(w->asked) || is_full(w->delivered));
	return o;
}
