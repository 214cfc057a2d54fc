/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_LIMITS_H
#define FULLET_CORE_LIMITS_H

#include "base/defs.h"

/*
 * What a server's administrators allow: how many pictures a member may have waiting, how many a
 * day, and who is banned. Plain data with a JSON text, which is the stored value "limits":
 * {"cap":3,"quota":20,"roles":[{"role":"123","cap":5,"quota":0}],"banned":["456"]}
 * 0 always means "not set here".
 */
struct role_limit {
	uint64_t role_id;
	int cap, quota;
};

struct server_limits {
	int cap, quota; /* of every member */
	struct role_limit *roles;
	size_t n_roles;
	uint64_t *banned;
	size_t n_banned;
};

void limits_free(struct server_limits *limits);
/* Entries beyond the ceilings of base/limits.h or without sense are left out. -EBADMSG: no such
 * JSON; *ret is untouched then. NULL is an empty text. */
int limits_parse(const char *text, struct server_limits *ret);
/* The caller owns it. */
char *limits_print(const struct server_limits *limits);

/* The highest cap of the member's roles; else that of every member; else `otherwise`. */
int limits_cap(const struct server_limits *limits, const uint64_t *roles, size_t n, int otherwise);
/* Pictures a day, by the same rule; 0: as many as he likes. */
int limits_quota(const struct server_limits *limits, const uint64_t *roles, size_t n);
bool limits_is_banned(const struct server_limits *limits, uint64_t user_id);

/* Each gives 0; -EEXIST when it is so already, -ENOENT when there is none, -ENOSPC beyond the
 * ceiling, -ERANGE for a number that is out of range. */
int limits_ban(struct server_limits *limits, uint64_t user_id);
int limits_unban(struct server_limits *limits, uint64_t user_id);
/* role_id 0: every member. -1 leaves a number as it is, 0 takes it away. */
int limits_set(struct server_limits *limits, uint64_t role_id, int cap, int quota);

#endif
