/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "base/limits.h"
#include "io/http_head.h"
#include "io/multipart.h"
#include "io/proxy.h"
#include "io/ws_frame.h"

/* ---- multipart ---- */

#define TYPE "multipart/form-data; boundary=XX"

static void multipart_bodies(void **state)
{
	static const struct {
		const char *type, *body;
		int result;
		const char *parts; /* name|filename|type|data, in brackets */
	} rows[] = {
		{TYPE, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX--\r\n",
			0, "[a|-|-|1]"},
		{"Multipart/Form-Data; charset=utf-8; boundary=\"X X\"",
			"--X X\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--X X--", 0,
			"[a|-|-|]"},
		{TYPE,
			"preamble\r\n--XX \t\r\ncontent-type: image/png\r\n"
			"CONTENT-DISPOSITION: form-data; filename=\"x;name=y.png\"; "
			"name=\"files[0]\""
			"\r\n\r\n--XX\r\n\r\n--X\r\n--XX\r\nContent-Disposition: form-data; "
			"name=\"b\"; filename=\"a\\\"b\"\r\n\r\n2\r\n--XX--epilogue",
			0, "[files[0]|x;name=y.png|image/png|--XX\r\n\r\n--X][b|a\"b|-|2]"},
		{TYPE, "--XX--", 0, ""},
		{TYPE, "", -EBADMSG, ""},
		{TYPE, "--XX", -EBADMSG, ""},
		{TYPE, "--XX\r\n", -EBADMSG, ""},
		{TYPE, "--XX\r\n\r\n\r\n--XX--", -EBADMSG, ""},
		{TYPE, "--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--", -EBADMSG, ""},
		{TYPE, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1", -EBADMSG, ""},
		{TYPE, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX",
			-EBADMSG, ""},
		{TYPE, "--XXnonsense", -EBADMSG, ""},
		{TYPE, "no delimiter at all", -EBADMSG, ""},
		{"multipart/form-data", "--XX--", -EINVAL, ""},
		{"multipart/form-data; boundary=", "--XX--", -EINVAL, ""},
		{"multipart/form-data; boundary=\"\"", "--XX--", -EINVAL, ""},
		{"application/json", "--XX--", -EINVAL, ""},
		{NULL, "--XX--", -EINVAL, ""},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request req = {0};
		struct buf text = BUF(4096);

		assert_int_equal(
			multipart_parse(rows[i].type, rows[i].body, strlen(rows[i].body), &req),
			rows[i].result);
		for (size_t k = 0; k < req.n_parts; k++) {
			const struct http_part *p = &req.parts[k];

			assert_int_equal(strlen(p->data), p->len);
			assert_int_equal(buf_printf(&text, "[%s|%s|%s|%s]", p->name,
						 p->filename ? p->filename : "-",
						 p->content_type ? p->content_type : "-", p->data),
				0);
		}
		assert_string_equal(buf_str(&text), rows[i].parts);
		buf_free(&text);
		http_request_free(&req);
	}
}

static void multipart_has_a_ceiling(void **state)
{
	struct http_request req = {.url = xstrdup("/")};
	struct buf body = BUF(64 * KIB);

	for (int i = 0; i <= HTTP_PARTS_MAX; i++)
		assert_int_equal(buf_printf(&body,
					 "--XX\r\nContent-Disposition: form-data; name=\"%d\"\r\n"
					 "\r\nx\r\n",
					 i),
			0);
	assert_int_equal(buf_add_str(&body, "--XX--"), 0);
	assert_int_equal(multipart_parse(TYPE, body.data, body.len, &req), -E2BIG);
	assert_int_equal(req.n_parts, 0);
	assert_string_equal(req.url, "/");
	http_request_free(&req);
	buf_free(&body);
}

/* ---- the head of a request ---- */

static void heads(void **state)
{
	static const struct {
		const char *text;
		ssize_t result; /* < 0: errno; 0: incomplete; 1: all of it */
		const char *url;
		enum http_method method;
		bool head, keep_alive, chunked, ws;
		size_t length;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", 1, "/", HTTP_GET, .keep_alive = true},
		{"\r\n\r\nGET / HTTP/1.0\r\n\r\n", 1, "/", HTTP_GET},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 1, "/", HTTP_GET,
			.keep_alive = true},
		{"HEAD /x?y HTTP/1.1\r\nConnection: foo, close\r\n\r\n", 1, "/x?y", HTTP_GET,
			.head = true},
		{"PATCH /%2F//..;a HTTP/1.1\r\nContent-Length: 12\r\n\r\n", 1, "/%2F//..;a",
			HTTP_PATCH, .keep_alive = true, .length = 12},
		{"PUT http://host:80/a?b HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n", 1, "/a?b",
			HTTP_PUT, .keep_alive = true, .chunked = true},
		{"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n",
			1, "/ws", HTTP_GET, .keep_alive = true, .ws = true},
		{"GET / HTTP/1.1\r\nA: 1\r\n", 0},
		{"", 0},
		{"GET /a b HTTP/1.1\r\n\r\n", -EBADMSG},
		{"GET http://host HTTP/1.1\r\n\r\n", -EBADMSG},
		{"GET * HTTP/1.1\r\n\r\n", -EBADMSG},
		{"GET / HTTP/1.1 \r\n\r\n", -EBADMSG},
		{"GET / HTTP/1.12\r\n\r\n", -EBADMSG},
		{"G=T / HTTP/1.1\r\n\r\n", -EBADMSG},
		{"OPTIONS / HTTP/1.1\r\n\r\n", -EOPNOTSUPP},
		{"GET / HTTP/1.1\r\n: x\r\n\r\n", -EBADMSG},
		{"GET / HTTP/1.1\r\nA: x\ny\r\n\r\n", -EBADMSG},
		{"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", -EBADMSG},
		{"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", -EBADMSG},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", -EBADMSG},
		{"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", -EBADMSG},
		{"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nhost: example.org\r\n\r\n", -EBADMSG},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -EOPNOTSUPP},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request req = {0};
		struct http_head head = {0};
		size_t len = strlen(rows[i].text);
		ssize_t n = http_head_parse(rows[i].text, len, &head, &req);

		if (rows[i].result == 1) {
			assert_int_equal(n, len);
			assert_string_equal(req.url, rows[i].url);
			assert_int_equal(req.method, rows[i].method);
			assert_int_equal(head.head, rows[i].head);
			assert_int_equal(head.keep_alive, rows[i].keep_alive);
			assert_int_equal(head.chunked, rows[i].chunked);
			assert_int_equal(head.content_length, rows[i].length);
			assert_int_equal(head.ws_key != NULL, rows[i].ws);
		} else {
			assert_int_equal(n, rows[i].result);
			assert_null(req.url);
			assert_int_equal(req.n_headers, 0);
		}
		http_request_free(&req);
	}
}

