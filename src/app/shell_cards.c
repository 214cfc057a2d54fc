/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include "app/shell_commands.h"
#include "base/secret.h"

/*
 * The cards as administrators see them: what they are told, what they can do, and the settings that
 * are read again. A card keeps its number for the life of the process; one that was taken out of
 * the settings leaves a hole.
 */

static const char *const wish_names[] = {
	[GPU_WISH_RUN] = "run", [GPU_WISH_PAUSE] = "pause", [GPU_WISH_DRAIN] = "drain"};

/* ---- what is told ---- */

static void tell_admins(struct shell *sh, enum text_id id, const struct text_args *args)
{
	char *text = text_make(id, shell_guild_locale(sh), args);

	if (sh->admin_channel_id)
		shell_call(sh, message_plain(sh->admin_channel_id, text), CALL_IGNORED, 0, 0);
	free(text);
}

void shell_tell_card(struct shell *sh, const struct effect *e)
{
	int gpu = (int)e->id;
	enum text_id id = e->kind == FX_TELL_CARD_FAILING ? TEXT_CARD_FAILING
			  : e->kind == FX_TELL_CARD_WELL  ? TEXT_CARD_WELL
							  : TEXT_CARD_EMPTY;

	tell_admins(sh, id,
		&(struct text_args){
			.text = sh->gpu_names[gpu], .name = core_gpu_why(sh->core, gpu)});
}

char *shell_card_state(const struct shell *sh, int gpu, const char *locale)
{
	int64_t retry_ms = core_gpu_retry_ms(sh->core, gpu, shell_now(sh));
	cleanup(freep) char *retry = text_duration(retry_ms, locale);
	struct text_args args = {.number = (int64_t)core_gpu_jobs(sh->core, gpu), .text = retry};
	enum text_id id = TEXT_STATUS_DOWN;

	switch (core_gpu_state(sh->core, gpu)) {
	case GPU_UP:
		id = args.number ? TEXT_STATUS_BUSY : TEXT_STATUS_IDLE;
		break;
	case GPU_PAUSED:
		id = TEXT_STATUS_PAUSED;
		break;
	case GPU_DRAINING:
		id = TEXT_STATUS_DRAINING;
		break;
	case GPU_FAILING:
		id = retry_ms ? TEXT_STATUS_FAILING : TEXT_STATUS_TRIED;
		break;
	case GPU_DOWN:
	case GPU_GONE:
		break;
	}
	return text_make(id, locale, &args);
}

/* ---- what administrators do ---- */

/* They outlive the process: {"http://gpu1:8188":"pause"}. */
static void save_wishes(struct shell *sh)
{
	struct json_object *doc = json_object_new_object();
	char *text;

	for (int i = 0; i < sh->config.n_comfy; i++)
		if (core_gpu_exists(sh->core, i) && core_gpu_wish(sh->core, i) != GPU_WISH_RUN)
			json_add_str(doc, sh->gpu_names[i], wish_names[core_gpu_wish(sh->core, i)]);
	text = json_text(doc);
	shell_save_value(sh, "cards", text);
	free(text);
	json_put(&doc);
}

void shell_cards_load(struct shell *sh, const struct shell_past *past)
{
	cleanup(json_put) struct json_object *doc =
		past->cards ? json_parse(past->cards, strlen(past->cards), NULL) : NULL;

	for (int i = 0; i < sh->config.n_comfy; i++) {
		struct json_object *wish = json_member(doc, sh->gpu_names[i]);
		const char *name = json_object_is_type(wish, json_type_string)
					   ? json_object_get_string(wish)
					   : NULL;

		for (size_t k = 0; k < countof(wish_names); k++)
			if (k != GPU_WISH_RUN && str_eq(name, wish_names[k])) {
				core_gpu_set(sh->core, i, (enum gpu_wish)k, shell_now(sh));
				shell_log(sh, LOG_WARN, NULL,
					"an administrator has set the card %s to \"%s\": /admin "
					"resume with this card ends it",
					sh->gpu_names[i], name);
			}
	}
}

/* By its number, its address, or what is only in one address. -1: there is none, or several. */
static int find_card(const struct shell *sh, const char *typed)
{
	int found = -1, n = 0;
	uint64_t number;

	if (parse_u64(typed, &number) == 0)
		return number >= 1 && number <= (uint64_t)sh->config.n_comfy &&
				       core_gpu_exists(sh->core, (int)number - 1)
			       ? (int)number - 1
			       : -1;
	for (int i = 0; i < sh->config.n_comfy && *typed; i++) {
		if (!core_gpu_exists(sh->core, i))
			continue;
		if (str_eq(sh->gpu_names[i], typed))
			return i;
		if (strcasestr(sh->gpu_names[i], typed)) {
			found = i;
			n++;
		}
	}
	return n == 1 ? found : -1;
}

void shell_card_set(struct shell *sh, struct interaction *it, const char *typed, enum gpu_wish wish)
{
	static const enum text_id texts[] = {[GPU_WISH_RUN] = TEXT_CARD_RUN,
		[GPU_WISH_PAUSE] = TEXT_CARD_PAUSE,
		[GPU_WISH_DRAIN] = TEXT_CARD_DRAIN};
	int gpu = find_card(sh, typed);

	if (gpu < 0) {
		shell_refuse(sh, it, TEXT_CARD_UNKNOWN, &(struct text_args){.text = typed});
		return;
	}
	shell_log(sh, LOG_INFO, NULL, "the card %s is to \"%s\" now", sh->gpu_names[gpu],
		wish_names[wish]);
	core_gpu_set(sh->core, gpu, wish, shell_now(sh));
	save_wishes(sh);
	shell_say_changed(sh, it, texts[wish], &(struct text_args){.number = gpu + 1});
}

