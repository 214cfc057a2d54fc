/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "app/ask.h"
#include "app/bot.h"
#include "app/cleaner.h"
#include "app/command_line.h"
#include "app/database.h"
#include "app/flujos.h"
#include "base/json.h"
#include "comfy/client.h"
#include "discord/command.h"
#include "discord/message.h"

/* `fullet check`: is everything in order? One line each, green, yellow or red. */

struct report {
	const struct workflow_set *workflows;
	struct asker asker;
	const struct config *config;
	bool color;
	int bad;
};

enum verdict { GOOD, WARNING, BAD };

static void say(struct report *r, enum verdict verdict, const char *format, ...) printf_like(3, 4);
static void say(struct report *r, enum verdict verdict, const char *format, ...)
{
	static const char *const words[] = {"ok  ", "warn", "FAIL"};
	static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};
	va_list args;

	printf("%s%s%s ", r->color ? colors[verdict] : "", words[verdict],
		r->color ? "\033[0m" : "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	r->bad += verdict == BAD;
}

/* ---- Discord ---- */

static struct json_object *ask(struct report *r, struct rest_call *call, const char *what)
{
	char *why = NULL;
	int status;
	struct json_object *doc = ask_discord(&r->asker, call, &status, &why);

	if (!doc && status == 401)
		say(r, BAD,
			"%s: Discord refused the token; take a new one from the Developer Portal > "
			"Bot > Reset Token",
			what);
	else if (!doc)
		say(r, BAD, "%s: %s", what, why);
	free(why);
	return doc;
}

static bool has_role(struct json_object *member, uint64_t id)
{
	struct json_object *roles = json_array(member, "roles");

	for (size_t i = 0; i < json_len(roles); i++) {
		uint64_t role = 0;

		(void)parse_u64(json_object_get_string(json_object_array_get_idx(roles, i)), &role);
		if (role == id)
			return true;
	}
	return false;
}

/* @everyone's role has the guild's id. */
static uint64_t permissions_of(struct json_object *guild, struct json_object *member)
{
	struct json_object *roles = json_array(guild, "roles");
	uint64_t all = 0;

	for (size_t i = 0; i < json_len(roles); i++) {
		struct json_object *role = json_object_array_get_idx(roles, i);

		if (json_id(role, "id") == json_id(guild, "id") ||
			has_role(member, json_id(role, "id")))
			all |= json_id(role, "permissions");
	}
	return all & PERMISSION_ADMINISTRATOR ? UINT64_MAX : all;
}

static void check_guild(struct report *r, uint64_t application, uint64_t bot)
{
	uint64_t id = r->config->allowed_guild_id, missing;
	struct json_object *guild, *member;
	char *url = invite_url(application, id);

	guild = ask(r, guild_get(id), "server (ALLOWED_GUILD_ID)");
	if (!guild) {
		printf("     is the bot in it? Invite it: %s\n", url);
		free(url);
		return;
	}
	say(r, GOOD, "server: %s", json_str(guild, "name") ? json_str(guild, "name") : "?");
	member = ask(r, guild_member_get(id, bot), "the bot as a member");
	missing = BOT_PERMISSIONS_NEEDED & ~permissions_of(guild, member);
	if (member && missing) {
		char *names = permission_names(missing);

		say(r, BAD, "permissions: the bot lacks %s; invite it again with the URL below",
			names);
		free(names);
	} else if (member) {
		say(r, GOOD, "permissions: all that are needed");
	}
	missing = BOT_PERMISSIONS_INVITE & ~BOT_PERMISSIONS_NEEDED & ~permissions_of(guild, member);
	if (member && missing) {
		char *names = permission_names(missing);

		say(r, WARNING,
			"permissions: without %s there is no private thread when the server "
			"has its 500 channels; invite the bot again with the URL below",
			names);
		free(names);
	}
	printf("     invite URL: %s\n", url);
	json_put(&member);
	json_put(&guild);
	free(url);
}

static void check_commands(struct report *r, uint64_t application)
{
	struct command_facts facts = {
		.edit_workflows = workflow_set_count(r->workflows, WORKFLOW_EDIT)};
	struct json_object *doc =
		ask(r, commands_get(application, r->config->allowed_guild_id), "commands");

	if (doc && commands_same(doc, &facts))
		say(r, GOOD, "commands: registered");
	else if (doc)
		say(r, WARNING,
			"commands: not registered yet, or old; the bot does it when it starts "
			"(or: fullet sync)");
	json_put(&doc);
}

