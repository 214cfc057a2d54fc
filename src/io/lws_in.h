/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_LWS_IN_H
#define FULLET_IO_LWS_IN_H

#include <libwebsockets.h>
#include <openssl/ssl.h>

#include "io/loop_in.h"
#include "io/websocket.h"

/* What the client and the server of this room share. */
struct lws_room {
	struct loop *loop;
	struct lws_context *lws;
	char *ca_file;
	SSL_CTX *client_tls;		 /* made when first needed */
	struct lws_vhost *clients[2][2]; /* [TLS][through a proxy], made when first needed */
	struct lws_vhost *plain_server;	 /* of all servers without TLS, made when first needed */
	struct websocket *websockets;
	struct server *servers;
	int busy; /* name lookups and handles that still have to come back */
};

/* A vhost without a listening socket. NULL when lws refuses it. */
struct lws_vhost *lws_room_vhost(struct lws_room *room, struct lws_context_creation_info *info);

/*
 * Has lws close the connection at once (it does so from its own service only);
 * its callbacks come with the opaque pointer that is set then.
 */
void lws_room_kill(struct lws_room *room, struct lws *wsi);

/* Protocols of a client vhost and of a server vhost. */
int websocket_callback(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
int server_callback(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#define LWS_CLIENT_PROTOCOL "websocket"
#define LWS_SERVER_PROTOCOL "server"

/* On the way down: nothing is called any more. */
void websocket_room_closes(struct websocket *ws);
struct server *server_drop(struct server *server);

#endif