/* ---- settings that are read again ---- */

void shell_card_own(struct shell *sh, int gpu, const struct comfy_config *config)
{
	struct comfy_config *own = &sh->config.comfy[gpu];

	*own = *config;
	own->url = xstrdup(config->url);
	own->api_key = secret_dup(config->api_key);
	sh->gpu_names[gpu] = xstrdup(config->url);
	sh->comfy[gpu] = (struct shell_comfy){
		.shell = sh, .index = gpu, .client = comfy_client_new(own, &sh->rng)};
}

void shell_card_free(struct shell *sh, int gpu)
{
	struct shell_comfy *c = &sh->comfy[gpu];

	if (c->ws)
		sh->ports.ws_abandon(sh->ports.ctx, c->ws);
	comfy_client_free(c->client);
	free(c->about);
	shell_lora_free(c);
	free(sh->gpu_names[gpu]);
	free((char *)sh->config.comfy[gpu].url);
	secret_free((char *)sh->config.comfy[gpu].api_key);
}

static void add_card(struct shell *sh, const struct comfy_config *config, int64_t vram_mb)
{
	int gpu = sh->config.n_comfy;

	if (gpu == COMFY_SERVERS_MAX) {
		shell_log(sh, LOG_WARN, "config",
			"the card %s is not taken: %d different ones are the most until a restart",
			config->url, COMFY_SERVERS_MAX);
		return;
	}
	shell_card_own(sh, gpu, config);
	sh->config.gpu_vram_mb[gpu] = vram_mb;
	sh->config.n_comfy++;
	shell_log(sh, LOG_INFO, "config", "the card %s is new", config->url);
	core_gpu_add(sh->core, gpu, shell_now(sh));
	comfy_start(sh->comfy[gpu].client, shell_now(sh));
}

/* It was there before. */
static void keep_card(struct shell *sh, int gpu, const struct comfy_config *config, int64_t vram_mb)
{
	struct comfy_config *own = &sh->config.comfy[gpu];

	if (own->api_key != config->api_key && !str_eq(own->api_key, config->api_key)) {
		char *old = (char *)own->api_key;

		own->api_key = secret_dup(config->api_key);
		comfy_set_key(sh->comfy[gpu].client, own->api_key);
		secret_free(old);
		shell_log(sh, LOG_INFO, "config", "the card %s has another key", config->url);
	}
	if (sh->config.gpu_vram_mb[gpu] != vram_mb) {
		sh->config.gpu_vram_mb[gpu] = vram_mb;
		core_gpu_vram(sh->core, gpu, shell_now(sh));
	}
	if (core_gpu_exists(sh->core, gpu))
		return;
	shell_log(sh, LOG_INFO, "config", "the card %s is back", config->url);
	core_gpu_add(sh->core, gpu, shell_now(sh));
	comfy_stop(sh->comfy[gpu].client, shell_now(sh)); /* so that it tells whether it is up */
	comfy_start(sh->comfy[gpu].client, shell_now(sh));
}

void shell_cards_reload(
	struct shell *sh, const struct comfy_config *cards, const int64_t *vram_mb, int n)
{
	bool kept[COMFY_SERVERS_MAX] = {false};
	int before = sh->config.n_comfy;

	for (int i = 0; i < n; i++) {
		int gpu = 0;

		while (gpu < before && (kept[gpu] || !str_eq(sh->gpu_names[gpu], cards[i].url)))
			gpu++;
		if (gpu < before)
			keep_card(sh, gpu, &cards[i], vram_mb[i]);
		else
			add_card(sh, &cards[i], vram_mb[i]);
		if (gpu < before)
			kept[gpu] = true;
	}
	for (int gpu = 0; gpu < before; gpu++) {
		if (kept[gpu] || !core_gpu_exists(sh->core, gpu))
			continue;
		shell_log(sh, LOG_INFO, "config",
			core_gpu_is_up(sh->core, gpu)
				? "the card %s is taken out: %zu pictures on it are finished first"
				: "the card %s, which does not answer, is taken out: %zu jobs on it go "
				  "back to their places in line",
			sh->gpu_names[gpu], core_gpu_jobs(sh->core, gpu));
		core_gpu_remove(sh->core, gpu, shell_now(sh));
		sh->comfy[gpu].leaving = true;
	}
	save_wishes(sh);
}

bool shell_cards_pump(struct shell *sh)
{
	bool moved = false;

	for (int i = 0; i < sh->config.n_comfy; i++) {
		struct shell_comfy *c = &sh->comfy[i];

		if (!c->leaving)
			continue;
		if (!core_gpu_exists(sh->core, i) && core_gpu_jobs(sh->core, i) > 0)
			continue;
		c->leaving = false;
		if (core_gpu_exists(sh->core, i))
			continue; /* it came back */
		comfy_stop(c->client, shell_now(sh));
		shell_log(sh, LOG_INFO, "config", "the card %s is let go", sh->gpu_names[i]);
		moved = true;
	}
	return moved;
}

void shell_reload_refused(struct shell *sh, const char *why)
{
	tell_admins(sh, TEXT_RELOAD_REFUSED, &(struct text_args){.text = why});
}
