/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/limits.h"
#include "base/secret.h"
#include "io/loop_in.h"
#include "io/trust.h"

#define UNSENT_MAX (128 * 1024)

#define TIMEOUT_DEFAULT_MS 30000
/* An upload has minutes, for slow lines. One that gets nowhere, or has no answer, ends as early as
 * the others. */
#define UPLOAD_STILL_S	   (TIMEOUT_DEFAULT_MS / 1000L)
#define ANSWER_DEFAULT_MAX (1 * MIB)
/* No more memory than this is set aside because a server says so; longer answers grow. */
#define RESERVE_MAX ((curl_off_t)(16 * MIB))

/* A socket of curl's that the loop watches. */
struct watch {
	struct http_client *client;
	uv_poll_t poll;
	curl_socket_t fd;
};

/* Where curl is in a part that it reads without a copy. */
struct reading {
	struct blob *blob;
	size_t at;
};

struct transfer {
	struct http_client *client;
	CURL *easy;
	curl_mime *mime;
	struct curl_slist *headers;
	char *host; /* for error sentences */
	struct http_response response;
	bool once; /* POST: not to be sent twice */
	bool sent; /* the first byte may have left */
	bool too_long;
	const char *refused; /* why it was never started */
	char reason[CURL_ERROR_SIZE];
	http_done *done;
	void *arg;
	struct transfer *prev, *next;
};

struct http_client {
	struct loop *loop;
	CURLM *multi;
	uv_timer_t timer;
	uv_timer_t refusals; /* due at once: reports requests that were never started */
	int open_handles;
	char *ca_file;
	char *ca_folder;	    /* the system's, when no file is given */
	struct transfer *transfers; /* running */
	struct transfer *refused;
};

static struct transfer *transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_mime_free(t->mime);
	for (struct curl_slist *line = t->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data)); /* Authorization */
	curl_slist_free_all(t->headers);
	http_response_free(&t->response);
	free(t->host);
	free(t);
	return NULL;
}

/* ---- the answer ---- */

/* Room for the whole answer at once, when the server has told its length. */
static void reserve_body(struct transfer *t)
{
	curl_off_t length = -1;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > 0)
		buf_reserve(&t->response.body, (size_t)min_of(length, RESERVE_MAX));
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (!t->response.body.data)
		reserve_body(t);
	if (buf_add(&t->response.body, data, size * n) < 0) {
		t->too_long = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return size * n;
}

static void headers_forget(struct http_response *res)
{
	struct buf body = res->body;

	res->body = (struct buf){0};
	http_response_free(res);
	res->body = body;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	const char *colon = memchr(data, ':', len);
	char *name, *value;

	/* A status line: what came before belonged to an interim answer (100, 103). */
	if (len >= 5 && strncasecmp(data, "HTTP/", 5) == 0)
		headers_forget(&t->response);
	else if (colon) {
		const char *end = data + len, *p = colon + 1;

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		while (end > p && (unsigned char)end[-1] <= ' ')
			end--;
		name = xstrndup(data, (size_t)(colon - data));
		value = xstrndup(p, (size_t)(end - p));
		http_response_header(&t->response, name, value);
		free(name);
		free(value);
	}
	return len;
}

/*
 * curl's own sentences for these say host, port and reason, which is what helps;
 * of all others only the general sentence of the code is used, for no text that
 * might quote a URL may reach a log (interaction tokens stand in paths).
 */
static bool reason_is_clean(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return true;
	default:
		return false;
	}
}

static char *transfer_error(const struct transfer *t, CURLcode code)
{
	if (t->refused)
		return xasprintf("%s: %s", t->host, t->refused);
	if (t->too_long || code == CURLE_FILESIZE_EXCEEDED)
		return xasprintf(
			"%s: the answer is longer than %zu bytes", t->host, t->response.body.max);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return xasprintf("%s: the connection broke before the answer", t->host);
	if (reason_is_clean(code) && *t->reason)
		return xasprintf("%s: %s", t->host, t->reason);
	return xasprintf("%s: %s", t->host, curl_easy_strerror(code));
}

/*
 * curl is connected and about to send. When a kept connection breaks before any answer, curl
 * takes it for one that was closed while idle and sends the request again by itself; but the server
 * may have acted on it, and what must not happen twice is for the caller to judge.
 */
static int on_ready(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct transfer *t = arg;

	if (t->sent && t->once)
		return CURL_PREREQFUNC_ABORT;
	t->sent = true;
	return CURL_PREREQFUNC_OK;
}

static void transfer_finish(struct transfer *t, CURLcode code)
{
	struct http_response response;
	long status = 0;

	if (code == CURLE_OK && !t->refused) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		t->response.status = (int)status;
		t->response.maybe_sent = true;
	} else {
		t->response.error = transfer_error(t, code);
		t->response.too_long |= t->too_long || code == CURLE_FILESIZE_EXCEEDED;
		t->response.maybe_sent = t->sent;
	}
	response = t->response;
	t->response = (struct http_response){0};
	loop_touch(t->client->loop);
	t->done(t->arg, &response);
	http_response_free(&response);
	transfer_free(t);
}

