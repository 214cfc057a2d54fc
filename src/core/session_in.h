/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SESSION_IN_H
#define FULLET_CORE_SESSION_IN_H

#include "core/state.h"

/* Shared by the files about sessions: session.c, making.c, channels.c, leaving.c. */

/* Each ask for a channel ends within this, else it is made again. */
#define ASK_DEADLINE_MS 120000
#define MAKE_TRIES_MAX	6

/* session.c */
struct session *session_get(struct core *core, uint64_t user_id);
void session_drop(struct core *core, struct session *s);
void session_save(struct core *core, struct session *s);
void session_set_state(struct session *s, enum session_state state);
/* Nobody waits for its channel any more. A list or an event that came late may know it all the
 * same. */
void session_not_wanted(struct session *s);
/* Enters a state whose effect is answered by core_session_answer(). */
void session_ask(struct core *core, struct session *s, enum session_state state,
	enum effect_kind kind, uint64_t id, int64_t now_ms);
/* A job of the member waits for the channel; with `restricted`, for one that is age-restricted. */
bool session_is_wanted(const struct core *core, const struct session *s, bool restricted);
/* The channel is there: the jobs that waited for it go on. */
void session_ready(struct core *core, struct session *s, int64_t now_ms);
/* It is not to be had: they hear why. */
void session_refuse(
	struct core *core, struct session *s, enum sorry sorry, const char *detail, int64_t now_ms);
/* The channel is gone: nothing of it is kept. */
void session_forget_channel(struct core *core, struct session *s);
/* It was deleted: no list that is older brings it back. */
void channel_remember_gone(struct core *core, uint64_t channel_id);
/* Back to the line of those that want a channel, after a while. */
void session_find_again(struct core *core, struct session *s, const char *detail, int64_t now_ms);

/* session_time.c */
/* Something of it may be another than it was. Whoever finds it by session_find() need not say so.
 */
void session_changed(struct core *core, struct session *s);
void session_time_forget(struct core *core, struct session *s);
/* Looks at those that have changed and those whose time has come. */
void session_time_each(struct core *core, int64_t now_ms,
	void (*look)(struct core *core, struct session *s, int64_t now_ms));
/* Of those that wait for their channel the next one, whether its time has come or not; NULL. */
struct session *session_time_waiting(struct core *core);
int64_t session_time_deadline(const struct core *core);

/* making.c */
void making_answer(struct core *core, struct session *s, enum answer answer, uint64_t id,
	const char *detail, int64_t now_ms);
/* Room was made, or could not be made in time. */
bool making_has_room(const struct core *core);
void making_tick(struct core *core, int64_t now_ms);
/* SESSION_ROOM lasted too long. */
void making_give_up_room(struct core *core, struct session *s, int64_t now_ms);

/* channels.c */
struct core_category *category_with_room(struct core *core);
/* It is one of ours, as far as there is room for more. */
void category_known(struct core *core, uint64_t id);
int64_t snowflake_time(uint64_t id);

/* leaving.c: warning, idleness, members who left, erasing */
void leaving_tick(struct core *core, struct session *s, int64_t now_ms);
int64_t leaving_deadline(const struct core *core, const struct session *s);
void leaving_answer(struct core *core, struct session *s, enum answer answer, const char *detail,
	int64_t now_ms);
/* The announced end is off: its message goes. */
void leaving_unwarn(struct core *core, struct session *s);
/* No end is announced any more. */
void leaving_forget_warning(struct session *s);
/* What a job wants that is turned away because its member leaves. */
void leaving_turn_away(struct core *core, struct session *s, struct job *job, int64_t now_ms);
/* Asks whether members are still there whose jobs wait. */
void leaving_check_members(struct core *core, int64_t now_ms);

#endif