static void check_discord(struct report *r)
{
	struct json_object *application, *bot;

	if (!r->config->discord_token) {
		say(r, BAD, "token: DISCORD_TOKEN is not set");
		return;
	}
	bot = ask(r, user_get(), "token");
	if (!bot)
		return;
	say(r, GOOD, "token: the bot is %s",
		json_str(bot, "username") ? json_str(bot, "username") : "?");
	application = ask(r, application_get(), "application");
	if (application && json_flag(application, "bot_public", false))
		say(r, WARNING,
			"application: anybody can invite this bot; untick Public Bot in the "
			"Developer Portal > Bot");
	if (application && !r->config->allowed_guild_id) {
		say(r, BAD, "server: ALLOWED_GUILD_ID is not set");
	} else if (application) {
		check_guild(r, json_id(application, "id"), json_id(bot, "id"));
		check_commands(r, json_id(application, "id"));
	}
	json_put(&application);
	json_put(&bot);
}

/* ---- ComfyUI ---- */

static const char *key_setting(const struct report *r)
{
	return r->config->comfy_api_keys ? "COMFY_API_KEYS" : "COMFY_API_KEY";
}

static struct json_object *ask_comfy(struct report *r, int i, const char *path)
{
	const char *server = r->config->comfy[i];
	struct comfy_config config = {.url = server, .api_key = config_comfy_key(r->config, i)};
	struct http_request req = {0};
	struct http_response res = {0};
	struct json_object *doc = NULL;
	const char *why = "what answers there is not JSON: is it a ComfyUI, or a proxy's page?";

	comfy_request(&config, HTTP_GET, path, &req);
	req.answer_max = COMFY_ANSWER_MAX;
	ask_http(&r->asker, &req, &res);
	if (res.status == 200 && http_response_is_json(&res))
		doc = json_parse(buf_str(&res.body), res.body.len, &why);
	if (res.status == 0)
		say(r, BAD,
			"ComfyUI %s: %s; is it running, with --listen if it is on another "
			"computer?",
			server, res.error ? res.error : "no answer");
	else if (res.status == 401 || res.status == 403)
		say(r, BAD, "ComfyUI %s: it refuses us (%d): check %s", server, res.status,
			key_setting(r));
	else if (!doc)
		say(r, BAD, "ComfyUI %s: %d, %s", server, res.status, why);
	http_request_free(&req);
	http_response_free(&res);
	return doc;
}

static void check_safety(struct report *r, int i)
{
	const char *server = r->config->comfy[i];
	struct url url;

	if (url_split(server, &url) < 0 || host_is_loopback(url.host)) {
		url_free(&url);
		return;
	}
	if (!url.secure)
		say(r, WARNING,
			"ComfyUI %s: plain HTTP to another computer: prompts, pictures and the key "
			"can be read on the way; put HTTPS in front of it",
			server);
	if (!config_comfy_key(r->config, i))
		say(r, WARNING,
			"ComfyUI %s: no %s: whoever reaches it can use your card; put a proxy with a "
			"key in front of it",
			server, key_setting(r));
	url_free(&url);
}

/* Members choose from what is there: an empty list is no fault, but hardly meant. */
static void check_loras(struct report *r, const char *server, const struct workflow *wf,
	struct json_object *object_info)
{
	const char *class, *input;
	struct json_object *list;
	size_t n = 0;

	if (!workflow_lora_loader(wf, &class, &input))
		return;
	list = workflow_choices(json_member(object_info, class), input);
	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));

		n += name && strcasecmp(name, "none") != 0;
	}
	if (list && n == 0)
		say(r, WARNING,
			"workflow %s on %s: it lets members choose a LoRA, and the server has none: "
			"put files into its models/loras folder",
			wf->name, server);
}

static void check_workflow(struct report *r, const char *server, const struct workflow *wf,
	struct json_object *object_info)
{
	size_t n = 0;
	char **problems;

	if (!workflow_usable(wf))
		return;
	problems = workflow_check(wf, object_info, &n);
	check_loras(r, server, wf, object_info);
	if (n == 0)
		say(r, GOOD, "workflow %s (%s): %s has all of it", wf->name, wf->title, server);
	for (size_t i = 0; i < n; i++) {
		say(r, BAD, "workflow %s on %s: %s", wf->name, server, problems[i]);
		free(problems[i]);
	}
	free(problems);
}