/* ---- curl on the loop ---- */

static void report_finished(struct http_client *client)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(client->multi, &left))) {
		struct transfer *t;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		curl_multi_remove_handle(client->multi, t->easy);
		DL_DELETE(client->transfers, t);
		transfer_finish(t, code);
	}
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct http_client *client = watch->client;
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
		    (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
		    (status < 0 ? CURL_CSELECT_ERR : 0);
	int running;

	curl_multi_socket_action(client->multi, watch->fd, flags, &running);
	report_finished(client);
}

static void on_timeout(uv_timer_t *timer)
{
	struct http_client *client = timer->data;
	int running;

	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	report_finished(client);
}

static int timer_wanted(CURLM *multi, long ms, void *arg)
{
	struct http_client *client = arg;

	if (ms < 0)
		uv_timer_stop(&client->timer);
	else
		uv_timer_start(&client->timer, on_timeout, (uint64_t)ms, 0);
	return 0;
}

static void watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	watch->client->open_handles--;
	free(watch);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_client *client = arg;
	struct watch *watch = socket_arg;
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	if (what == CURL_POLL_REMOVE) {
		if (watch) {
			curl_multi_assign(client->multi, fd, NULL);
			uv_poll_stop(&watch->poll);
			uv_close((uv_handle_t *)&watch->poll, watch_closed);
		}
		return 0;
	}
	if (!watch) {
		watch = xcalloc(1, sizeof(*watch));
		watch->client = client;
		watch->fd = fd;
		watch->poll.data = watch;
		if (uv_poll_init_socket(loop_uv(client->loop), &watch->poll, fd) < 0) {
			free(watch);
			return -1;
		}
		client->open_handles++;
		curl_multi_assign(client->multi, fd, watch);
	}
	uv_poll_start(&watch->poll, events, on_socket);
	return 0;
}

static void on_refusals(uv_timer_t *timer)
{
	struct http_client *client = timer->data;
	struct transfer *t;

	while ((t = client->refused)) {
		DL_DELETE(client->refused, t);
		transfer_finish(t, CURLE_OK);
	}
}

/* ---- the request ---- */

static bool header_is_clean(const char *name, const char *value)
{
	return *name && !strpbrk(name, "\r\n: ") && !strpbrk(value, "\r\n");
}

static const char *set_headers(struct transfer *t, const struct http_request *req, bool has_body)
{
	bool has_type = false;

	/* curl would ask before it sends a long body; not all servers answer that (a second lost).
	 */
	t->headers = curl_slist_append(t->headers, "Expect:");
	for (size_t i = 0; i < req->n_headers; i++) {
		const struct http_header *h = &req->headers[i];
		char *line;

		if (!header_is_clean(h->name, h->value))
			return "a header of the request is malformed";
		if (strcasecmp(h->name, "Content-Length") == 0)
			continue;
		if (strcasecmp(h->name, "Content-Type") == 0) {
			has_type = true;
			/* The boundary is curl's to choose. */
			if (req->n_parts)
				continue;
		}
		/* curl's way to say "this header, empty" */
		line = *h->value ? xasprintf("%s: %s", h->name, h->value)
				 : xasprintf("%s;", h->name);
		t->headers = curl_slist_append(t->headers, line);
		wipe_free(line);
	}
	if (has_body && !has_type && !req->n_parts)
		t->headers = curl_slist_append(t->headers, "Content-Type:");
	must(t->headers);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return NULL;
}

static size_t part_read(char *to, size_t size, size_t n, void *arg)
{
	struct reading *r = arg;
	size_t len = min_of(size * n, r->blob->len - r->at);

	memcpy(to, r->blob->data + r->at, len);
	r->at += len;
	return len;
}

/* curl goes back to the beginning when it sends again on a new connection. */
static int part_seek(void *arg, curl_off_t offset, int origin)
{
	struct reading *r = arg;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > r->blob->len)
		return CURL_SEEKFUNC_FAIL;
	r->at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void part_free(void *arg)
{
	struct reading *r = arg;

	blob_drop(r->blob);
	free(r);
}

static void set_part_bytes(curl_mimepart *part, const struct http_part *from)
{
	struct reading *r;

	if (!from->blob) {
		curl_mime_data(part, from->data ? from->data : "", from->len);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	r->blob = blob_hold(from->blob);
	curl_mime_data_cb(part, (curl_off_t)from->len, part_read, part_seek, part_free, r);
}

static void set_parts(struct transfer *t, const struct http_request *req)
{
	t->mime = curl_mime_init(t->easy);
	must(t->mime);
	for (size_t i = 0; i < req->n_parts; i++) {
		curl_mimepart *part = curl_mime_addpart(t->mime);

		must(part);
		curl_mime_name(part, req->parts[i].name);
		set_part_bytes(part, &req->parts[i]);
		if (req->parts[i].filename)
			curl_mime_filename(part, req->parts[i].filename);
		if (req->parts[i].content_type)
			curl_mime_type(part, req->parts[i].content_type);
	}
	curl_easy_setopt(t->easy, CURLOPT_MIMEPOST, t->mime);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, UPLOAD_STILL_S);
}

