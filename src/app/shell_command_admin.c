/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/shell_commands.h"

/* /admin: what administrators can do from any channel. That it is one was checked before. */

static void admin_put(struct shell *sh, struct interaction *it, bool clear)
{
	struct shell_report report = {.application_id = it->application_id,
		.token = xstrdup(it->token),
		.locale = xstrdup(it->locale),
		.clear = clear};

	shell_answer_now(sh, message_defer(it));
	shell_commands_put(sh, &report);
}

static void admin_sync(struct shell *sh, struct interaction *it)
{
	admin_put(sh, it, false);
}

static void admin_clear(struct shell *sh, struct interaction *it)
{
	admin_put(sh, it, true);
}

static void admin_id(struct shell *sh, struct interaction *it)
{
	char id[24];

	snprintf(id, sizeof(id), "%" PRIu64, sh->config.guild_id);
	shell_refuse(sh, it, TEXT_SERVER_ID, &(struct text_args){.text = id});
}

/* With a card it is about that one. */
static bool is_about_card(struct shell *sh, struct interaction *it, enum gpu_wish wish)
{
	const char *card = interaction_option(it, "card");

	if (!card)
		return false;
	shell_card_set(sh, it, card, wish);
	return true;
}

static void admin_pause(struct shell *sh, struct interaction *it)
{
	if (is_about_card(sh, it, GPU_WISH_PAUSE))
		return;
	shell_set_mode(sh, CORE_PAUSE);
	shell_say_changed(sh, it, TEXT_MODE_PAUSE, NULL);
}

static void admin_resume(struct shell *sh, struct interaction *it)
{
	if (is_about_card(sh, it, GPU_WISH_RUN))
		return;
	shell_set_mode(sh, CORE_RUN);
	shell_say_changed(sh, it, TEXT_MODE_RUN, NULL);
}

static void admin_drain(struct shell *sh, struct interaction *it)
{
	if (is_about_card(sh, it, GPU_WISH_DRAIN))
		return;
	shell_set_mode(sh, CORE_DRAIN);
	shell_say_changed(sh, it, TEXT_MODE_DRAIN,
		&(struct text_args){.number = (int64_t)core_live_jobs(sh->core)});
}

static void admin_ban(struct shell *sh, struct interaction *it)
{
	uint64_t user_id = interaction_id(it, "user");
	int r = user_id ? limits_ban(&sh->limits, user_id) : -EINVAL;

	if (r == 0) {
		shell_limits_save(sh);
		core_cancel_all_of(sh->core, user_id, shell_now(sh));
	}
	shell_say_changed(sh, it,
		r == 0	       ? TEXT_BAN_DONE
		: r == -EEXIST ? TEXT_BAN_ALREADY
		: r == -ENOSPC ? TEXT_LIMITS_FULL
			       : TEXT_UNKNOWN_COMMAND,
		NULL);
}

static void admin_unban(struct shell *sh, struct interaction *it)
{
	uint64_t user_id = interaction_id(it, "user");
	int r = user_id ? limits_unban(&sh->limits, user_id) : -ENOENT;

	if (r == 0)
		shell_limits_save(sh);
	shell_say_changed(sh, it, r == 0 ? TEXT_UNBAN_DONE : TEXT_UNBAN_NOT, NULL);
}

/* ---- limits ---- */

static int number_of(const struct interaction *it, const char *option, int otherwise)
{
	const char *text = interaction_option(it, option);
	uint64_t n;

	return text && parse_u64(text, &n) == 0 && n < INT32_MAX ? (int)n : otherwise;
}

static void add_limit(struct buf *out, const char *who, const char *locale, int cap, int quota)
{
	cleanup(freep) char *c =
		text_make(TEXT_LIMITS_CAP, locale, &(struct text_args){.number = cap});
	cleanup(freep) char *q = text_make(quota ? TEXT_LIMITS_QUOTA : TEXT_LIMITS_NO_QUOTA, locale,
		&(struct text_args){.number = quota});

	(void)buf_printf(out, "\n- %s: ", who);
	if (cap)
		(void)buf_printf(out, "%s · ", c);
	(void)buf_add_str(out, q);
}

static void show_limits(struct shell *sh, struct interaction *it)
{
	const struct server_limits *l = &sh->limits;
	cleanup(freep) char *head = text_make(TEXT_LIMITS_HEAD, it->locale, NULL);
	cleanup(freep) char *everybody = text_make(TEXT_LIMITS_EVERYBODY, it->locale, NULL);
	cleanup(freep) char *banned = text_make(TEXT_LIMITS_BANNED, it->locale,
		&(struct text_args){.number = (int64_t)l->n_banned});
	cleanup(buf_free) struct buf out = BUF(64 * KIB);

	(void)buf_add_str(&out, head);
	add_limit(&out, everybody, it->locale, l->cap ? l->cap : sh->config.max_jobs_per_user,
		l->quota);
	for (size_t i = 0; i < l->n_roles; i++) {
		char who[40];

		snprintf(who, sizeof(who), "<@&%" PRIu64 ">", l->roles[i].role_id);
		add_limit(&out, who, it->locale, l->roles[i].cap, l->roles[i].quota);
	}
	(void)buf_printf(&out, "\n%s", banned);
	shell_answer_saved(sh, message_refuse(it, buf_str(&out)));
}

static void admin_limits(struct shell *sh, struct interaction *it)
{
	uint64_t role_id = interaction_id(it, "role");
	int cap = number_of(it, "cap", -1), quota = number_of(it, "quota", -1), r = 0;

	if (role_id && cap < 0 && quota < 0)
		cap = quota = 0; /* the role is as everybody again */
	if (cap >= 0 || quota >= 0) {
		r = limits_set(&sh->limits, role_id, cap, quota);
		if (r == 0)
			shell_limits_save(sh);
	}
	if (r == -ENOSPC)
		shell_say_changed(sh, it, TEXT_LIMITS_FULL, NULL);
	else
		show_limits(sh, it);
}

static const struct {
	const char *name;
	void (*handle)(struct shell *sh, struct interaction *it);
} subcommands[] = {
	{"sync", admin_sync},
	{"clear", admin_clear},
	{"id", admin_id},
	{"pause", admin_pause},
	{"resume", admin_resume},
	{"drain", admin_drain},
	{"ban", admin_ban},
	{"unban", admin_unban},
	{"limits", admin_limits},
};

void command_admin(struct shell *sh, struct interaction *it)
{
	for (size_t i = 0; i < countof(subcommands); i++)
		if (str_eq(subcommands[i].name, it->subcommand)) {
			shell_log(sh, LOG_INFO, "discord", "user=%" PRIu64 ": /admin %s",
				it->user_id, it->subcommand);
			subcommands[i].handle(sh, it);
			return;
		}
	shell_refuse(sh, it, TEXT_UNKNOWN_COMMAND, NULL);
}