static void check_server(struct report *r, int i, const struct workflow_set *set)
{
	struct json_object *stats = ask_comfy(r, i, "/system_stats"), *info;
	const char *server = r->config->comfy[i];
	const struct workflow *wf;
	double vram;

	if (!stats)
		return;
	vram = json_num(stats, "devices.0.vram_total", 0);
	say(r, GOOD, "ComfyUI %s: version %s, %s, %.1f GB", server,
		json_str(stats, "system.comfyui_version")
			? json_str(stats, "system.comfyui_version")
			: "?",
		json_str(stats, "devices.0.name") ? json_str(stats, "devices.0.name") : "no card",
		vram / 1e9);
	json_put(&stats);
	check_safety(r, i);
	info = ask_comfy(r, i, "/object_info");
	for (size_t n = 0; info && (wf = workflow_set_all(set, n)); n++) {
		check_workflow(r, server, wf, info);
		if (vram > 0 && workflow_usable(wf) && (double)wf->vram_bytes > vram)
			say(r, WARNING,
				"workflow %s on %s: by its sidecar it needs %.1f GB of VRAM, and the "
				"card has %.1f",
				wf->name, server, (double)wf->vram_bytes / 1e9, vram / 1e9);
	}
	json_put(&info);
}

static void say_of_folder(void *ctx, enum log_level level, const char *subject, const char *text)
{
	say(ctx, level == LOG_ERROR ? BAD : WARNING, "%s %s", subject, text);
}

static void check_workflows(struct report *r, struct workflow_set *set)
{
	cleanup(freep) char *dir = flujos_find(r->config->flujos_dir);
	const struct log log = {LOG_WARN, say_of_folder, r};
	struct flujos *flujos = dir ? flujos_new(dir, set, &log) : NULL;
	int loaded = flujos ? flujos_load(flujos) : -1;
	const struct workflow *wf;
	size_t usable = 0, n = 0;

	flujos_free(flujos);
	if (loaded < 0) {
		say(r, BAD, "workflows: the folder %s cannot be read", dir ? dir : "flujos");
		return;
	}
	for (; (wf = workflow_set_all(set, n)); n++)
		usable += workflow_usable(wf);
	if (usable)
		say(r, GOOD, "workflows: %zu of %zu in %s can be used", usable, n, dir);
	else
		say(r, BAD, "workflows: none in %s can be used", dir);
}

/* ---- what is optional ---- */

static void check_editing(struct report *r)
{
	size_t n = workflow_set_count(r->workflows, WORKFLOW_EDIT);

	if (n > 0)
		say(r, GOOD, "editing: /edit has %zu workflow%s", n, n == 1 ? "" : "s");
	else
		say(r, WARNING,
			"editing: no workflow NAME_edit.json can be used, so there is no /edit");
}

static void check_copies(struct report *r)
{
	const char *folder = r->config->export_path;
	int e;

	if (!folder)
		return;
	e = file_keep_check(folder);
	if (e == 0)
		say(r, GOOD, "copies: %s", folder);
	else
		say(r, BAD, "copies: EXPORT_PATH %s: %s", folder, strerror(-e));
}

/* ---- the database ---- */

static void check_database(struct report *r)
{
	const char *where = database_where(r->config);
	cleanup(freep) char *about = NULL;
	struct store_db *db = NULL;
	char *why = NULL;
	int e = store_db_open_shared(where, &db, &why);

	if (e == -ENOENT ||
		e == -ENOTSUP) { /* not made yet, or to be migrated: no bot runs on it */
		free(take(why));
		e = store_db_open(where, &db, &why);
	}
	if (e == 0)
		e = store_db_check(db, &why);
	if (e == 0)
		about = store_db_about(db);
	if (e == 0)
		say(r, GOOD, "database: %s (%s)", store_db_shown(db), about ? about : "?");
	else
		say(r, BAD, "database: %s", why ? why : strerror(-e));
	free(take(why));
	if (e == 0 && (why = store_db_advice(db)))
		say(r, WARNING, "database: %s", why);
	free(why);
	store_db_close(db);
}

