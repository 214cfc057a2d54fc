/* SPDX-License-Identifier: Apache-2.0 */
#include "core/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"

void limits_free(struct server_limits *limits)
{
	if (!limits)
		return;
	free(limits->roles);
	free(limits->banned);
	*limits = (struct server_limits){0};
}

/* ---- as text ---- */

static int number_of(struct json_object *doc, const char *name, int most)
{
	int64_t n = json_int(doc, name, 0);

	return n > 0 && n <= most ? (int)n : 0;
}

int limits_parse(const char *text, struct server_limits *ret)
{
	struct json_object *doc = text ? json_parse(text, strlen(text), NULL) : NULL;
	struct server_limits limits = {0};
	struct json_object *list;

	if (text && !json_object_is_type(doc, json_type_object)) {
		json_put(&doc);
		return -EBADMSG;
	}
	(void)limits_set(
		&limits, 0, number_of(doc, "cap", CAP_MAX), number_of(doc, "quota", QUOTA_MAX));
	list = json_array(doc, "roles");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		uint64_t id = json_id(o, "role");

		if (id)
			(void)limits_set(&limits, id, number_of(o, "cap", CAP_MAX),
				number_of(o, "quota", QUOTA_MAX));
	}
	list = json_array(doc, "banned");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		uint64_t id;

		if (json_object_is_type(o, json_type_string) &&
			parse_u64(json_object_get_string(o), &id) == 0 && id)
			(void)limits_ban(&limits, id);
	}
	json_put(&doc);
	*ret = limits;
	return 0;
}

static void add_numbers(struct json_object *doc, int cap, int quota)
{
	if (cap)
		json_add_int(doc, "cap", cap);
	if (quota)
		json_add_int(doc, "quota", quota);
}

char *limits_print(const struct server_limits *limits)
{
	struct json_object *doc = json_object_new_object();
	struct json_object *roles = json_object_new_array(), *banned = json_object_new_array();
	char *text;

	add_numbers(doc, limits->cap, limits->quota);
	for (size_t i = 0; i < limits->n_roles; i++) {
		struct json_object *o = json_object_new_object();

		json_add_id(o, "role", limits->roles[i].role_id);
		add_numbers(o, limits->roles[i].cap, limits->roles[i].quota);
		json_object_array_add(roles, o);
	}
	for (size_t i = 0; i < limits->n_banned; i++) {
		char id[24];

		snprintf(id, sizeof(id), "%" PRIu64, limits->banned[i]);
		json_object_array_add(banned, json_object_new_string(id));
	}
	json_add(doc, "roles", roles);
	json_add(doc, "banned", banned);
	text = json_text(doc);
	json_put(&doc);
	return text;
}

/* ---- asking ---- */

static struct role_limit *role_find(const struct server_limits *limits, uint64_t role_id)
{
	for (size_t i = 0; i < limits->n_roles; i++)
		if (limits->roles[i].role_id == role_id)
			return &limits->roles[i];
	return NULL;
}

int limits_cap(const struct server_limits *limits, const uint64_t *roles, size_t n, int otherwise)
{
	int best = 0;

	for (size_t i = 0; i < n; i++) {
		const struct role_limit *role = role_find(limits, roles[i]);

		best = max_of(best, role ? role->cap : 0);
	}
	return best ? best : limits->cap ? limits->cap : otherwise;
}

int limits_quota(const struct server_limits *limits, const uint64_t *roles, size_t n)
{
	int best = 0;

	for (size_t i = 0; i < n; i++) {
		const struct role_limit *role = role_find(limits, roles[i]);

		best = max_of(best, role ? role->quota : 0);
	}
	return best ? best : limits->quota;
}

bool limits_is_banned(const struct server_limits *limits, uint64_t user_id)
{
	for (size_t i = 0; i < limits->n_banned; i++)
		if (limits->banned[i] == user_id)
			return true;
	return false;
}

/* ---- changing ---- */

int limits_ban(struct server_limits *limits, uint64_t user_id)
{
	if (limits_is_banned(limits, user_id))
		return -EEXIST;
	if (limits->n_banned >= BANNED_MAX)
		return -ENOSPC;
	limits->banned = xrealloc(limits->banned, (limits->n_banned + 1) * sizeof(uint64_t));
	limits->banned[limits->n_banned++] = user_id;
	return 0;
}

int limits_unban(struct server_limits *limits, uint64_t user_id)
{
	for (size_t i = 0; i < limits->n_banned; i++)
		if (limits->banned[i] == user_id) {
			memmove(&limits->banned[i], &limits->banned[i + 1],
				(limits->n_banned - i - 1) * sizeof(uint64_t));
			limits->n_banned--;
			return 0;
		}
	return -ENOENT;
}

static int set_role(struct server_limits *limits, uint64_t role_id, int cap, int quota)
{
	struct role_limit *role = role_find(limits, role_id);

	if (!role) {
		if (cap <= 0 && quota <= 0)
			return -ENOENT;
		if (limits->n_roles >= ROLE_LIMITS_MAX)
			return -ENOSPC;
		limits->roles =
			xrealloc(limits->roles, (limits->n_roles + 1) * sizeof(*limits->roles));
		role = &limits->roles[limits->n_roles++];
		*role = (struct role_limit){.role_id = role_id};
	}
	role->cap = cap >= 0 ? cap : role->cap;
	role->quota = quota >= 0 ? quota : role->quota;
	if (!role->cap && !role->quota)
		*role = limits->roles[--limits->n_roles];
	return 0;
}

int limits_set(struct server_limits *limits, uint64_t role_id, int cap, int quota)
{
	if (cap < -1 || cap > CAP_MAX || quota < -1 || quota > QUOTA_MAX)
		return -ERANGE;
	if (role_id)
		return set_role(limits, role_id, cap, quota);
	limits->cap = cap >= 0 ? cap : limits->cap;
	limits->quota = quota >= 0 ? quota : limits->quota;
	return 0;
}