static void too_many_headers(void **state)
{
	struct http_request req = {0};
	struct http_head head;
	struct buf text = BUF(SERVER_HEAD_MAX);

	assert_int_equal(buf_add_str(&text, "GET / HTTP/1.1\r\n"), 0);
	for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
		assert_int_equal(buf_printf(&text, "H%d: x\r\n", i), 0);
	assert_int_equal(buf_add_str(&text, "\r\n"), 0);
	assert_int_equal(http_head_parse(text.data, text.len, &head, &req), -EFBIG);
	assert_int_equal(req.n_headers, 0);
	buf_free(&text);
}

static void chunks(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *body;
		size_t rest; /* bytes that are left behind the end */
	} rows[] = {
		{"0\r\n\r\n", 1, "", 0},
		{"5\r\nhello\r\n0\r\n\r\nnext", 1, "hello", 4},
		{"1;a=b\r\nx\r\n0a\r\n0123456789\r\n0\r\nT: 1\r\nU: 2\r\n\r\n", 1, "x0123456789",
			0},
		{"5\r\nhel", 0, "hel", 0},
		{"\r\n", -EBADMSG, "", 0},
		{"g\r\n", -EBADMSG, "", 0},
		{"-1\r\n", -EBADMSG, "", 0},
		{"fffffffff\r\n", -EBADMSG, "", 0},
		{"1\r\nxy", -EBADMSG, "x", 0},
		{"40\r\n0123456789012345678901234567890123456789012345678901234567890123", -EFBIG,
			"", 0},
		{"21\r\n", -EFBIG, "", 0},
		{"20\r\n", 0, "", 0},
	};

	for (size_t i = 0; i < countof(rows); i++)
		for (size_t step = 1; step <= 64; step += 63) {
			struct chunked c = {0};
			struct buf body = BUF(32);
			size_t len = strlen(rows[i].text), at = 0;
			int r = 0;

			while (r == 0 && at < len) {
				size_t used;

				r = chunked_feed(&c, rows[i].text + at, min_of(step, len - at),
					&used, &body);
				at += used;
			}
			assert_int_equal(r, rows[i].result);
			if (r != -EFBIG)
				assert_string_equal(buf_str(&body), rows[i].body);
			if (r == 1)
				assert_int_equal(len - at, rows[i].rest);
			buf_free(&body);
		}
}

/* ---- WebSocket frames ---- */

static void frame_heads(void **state)
{
	static const struct {
		size_t len;
		const char *head;
		size_t head_len;
	} rows[] = {
		{0, "\x82\x00", 2},
		{125, "\x82\x7d", 2},
		{126, "\x82\x7e\x00\x7e", 4},
		{65535, "\x82\x7e\xff\xff", 4},
		{65536, "\x82\x7f\0\0\0\0\0\x01\0\0", 10},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		uint8_t head[WS_FRAME_HEAD_MAX];

		assert_int_equal(ws_frame_head(head, WS_BINARY, rows[i].len), rows[i].head_len);
		assert_memory_equal(head, rows[i].head, rows[i].head_len);
	}
}