/* ---- strangers' pictures ---- */

struct trial {
	struct cleaner *cleaner;
	struct loop *loop;
	bool over;
	enum clean_result result;
};

static void trial_answered(void *arg, struct clean_answer *answer)
{
	struct trial *trial = arg;

	trial->over = true;
	trial->result = answer->result;
}

static int64_t trial_turn(void *ctx, int64_t now_ms)
{
	struct trial *trial = ctx;

	cleaner_poll(trial->cleaner);
	if (trial->over)
		loop_stop(trial->loop);
	return NEVER;
}

static void check_kinds(struct report *r, unsigned int decodes)
{
	struct buf can = BUF(KIB), cannot = BUF(KIB);

	for (int type = IMAGE_OTHER + 1; type < IMAGE_TYPES; type++) {
		struct buf *list = decodes & 1u << type ? &can : &cannot;

		(void)buf_printf(list, "%s%s", list->len ? ", " : "",
			image_extension((enum image_type)type));
	}
	if (cannot.len == 0)
		say(r, GOOD, "pictures from members: %s can be opened", buf_str(&can));
	else
		say(r, WARNING,
			"pictures from members: %s can be opened, %s cannot: install libheif's "
			"decoders (libde265, libdav1d)",
			can.len ? buf_str(&can) : "nothing", buf_str(&cannot));
	buf_free(&can);
	buf_free(&cannot);
}

static void check_cage(struct report *r, const struct wire_hello *cage)
{
	if (cage->privileged)
		say(r, WARNING,
			"pictures from members: their cage runs as root without rights; "
			"give the bot a user of its own");
	if (cage->landlock > 0)
		say(r, GOOD, "pictures from members: caged by seccomp and Landlock (ABI %d)",
			cage->landlock);
	else
		say(r, WARNING,
			"pictures from members: caged by seccomp alone; this kernel has no "
			"Landlock (Linux 5.13 and newer have it)");
}

static void check_pictures(struct report *r)
{
	static const struct clean_wish any;
	struct trial trial = {.loop = r->asker.loop};
	struct buf text = BUF(KIB);
	struct wire_hello cage;
	struct blob *nothing;

	(void)buf_add_str(&text, "not a picture");
	nothing = blob_take(&text);
	trial.cleaner = cleaner_new(trial.loop, NULL, NULL);
	cleaner_clean(trial.cleaner, nothing, &any, trial_answered, &trial);
	loop_run(trial.loop, trial_turn, &trial);
	if (trial.result != CLEAN_NOT_A_PICTURE) {
		say(r, BAD,
			"pictures from members: the program fullet-cleaner cannot be started, or this "
			"system has no seccomp: /edit will refuse every picture; build with ./run.sh, or "
			"install fullet anew");
	} else if (cleaner_cage(trial.cleaner, &cage)) {
		check_cage(r, &cage);
		check_kinds(r, cage.decodes);
	}
	cleaner_free(trial.cleaner);
	blob_drop(nothing);
}

static void warn_of_setting(void *ctx, const char *sentence)
{
	say(ctx, WARNING, "settings: %s", sentence);
}

int command_check(int argc, char **argv)
{
	struct report r = {.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	struct workflow_set *set;
	struct config config;
	char *why = NULL;

	if (config_load(&config, warn_of_setting, &r, &why) < 0) {
		say(&r, BAD, "settings: %s", why);
		free(why);
		return 1;
	}
	say(&r, GOOD, "settings: understood");
	r.config = &config;
	if (asker_new(&config, &r.asker) < 0) {
		config_free(&config);
		return 1;
	}
	r.workflows = set = workflow_set_new();
	check_workflows(&r, set); /* the commands depend on them */
	check_discord(&r);
	for (int i = 0; i < config.n_comfy; i++)
		check_server(&r, i, set);
	if (config.n_comfy == 0)
		say(&r, BAD, "ComfyUI: COMFY_URL is not set");
	check_pictures(&r);
	check_database(&r);
	check_editing(&r);
	check_copies(&r);
	if (r.bad == 0)
		printf("All is in order.\n");
	else
		printf(r.bad == 1 ? "One thing is not in order.\n"
				  : "%d things are not in order.\n",
			r.bad);
	workflow_set_free(set);
	asker_free(&r.asker);
	config_free(&config);
	return r.bad ? 1 : 0;
}
