/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_WEBSOCKET_IN_H
#define FULLET_IO_WEBSOCKET_IN_H

#include <netinet/in.h>

#include "io/lws_in.h"

#define WEBSOCKET_ADDRESSES_MAX 6

struct ws_message;

struct websocket {
	struct lws_room *room;
	struct websocket *prev, *next;
	const struct websocket_events *events;
	void *arg;
	struct http_request request; /* url and headers */
	struct url url;
	struct url proxy; /* host NULL: direct */
	size_t message_max;

	/* The timer starts each attempt to connect, and later limits the wait for a close. */
	uv_timer_t timer;
	uv_getaddrinfo_t lookup;
	bool looking_up;
	int handles; /* of these two, how many still have to come back */
	char addresses[WEBSOCKET_ADDRESSES_MAX][INET6_ADDRSTRLEN];
	size_t n_addresses, next_address;

	struct lws *wsi;
	bool open, abandoned, finished;
	struct buf message; /* being put together */
	struct ws_message *out;
	size_t out_len;
	int close_wanted;     /* our code, 0: none */
	const char *why_ours; /* why we close it of our own accord */
	int close_code;	      /* what closed() will say */
	int http_status;
	char *why;
};

/* Finds the way to the peer; the first attempt follows from the loop. */
void websocket_find_way(struct websocket *ws);
/* lws reported that an attempt failed: the next address, or the end. */
void websocket_attempt_failed(struct websocket *ws, const char *why);
void websocket_lookup_done(struct websocket *ws);
/* The one way out: tells the owner once, and frees when libuv has let go. */
void websocket_finish(struct websocket *ws, const char *why);

#endif
