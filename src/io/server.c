/* SPDX-License-Identifier: Apache-2.0 */
#include "io/server_in.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/limits.h"

/* How much is handed to lws at once; what a socket does not take, lws copies. */
#define WRITE_SIZE (256 * KIB)
#define STALLED_S  60 /* a peer that does not read */
#define DISCARD_S  2  /* what a peer still sends to a closed connection is read so long */

struct out_chunk {
	struct out_chunk *prev, *next;
	size_t len, done;
	unsigned char bytes[];
};

/* ---- a connection ---- */

void conn_deadline(struct server_conn *conn, int seconds)
{
	conn->deadline_s = seconds;
	if (!conn->killed && !conn->stalled)
		lws_set_timeout(conn->wsi,
			seconds ? PENDING_TIMEOUT_USER_REASON_BASE : NO_PENDING_TIMEOUT, seconds);
}

void conn_send(struct server_conn *conn, const void *data, size_t len)
{
	struct out_chunk *chunk;

	if (conn->state == CONN_GONE || !len)
		return;
	if (len > SERVER_OUT_MAX - min_of(conn->out_len, SERVER_OUT_MAX)) {
		conn_kill(conn);
		return;
	}
	chunk = xcalloc(1, sizeof(*chunk) + len);
	chunk->len = len;
	memcpy(chunk->bytes, data, len);
	DL_APPEND(conn->out, chunk);
	conn->out_len += len;
	if (!conn->stalled)
		lws_callback_on_writable(conn->wsi);
}

static void out_drop(struct server_conn *conn)
{
	struct out_chunk *chunk;

	while ((chunk = conn->out)) {
		DL_DELETE(conn->out, chunk);
		free(chunk);
	}
	conn->out_len = 0;
}

void conn_kill(struct server_conn *conn)
{
	if (conn->state == CONN_GONE)
		return;
	out_drop(conn);
	conn->killed = conn->close_after_out = true;
	lws_room_kill(conn->server->room, conn->wsi);
}

/*
 * What the socket does not take is kept by lws, which then reads nothing until it
 * is written, yet would be woken by input again and again: so stop reading.
 */
static int conn_writable(struct server_conn *conn)
{
	struct out_chunk *chunk = conn->out;
	size_t n;

	if (conn->killed)
		return -1;
	if (conn->stalled) {
		conn->stalled = false;
		lws_rx_flow_control(conn->wsi, 1);
		conn_deadline(conn, conn->deadline_s);
	}
	if (!chunk) {
		if (!conn->close_after_out)
			return 0;
		if (conn->state != CONN_DISCARD || conn->server->tls)
			return -1;
		/* Let the peer read the answer before our closing tells it to stop sending. */
		shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
		conn->close_after_out = false;
		conn_deadline(conn, DISCARD_S);
		return 0;
	}
	n = min_of(chunk->len - chunk->done, WRITE_SIZE);
	if (lws_write(conn->wsi, chunk->bytes + chunk->done, n, LWS_WRITE_RAW) < 0)
		return -1;
	chunk->done += n;
	conn->out_len -= n;
	if (chunk->done == chunk->len) {
		DL_DELETE(conn->out, chunk);
		free(chunk);
	}
	if (lws_partial_buffered(conn->wsi)) {
		conn->stalled = true;
		lws_rx_flow_control(conn->wsi, 0);
		lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, STALLED_S);
	}
	if (conn->out || conn->close_after_out || conn->stalled)
		lws_callback_on_writable(conn->wsi);
	return 0;
}

static int conn_received(struct server_conn *conn, const void *data, size_t len)
{
	struct server *server = conn->server;

	if (conn->killed)
		return -1;
	if (conn->close_after_out || conn->state == CONN_DISCARD)
		return 0;
	if (buf_add(&conn->in, data, len) < 0)
		return -1;
	loop_touch(server->room->loop);
	if (conn->state == CONN_SOCKET)
		socket_input(conn);
	else
		http_input(conn);
	return 0;
}

static void conn_gone(struct server_conn *conn)
{
	struct server *server = conn->server;

	conn->state = CONN_GONE;
	if (conn->known && !server->closed) {
		loop_touch(server->room->loop);
		server->events->gone(server->ctx, conn);
	}
	DL_DELETE(server->conns, conn);
	server->n_conns--;
	out_drop(conn);
	buf_free(&conn->in);
	buf_free(&conn->body);
	ws_reader_free(&conn->reader);
	http_request_free(&conn->request);
	free(conn);
}

int server_callback(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct server_conn *conn = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	if (!conn)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_RAW_RX:
		return conn_received(conn, in, len);
	case LWS_CALLBACK_RAW_WRITEABLE:
		return conn_writable(conn);
	case LWS_CALLBACK_RAW_CLOSE:
	case LWS_CALLBACK_WSI_DESTROY:
		/* A TLS handshake that fails has no RAW_CLOSE. */
		lws_set_opaque_user_data(wsi, NULL);
		conn_gone(conn);
		return 0;
	default:
		return 0;
	}
}

