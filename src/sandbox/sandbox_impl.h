/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_SANDBOX_IMPL_H
#define FULLET_SANDBOX_SANDBOX_IMPL_H

#include "base/json.h"
#include "sandbox/draw.h"
#include "sandbox/sandbox.h"

/* What sandbox*.c share. */

enum link_kind {
	LINK_SOCKET,  /* a WebSocket of the world */
	LINK_HANG,    /* an answer that a fault withholds; cut at due_ms */
	LINK_WAIT,    /* /control/wait: answered when the version passes `version` */
	LINK_CHOICES, /* an autocomplete that waits for the bot's answer */
	LINK_EVENTS,  /* server-sent events of a page */
};

/* A connection that lives longer than one call. */
struct link {
	enum link_kind kind;
	struct server_conn *conn;
	uint64_t id; /* socket: its number in the world; choices: the interaction */
	bool open;   /* socket: the handshake is done */
	uint64_t version;
	int64_t due_ms;
	struct world_output *waiting; /* socket: outputs before the handshake was done */
	size_t n_waiting;
	struct link *prev, *next;
};

/* A pretend member that was made here. */
struct pretend {
	uint64_t id;
	char *name;
	bool admin;
};

#define PRETEND_MAX 1200
#define LINKS_MAX   2000

/* One of the servers; the context of its callbacks. */
struct side {
	struct sandbox *sandbox;
	int side; /* enum world_side, or a further card */
	struct server *server;
};

struct sandbox {
	struct loop *loop;
	struct world *world;
	struct drawer *drawer;
	struct side discord, page, comfy[WORLD_CARDS_MAX];
	char *token, *discord_url, *gateway_url, *cdn_url, *page_url;
	char *comfy_url[WORLD_CARDS_MAX];
	uint64_t guild_id;
	bool any_host; /* the page listens beyond loopback: IP literals are accepted as Host */
	struct link *links;
	size_t n_links;
	uint64_t next_conn;
	uint64_t told_version; /* what the pages were last told */
	struct pretend users[PRETEND_MAX];
	size_t n_users;
};

/* sandbox.c */
/* NULL when there are too many. */
struct link *sandbox_link(struct sandbox *s, enum link_kind kind, struct server_conn *conn);
void sandbox_unlink(struct sandbox *s, struct link *l);
uint64_t sandbox_add_user(struct sandbox *s, const char *name, bool admin);

/* sandbox_page.c: the page's server */
extern const struct server_events sandbox_page_events;
void sandbox_answer_json(
	struct server_conn *conn, int status, struct json_object *body); /* consumes */
/* The choices of an interaction that were answered, or NULL; owned. */
struct json_object *sandbox_choices(struct sandbox *s, uint64_t interaction_id);
/* choices: consumed; NULL: the bot did not answer. */
void sandbox_answer_choices(struct server_conn *conn, struct json_object *choices);
void sandbox_answer_version(struct sandbox *s, struct server_conn *conn);

/* The page's files, embedded by the build. */
struct page_file {
	const char *name, *type;
	const unsigned char *data;
	size_t len;
};
extern const struct page_file sandbox_page_files[]; /* ends with name NULL */

#endif