static const char *set_method(struct transfer *t, const struct http_request *req)
{
	bool has_body = req->body || req->n_parts || req->method == HTTP_POST ||
			req->method == HTTP_PUT || req->method == HTTP_PATCH;
	const char *why = set_headers(t, req, has_body);

	if (why)
		return why;
	if (req->n_parts) {
		set_parts(t, req);
	} else if (has_body) {
		/* The size first: COPYPOSTFIELDS copies that many bytes; 0 sends Content-Length: 0.
		 */
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
		curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, req->body ? req->body : "");
	}
	if (req->method != (has_body ? HTTP_POST : HTTP_GET))
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, http_method_name(req->method));
	return NULL;
}

/*
 * All requests to Discord share one HTTP/2 connection. What the kernel holds unsent goes before
 * whatever comes next: with little of it an acknowledgement, which has 3 s, overtakes the picture
 * that is being uploaded over a slow line.
 */
static int on_new_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	int unsent_max = UNSENT_MAX;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof(unsent_max));
	return CURL_SOCKOPT_OK;
}

static void set_transport(struct transfer *t, const struct http_request *req)
{
	long timeout_ms = req->timeout_ms > 0 ? (long)req->timeout_ms : TIMEOUT_DEFAULT_MS;
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Pictures of some megabytes: fewer calls. It is freed with the request. */
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)(128 * KIB));
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Without it curl 7.88 opens a connection per request of a burst (HTTP/2). */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, min_of(timeout_ms, 10000L));
	/* Below the 75 s after which aiohttp (ComfyUI) closes an idle connection under our feet. */
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 60L);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->response.body.max);
	if (t->client->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->client->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	} else if (t->client->ca_folder) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_CAPATH, t->client->ca_folder);
	}
	if (host_is_loopback(t->host))
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	t->once = req->method == HTTP_POST;
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->reason);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
}

static const char *transfer_start(struct transfer *t, const struct http_request *req)
{
	struct url url;
	const char *why;

	if (!req->url || url_split(req->url, &url) < 0) {
		t->host = xstrdup("HTTP");
		return "the URL is malformed";
	}
	t->host = take(url.host);
	url_free(&url);
	if (!str_starts(req->url, "http"))
		return "the URL is not http or https";
	t->easy = curl_easy_init();
	must(t->easy);
	set_transport(t, req);
	why = set_method(t, req);
	if (why)
		return why;
	if (curl_easy_setopt(t->easy, CURLOPT_URL, req->url) != CURLE_OK ||
		curl_multi_add_handle(t->client->multi, t->easy) != CURLM_OK)
		return "the request could not be started";
	return NULL;
}

void http_send(
	struct http_client *client, const struct http_request *req, http_done *done, void *arg)
{
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->client = client;
	t->done = done;
	t->arg = arg;
	t->response.body = BUF(req->answer_max ? req->answer_max : ANSWER_DEFAULT_MAX);
	t->refused = transfer_start(t, req);
	if (t->refused) {
		DL_APPEND(client->refused, t);
		uv_timer_start(&client->refusals, on_refusals, 0, 0);
	} else {
		DL_APPEND(client->transfers, t);
	}
}

int http_client_new(
	struct loop *loop, const struct http_client_config *config, struct http_client **ret)
{
	struct http_client *client;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return -ENOMEM;
	client = xcalloc(1, sizeof(*client));
	client->loop = loop;
	/* libcurl itself does not know $SSL_CERT_FILE; OpenSSL does, and lws with it. */
	client->ca_file = xstrdup(config && config->ca_file ? config->ca_file : trust_file());
	if (!client->ca_file)
		client->ca_folder = xstrdup(trust_folder());
	client->multi = curl_multi_init();
	must(client->multi);
	client->timer.data = client->refusals.data = client;
	uv_timer_init(loop_uv(loop), &client->timer);
	uv_timer_init(loop_uv(loop), &client->refusals);
	client->open_handles = 2;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_IDLE_CONNECTIONS_MAX);
	curl_multi_setopt(
		client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HTTP_HOST_CONNECTIONS_MAX);
	*ret = client;
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	struct http_client *client = handle->data;

	client->open_handles--;
}

struct http_client *http_client_free(struct http_client *client)
{
	struct transfer *t;

	if (!client)
		return NULL;
	while ((t = client->transfers)) {
		DL_DELETE(client->transfers, t);
		curl_multi_remove_handle(client->multi, t->easy);
		transfer_free(t);
	}
	while ((t = client->refused)) {
		DL_DELETE(client->refused, t);
		transfer_free(t);
	}
	/* Closes the cached connections, and with them their watches. */
	curl_multi_cleanup(client->multi);
	uv_close((uv_handle_t *)&client->timer, timer_closed);
	uv_close((uv_handle_t *)&client->refusals, timer_closed);
	/* libuv lets go of a handle only while the loop runs. */
	while (client->open_handles)
		uv_run(loop_uv(client->loop), UV_RUN_NOWAIT);
	curl_global_cleanup();
	free(client->ca_file);
	free(client->ca_folder);
	free(client);
	return NULL;
}