/* ---- the server ---- */

static void conn_new(struct server *server, int fd)
{
	struct server_conn *conn;
	lws_sock_file_fd_type socket = {.sockfd = fd};
	struct lws *wsi;
	int one = 1;

	if (server->n_conns >= SERVER_CONNS_MAX) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* lws closes the socket itself when it does not want it. */
	wsi = lws_adopt_descriptor_vhost(server->vhost,
		LWS_ADOPT_SOCKET | (server->tls ? LWS_ADOPT_ALLOW_SSL : 0), socket,
		LWS_SERVER_PROTOCOL, NULL);
	if (!wsi)
		return;
	conn = xcalloc(1, sizeof(*conn));
	conn->server = server;
	conn->wsi = wsi;
	conn->in = BUF(server->body_max + SERVER_HEAD_MAX + SERVER_WS_MESSAGE_MAX);
	conn->body = BUF(server->body_max);
	conn->reader.message = BUF(SERVER_WS_MESSAGE_MAX);
	DL_APPEND(server->conns, conn);
	server->n_conns++;
	lws_set_opaque_user_data(wsi, conn);
	conn_deadline(conn, CONN_IDLE_S);
}

static void on_connections(uv_poll_t *poll, int status, int events)
{
	struct server *server = poll->data;
	int fd;

	while ((fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		conn_new(server, fd);
}

static int server_listen(struct server *server, const struct server_config *config)
{
	struct sockaddr_storage at = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&at;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&at;
	socklen_t len = sizeof(at);
	int one = 1;

	if (uv_ip4_addr(config->address, config->port, four) < 0 &&
		uv_ip6_addr(config->address, config->port, six) < 0)
		return -EINVAL;
	server->fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->fd < 0)
		return -errno;
	setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(server->fd, (struct sockaddr *)&at,
		    at.ss_family == AF_INET ? sizeof(*four) : sizeof(*six)) < 0 ||
		listen(server->fd, SOMAXCONN) < 0 ||
		getsockname(server->fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	server->port = ntohs(at.ss_family == AF_INET ? four->sin_port : six->sin6_port);
	return 0;
}

static struct lws_vhost *server_vhost(struct lws_room *room, const struct server_config *config)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.vhost_name = "server",
		.options = LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG,
		.listen_accept_role = "raw-skt",
		.listen_accept_protocol = LWS_SERVER_PROTOCOL,
		/* Not h2: uploads of more than some 250 KB to lws's HTTP/2 stall. */
		.alpn = "http/1.1",
	};

	if (!config->cert_file || !config->key_file) {
		if (!room->plain_server)
			room->plain_server = lws_room_vhost(room, &info);
		return room->plain_server;
	}
	info.vhost_name = "tls-server";
	info.ssl_cert_filepath = config->cert_file;
	info.ssl_private_key_filepath = config->key_file;
	info.ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
	return lws_room_vhost(room, &info);
}

int server_new(struct lws_room *room, const struct server_config *config,
	const struct server_events *events, void *ctx, struct server **ret, char **ret_why)
{
	struct server *server = xcalloc(1, sizeof(*server));
	int r;

	server->room = room;
	server->events = events;
	server->ctx = ctx;
	server->body_max = config->body_max;
	server->tls = config->cert_file && config->key_file;
	server->fd = -1;
	r = server_listen(server, config);
	if (r < 0) {
		*ret_why = xasprintf("cannot listen on %s port %d: %s", config->address,
			config->port, strerror(-r));
	} else {
		server->vhost = server_vhost(room, config);
		if (!server->vhost) {
			r = -EINVAL;
			*ret_why = xstrdup("the certificate or its key cannot be used");
		}
	}
	if (r < 0) {
		if (server->fd >= 0)
			close(server->fd);
		free(server);
		return r;
	}
	uv_poll_init_socket(loop_uv(room->loop), &server->listener, server->fd);
	server->listener.data = server;
	uv_poll_start(&server->listener, UV_READABLE, on_connections);
	room->busy++;
	DL_APPEND(room->servers, server);
	*ret = server;
	return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct server *server = handle->data;

	server->room->busy--;
}

struct server *server_free(struct server *server)
{
	struct server_conn *conn;

	if (!server || server->closed)
		return NULL;
	server->closed = true;
	uv_poll_stop(&server->listener);
	close(server->fd);
	uv_close((uv_handle_t *)&server->listener, on_listener_closed);
	DL_FOREACH(server->conns, conn)
	conn_kill(conn);
	return NULL;
}

struct server *server_drop(struct server *server)
{
	while (server->conns)
		conn_gone(server->conns);
	free(server);
	return NULL;
}

int server_port(const struct server *server)
{
	return server->port;
}

void server_cut(struct server_conn *conn)
{
	conn_kill(conn);
}

void server_conn_set(struct server_conn *conn, void *user)
{
	conn->user = user;
}

void *server_conn_get(struct server_conn *conn)
{
	return conn->user;
}