static void frames_in_any_pieces(void **state)
{
	/* A text of 300 bytes in two frames, a pong between them, all masked. */
	struct buf bytes = BUF(1024);
	static const uint8_t mask[4] = {0xa1, 0x02, 0x7f, 0x55};

	for (int frame = 0; frame < 3; frame++) {
		static const uint8_t heads[3][4] = {
			{0x01, 0xfe, 0, 150}, {0x8a, 0x80}, {0x80, 0xfe, 0, 150}};
		size_t n = frame == 1 ? 0 : 150;

		assert_int_equal(buf_add(&bytes, heads[frame], frame == 1 ? 2 : 4), 0);
		assert_int_equal(buf_add(&bytes, mask, 4), 0);
		for (size_t i = 0; i < n; i++) {
			char c = (char)('a' ^ mask[i & 3]);

			assert_int_equal(buf_add(&bytes, &c, 1), 0);
		}
	}
	for (size_t step = 1; step < bytes.len; step += 7) {
		struct ws_reader reader = {.message = BUF(300)};
		int events[8], n = 0;

		for (size_t at = 0; at < bytes.len;) {
			size_t used;
			int event = ws_read(
				&reader, bytes.data + at, min_of(step, bytes.len - at), &used);

			if (event != WS_MORE)
				events[n++] = event;
			at += used;
		}
		assert_int_equal(n, 2);
		assert_int_equal(events[0], WS_PONG);
		assert_int_equal(events[1], WS_MESSAGE);
		assert_int_equal(reader.message.len, 300);
		assert_int_equal(strspn(reader.message.data, "a"), 300);
		ws_reader_free(&reader);
	}
	/* One byte less room. */
	{
		struct ws_reader reader = {.message = BUF(299)};
		size_t used, at = 0;
		int event;

		do {
			event = ws_read(&reader, bytes.data + at, bytes.len - at, &used);
			at += used;
		} while (event >= 0);
		assert_int_equal(event, -1009);
		ws_reader_free(&reader);
	}
	buf_free(&bytes);
}

/* ---- proxies ---- */

static void exclusions(void **state)
{
	static const struct {
		const char *list, *host;
		bool excluded;
	} rows[] = {
		{NULL, "example.com", false},
		{"", "example.com", false},
		{"*", "example.com", true},
		{"example.com", "example.com", true},
		{"EXAMPLE.com", "discord.example.COM", true},
		{".example.com", "example.com", true},
		{"example.com", "badexample.com", false},
		{"a.b, 10.0.0.5 c.d", "10.0.0.5", true},
		{"a.b, 10.0.0.5 c.d", "c.d", true},
		{"a.b, 10.0.0.5 c.d", "d", false},
	};

	for (size_t i = 0; i < countof(rows); i++)
		assert_int_equal(proxy_excluded(rows[i].list, rows[i].host), rows[i].excluded);
}

static void choice_of_a_proxy(void **state)
{
	static const struct {
		const char *variable, *host;
		bool secure, found;
	} rows[] = {
		{"https_proxy", "a.test", true, true},
		{"HTTPS_PROXY", "a.test", true, true},
		{"https_proxy", "a.test", false, false},
		{"http_proxy", "a.test", false, true},
		{"http_proxy", "a.test", true, false},
		{"HTTP_PROXY", "a.test", false, false},
		{"all_proxy", "a.test", true, true},
		{"ALL_PROXY", "a.test", false, true},
		{"all_proxy", "127.0.0.1", false, false},
		{"all_proxy", "localhost", true, false},
		{"all_proxy", "::1", false, false},
		{"all_proxy", "x.excluded.test", false, false},
	};
	static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};

	for (size_t i = 0; i < countof(rows); i++) {
		char *proxy;

		for (size_t k = 0; k < countof(names); k++)
			unsetenv(names[k]);
		setenv("no_proxy", "excluded.test", 1);
		setenv(rows[i].variable, "http://p:1", 1);
		proxy = proxy_for(rows[i].host, rows[i].secure);
		assert_int_equal(proxy != NULL, rows[i].found);
		free(proxy);
		unsetenv(rows[i].variable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multipart_bodies),
		cmocka_unit_test(multipart_has_a_ceiling),
		cmocka_unit_test(heads),
		cmocka_unit_test(too_many_headers),
		cmocka_unit_test(chunks),
		cmocka_unit_test(frame_heads),
		cmocka_unit_test(frames_in_any_pieces),
		cmocka_unit_test(exclusions),
		cmocka_unit_test(choice_of_a_proxy),
	};

	return cmocka_run_group_tests_name("io_parse", tests, NULL, NULL);
}
