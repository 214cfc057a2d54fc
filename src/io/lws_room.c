/* SPDX-License-Identifier: Apache-2.0 */
#include "io/server_in.h"
#include "io/websocket_in.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"

/* One buffer for all: what is read from a socket at once; handshake headers must fit into it. */
#define SERVICE_BUFFER_SIZE (64 * KIB)
/* Of each WebSocket client. */
#define RECEIVE_SIZE (16 * KIB)
/* Descriptors: lws makes tables of that size, by default for as many as the process may open. */
#define DESCRIPTORS_MAX	  (2 * SERVER_CONNS_MAX)
#define CONNECT_TIMEOUT_S 10

static const struct lws_protocols protocols[] = {
	{.name = LWS_CLIENT_PROTOCOL,
		.callback = websocket_callback,
		.rx_buffer_size = RECEIVE_SIZE},
	{.name = LWS_SERVER_PROTOCOL, .callback = server_callback},
	{0},
};

struct lws_vhost *lws_room_vhost(struct lws_room *room, struct lws_context_creation_info *info)
{
	info->protocols = protocols;
	/* Set but empty: otherwise lws takes $http_proxy for every vhost, loopback included. */
	info->http_proxy_address = "";
	/* lws would read all certificates of the system for each vhost, without TLS too. */
	info->options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	if (info->provided_client_ssl_ctx || info->ssl_cert_filepath)
		info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	return lws_create_vhost(room->lws, info);
}

void lws_room_kill(struct lws_room *room, struct lws *wsi)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	/* Outside of its service lws 4.1 does not arm its timer: wake it. */
	lws_cancel_service(room->lws);
}

int lws_room_new(struct loop *loop, const char *ca_file, struct lws_room **ret)
{
	struct lws_room *room = xcalloc(1, sizeof(*room));
	void *loops[] = {loop_uv(loop)};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.foreign_loops = loops,
		.fd_limit_per_thread = DESCRIPTORS_MAX,
		.pt_serv_buf_size = SERVICE_BUFFER_SIZE,
		.timeout_secs = CONNECT_TIMEOUT_S,
		.connect_timeout_secs = CONNECT_TIMEOUT_S,
		.gid = -1,
		.uid = -1,
	};

	lws_set_log_level(0, NULL);
	room->loop = loop;
	room->ca_file = xstrdup(ca_file);
	room->lws = lws_create_context(&info);
	if (!room->lws) {
		/* The libuv plugin of lws is a package of its own, opened at run time. */
		free(room->ca_file);
		free(room);
		return -ELIBACC;
	}
	*ret = room;
	return 0;
}

/*
 * lws closes its handles through the loop, and each round of closing takes one
 * iteration: the sockets, then (when the last is gone) its timers. Two destroys
 * are needed with a loop that is not its own.
 */
static void lws_down(struct lws_room *room)
{
	for (int pass = 0; pass < 2; pass++) {
		lws_context_destroy(room->lws);
		for (int i = 0; i < 4; i++)
			uv_run(loop_uv(room->loop), UV_RUN_NOWAIT);
	}
}

struct lws_room *lws_room_free(struct lws_room *room)
{
	struct websocket *ws;
	struct server *server;

	if (!room)
		return NULL;
	DL_FOREACH(room->websockets, ws)
	websocket_room_closes(ws);
	DL_FOREACH(room->servers, server)
	server_free(server);
	while (room->busy)
		uv_run(loop_uv(room->loop), UV_RUN_ONCE);
	lws_down(room);
	while ((server = room->servers)) {
		DL_DELETE(room->servers, server);
		server_drop(server);
	}
	SSL_CTX_free(room->client_tls);
	free(room->ca_file);
	free(room);
	return NULL;
}
