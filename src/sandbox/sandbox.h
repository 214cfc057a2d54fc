/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_SANDBOX_H
#define FULLET_SANDBOX_SANDBOX_H

#include "io/loop.h"
#include "io/websocket.h"
#include "sandbox/world.h"

/*
 * A world on sockets: one server is Discord (REST below /api/v10, the gateway at /gateway, files
 * below /cdn), one is ComfyUI, one is the page, with the control interface for tests
 * below /control. Everything on one loop; nothing blocks.
 */
struct sandbox;

struct sandbox_config {
	const char *address;	      /* NULL: 127.0.0.1 */
	int page_port;		      /* the page; 0: any free one, as below */
	int discord_port, comfy_port; /* further cards: the ports after it */
	const char *cert_file,
		*key_file;     /* both set: Discord and ComfyUI speak TLS; never the page */
	const char *token;     /* the bot's; NULL: one is made */
	uint64_t guild_id;     /* 0: chosen */
	const char *comfy_key; /* what its ComfyUI demands; NULL: nothing */
	struct world_card cards[WORLD_CARDS_MAX];
	int n_cards;		  /* each has a ComfyUI; 0: one */
	bool with_comfy;	  /* false: the owner's own ComfyUI is used */
	int64_t step_ms, load_ms; /* of its ComfyUI */
	int64_t heartbeat_ms;	  /* of its gateway; 0: as Discord's */
	bool no_rate_limits;
	bool plain_pictures; /* small grey ones, which cost next to no time */
};

/* On failure *ret_why is a sentence (owned) that says what to change. */
int sandbox_new(struct loop *loop, struct lws_room *room, const struct sandbox_config *config,
	struct sandbox **ret, char **ret_why);
struct sandbox *sandbox_free(struct sandbox *s);
/* Lets the world's time pass and sends what it has to say; to be called in every turn of the loop.
 * Returns when it wants to be called next. */
int64_t sandbox_turn(struct sandbox *s, int64_t now_ms);

/* Borrowed; what a bot's settings must be to meet this world. */
const char *sandbox_token(const struct sandbox *s);
uint64_t sandbox_guild_id(const struct sandbox *s);
const char *sandbox_discord_url(const struct sandbox *s);	  /* "http://127.0.0.1:P/api/v10" */
const char *sandbox_comfy_url(const struct sandbox *s, int card); /* NULL: there is none */
const char *sandbox_page_url(const struct sandbox *s);		  /* "http://127.0.0.1:8787" */
struct world *sandbox_world(struct sandbox *s);

#endif
