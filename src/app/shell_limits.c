/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_commands.h"

/* What administrators have set: the limits and the mode, which outlive the process. */

static const char *const mode_names[] = {
	[CORE_RUN] = "run", [CORE_PAUSE] = "pause", [CORE_DRAIN] = "drain"};

static void load_today(struct shell *sh, const struct store_snapshot *rows)
{
	struct core_count *counts = xcalloc(rows->n_today + 1, sizeof(*counts));

	for (size_t i = 0; i < rows->n_today; i++)
		counts[i] = (struct core_count){rows->today[i].user_id, rows->today[i].n};
	core_load_day(sh->core, shell_now(sh) / CORE_DAY_MS, counts, rows->n_today);
	free(counts);
}

void shell_limits_load(struct shell *sh, const struct shell_past *past)
{
	if (limits_parse(past->limits, &sh->limits) < 0)
		shell_log(sh, LOG_WARN, "store",
			"the stored limits cannot be read: there are none now");
	for (size_t i = 0; i < countof(mode_names); i++)
		if (str_eq(past->mode, mode_names[i]))
			core_set_mode(sh->core, (enum core_mode)i, shell_now(sh));
	if (core_mode(sh->core) != CORE_RUN)
		shell_log(sh, LOG_WARN, NULL,
			"an administrator has set the mode \"%s\": /admin resume ends it",
			mode_names[core_mode(sh->core)]);
	load_today(sh, &past->rows);
	/* A crash may have come between the ban and the end of what the member had waiting. */
	for (size_t i = 0; i < sh->limits.n_banned; i++)
		core_cancel_all_of(sh->core, sh->limits.banned[i], shell_now(sh));
}

bool shell_is_banned(const struct shell *sh, const struct interaction *it)
{
	return limits_is_banned(&sh->limits, it->user_id);
}

void shell_limits_save(struct shell *sh)
{
	char *text = limits_print(&sh->limits);

	shell_save_value(sh, "limits", text);
	free(text);
}

void shell_set_mode(struct shell *sh, enum core_mode mode)
{
	shell_log(sh, LOG_INFO, NULL, "the mode is \"%s\" now", mode_names[mode]);
	shell_save_value(sh, "mode", mode_names[mode]);
	core_set_mode(sh->core, mode, shell_now(sh));
}

bool shell_limits_apply(const struct shell *sh, const uint64_t *roles, size_t n, struct request *r)
{
	r->cap = limits_cap(&sh->limits, roles, n, sh->config.max_jobs_per_user);
	r->quota = r->administrator ? 0 : limits_quota(&sh->limits, roles, n);
	return !limits_is_banned(&sh->limits, r->user_id);
}
