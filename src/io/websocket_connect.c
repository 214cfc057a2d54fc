/* SPDX-License-Identifier: Apache-2.0 */
#include "io/websocket_in.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>

#include "io/proxy.h"
#include "io/trust.h"

static bool load_system_certificates(SSL_CTX *tls)
{
	const char *folder = trust_folder();

	return folder ? SSL_CTX_load_verify_dir(tls, folder) == 1
		      : SSL_CTX_set_default_verify_paths(tls) == 1;
}

static SSL_CTX *client_tls(struct lws_room *room)
{
	SSL_CTX *tls = room->client_tls;

	if (tls)
		return tls;
	tls = SSL_CTX_new(TLS_client_method());
	if (!tls)
		return NULL;
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	if (room->ca_file ? SSL_CTX_load_verify_file(tls, room->ca_file) != 1
			  : !load_system_certificates(tls)) {
		SSL_CTX_free(tls);
		return NULL;
	}
	return room->client_tls = tls;
}

static struct lws_vhost *client_vhost(struct websocket *ws)
{
	bool secure = ws->url.secure, proxied = ws->proxy.host;
	struct lws_vhost **vhost = &ws->room->clients[secure][proxied];
	struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN};

	if (*vhost)
		return *vhost;
	info.vhost_name = secure ? (proxied ? "wss-proxy" : "wss") : (proxied ? "ws-proxy" : "ws");
	if (secure) {
		info.provided_client_ssl_ctx = client_tls(ws->room);
		if (!info.provided_client_ssl_ctx)
			return NULL;
	}
	return *vhost = lws_room_vhost(ws->room, &info);
}

/* Tells lws the proxy's address; the peer's name goes into the CONNECT then. */
static int use_proxy(struct websocket *ws, struct lws_vhost *vhost, const char *address)
{
	const char *userinfo = ws->proxy.userinfo;
	cleanup(freep) char *user = userinfo ? url_decode(userinfo, strlen(userinfo)) : NULL;
	cleanup(freep) char *text = xasprintf(strchr(address, ':') ? "%s%s[%s]:%d" : "%s%s%s:%d",
		user ? user : "", user ? "@" : "", address, ws->proxy.port);

	return lws_set_proxy(vhost, text);
}

/* 0: lws will call back, with success or failure. */
static int attempt(struct websocket *ws, struct lws_vhost *vhost, const char *address)
{
	const struct url *url = &ws->url;
	const char *name = strchr(url->host, ':') ? "[%s]" : "%s";
	cleanup(freep) char *host = xasprintf(name, url->host);
	cleanup(freep) char *host_port = xasprintf("%s:%d", host, url->port);
	struct lws_client_connect_info info = {
		.context = ws->room->lws,
		.vhost = vhost,
		.address = ws->proxy.host ? url->host : address,
		.port = url->port,
		.path = url->path,
		.host = url->port == (url->secure ? 443 : 80) ? host : host_port,
		.ssl_connection =
			LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (url->secure ? LCCSCF_USE_SSL : 0),
		.alpn = "http/1.1",
		.local_protocol_name = LWS_CLIENT_PROTOCOL,
		.opaque_user_data = ws,
		.pwsi = &ws->wsi,
	};

	if (ws->proxy.host && use_proxy(ws, vhost, address) < 0)
		return -EINVAL;
	if (lws_client_connect_via_info(&info))
		return 0;
	ws->wsi = NULL;
	return -ECONNREFUSED;
}

static void on_attempt(uv_timer_t *timer)
{
	struct websocket *ws = timer->data;
	struct lws_vhost *vhost;
	cleanup(freep) char *text = NULL;

	/* A server that answered is the right one: another address would say the same. */
	if (!ws->http_status && ws->next_address < ws->n_addresses) {
		vhost = client_vhost(ws);
		if (!vhost)
			str_set(&ws->why, "the CA certificates cannot be read");
		else if (attempt(ws, vhost, ws->addresses[ws->next_address++]) == 0)
			return;
		/* lws says why in a callback, which has come already, or not at all. */
		if (vhost && ws->next_address < ws->n_addresses) {
			uv_timer_start(timer, on_attempt, 0, 0);
			return;
		}
	}
	text = xasprintf("%s: %s", ws->url.host, ws->why ? ws->why : "no connection");
	websocket_finish(ws, text);
}

void websocket_attempt_failed(struct websocket *ws, const char *why)
{
	str_set(&ws->why, why);
	ws->wsi = NULL;
	uv_timer_start(&ws->timer, on_attempt, 0, 0);
}

static void add_address(struct websocket *ws, int family, const void *address)
{
	if (ws->n_addresses < WEBSOCKET_ADDRESSES_MAX &&
		inet_ntop(
			family, address, ws->addresses[ws->n_addresses], sizeof(ws->addresses[0])))
		ws->n_addresses++;
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
	struct websocket *ws = lookup->data;

	ws->looking_up = false;
	for (struct addrinfo *a = found; status == 0 && a; a = a->ai_next) {
		if (a->ai_family == AF_INET)
			add_address(ws, AF_INET, &((struct sockaddr_in *)a->ai_addr)->sin_addr);
		else if (a->ai_family == AF_INET6)
			add_address(ws, AF_INET6, &((struct sockaddr_in6 *)a->ai_addr)->sin6_addr);
	}
	uv_freeaddrinfo(found);
	if (!ws->finished) {
		str_set(&ws->why, status < 0 ? "the name cannot be resolved" : "no address");
		uv_timer_start(&ws->timer, on_attempt, 0, 0);
	}
	websocket_lookup_done(ws);
}

static void look_up(struct websocket *ws, const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	uint8_t binary[sizeof(struct in6_addr)];

	if (str_eq(name, "localhost")) {
		/* RFC 6761: never a question to a server. */
		add_address(ws, AF_INET, &(struct in_addr){htonl(INADDR_LOOPBACK)});
		add_address(ws, AF_INET6, &in6addr_loopback);
	} else if (inet_pton(AF_INET, name, binary) == 1) {
		add_address(ws, AF_INET, binary);
	} else if (inet_pton(AF_INET6, name, binary) == 1) {
		add_address(ws, AF_INET6, binary);
	} else if (uv_getaddrinfo(loop_uv(ws->room->loop), &ws->lookup, on_lookup, name, NULL,
			   &hints) == 0) {
		ws->looking_up = true;
		ws->handles++;
		ws->room->busy++;
		return;
	}
	uv_timer_start(&ws->timer, on_attempt, 0, 0);
}

void websocket_find_way(struct websocket *ws)
{
	cleanup(freep) char *proxy = NULL;
	cleanup(freep) char *with_scheme = NULL;

	ws->lookup.data = ws;
	if (url_split(ws->request.url, &ws->url) < 0) {
		ws->url.host = xstrdup("WebSocket");
		str_set(&ws->why, "the URL is malformed");
		uv_timer_start(&ws->timer, on_attempt, 0, 0);
		return;
	}
	proxy = proxy_for(ws->url.host, ws->url.secure);
	if (proxy) {
		with_scheme = strstr(proxy, "://") ? xstrdup(proxy) : xasprintf("http://%s", proxy);
		if (url_split(with_scheme, &ws->proxy) < 0 || ws->proxy.secure) {
			str_set(&ws->why, "only http:// proxies can carry a WebSocket");
			uv_timer_start(&ws->timer, on_attempt, 0, 0);
			return;
		}
	}
	look_up(ws, ws->proxy.host ? ws->proxy.host : ws->url.host);
}
