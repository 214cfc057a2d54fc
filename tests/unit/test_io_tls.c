/* SPDX-License-Identifier: Apache-2.0 */
#include "io_world.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* A private CA's certificate for 127.0.0.1, and one for another name, made for this run. */
static char g_dir[] = "/tmp/fullet-test-io-XXXXXX";
static bool g_made;

static const char *path(const char *name)
{
	static char paths[8][sizeof(g_dir) + 256];
	static int n;
	char *p = paths[n++ % 8];

	snprintf(p, sizeof(paths[0]), "%s/%s", g_dir, name);
	return p;
}

static bool run_openssl(char *const argv[])
{
	extern char **environ;
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int status = -1;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1, 0);
	if (posix_spawnp(&pid, "openssl", &quiet, NULL, argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&quiet);
	return status == 0;
}

static bool make_certificate(const char *cert, const char *key, const char *names)
{
	char *argv[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=FuLLet test",
		"-addext", (char *)names, "-keyout", (char *)path(key), "-out", (char *)path(cert),
		NULL};

	return run_openssl(argv);
}

static int make_certificates(void **state)
{
	assert_non_null(mkdtemp(g_dir));
	g_made = make_certificate("cert.pem", "key", "subjectAltName=IP:127.0.0.1,DNS:localhost") &&
		 make_certificate("other-cert", "other-key", "subjectAltName=DNS:example.com");
	return 0;
}

static int remove_certificates(void **state)
{
	DIR *dir = opendir(g_dir);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlink(path(entry->d_name));
	closedir(dir);
	return rmdir(g_dir);
}

static struct io_world *world(void **state, const char *ca, const char *cert, const char *key)
{
	struct io_world *w;

	if (!g_made)
		skip();
	w = malloc(sizeof(*w));
	io_world_new(w, ca, path(cert), path(key));
	*state = w;
	return w;
}

static int teardown(void **state)
{
	if (*state)
		io_world_free(*state);
	free(*state);
	*state = NULL;
	return 0;
}

static void http_over_tls(void **state)
{
	struct io_world *w = world(state, path("cert.pem"), "cert.pem", "key");
	struct http_request req = {.method = HTTP_POST, .answer_max = IO_BIG};
	struct http_request again = {0};
	struct http_response *res;
	char *data = malloc(IO_BIG);

	io_fill(data, IO_BIG);
	req.body = malloc(IO_BIG);
	memcpy(req.body, data, IO_BIG);
	req.body_len = IO_BIG;
	res = io_ask(w, &req, "/echo%2Fx?a=b;c");
	assert_int_equal(res->status, 200);
	assert_int_equal(res->body.len, IO_BIG);
	assert_memory_equal(res->body.data, data, IO_BIG);
	assert_string_equal(w->last.url, "/echo%2Fx?a=b;c");
	res = io_ask(w, &again, "/");
	assert_int_equal(res->status, 200);
	free(data);
}

static void a_websocket_over_tls(void **state)
{
	struct io_world *w = world(state, path("cert.pem"), "cert.pem", "key");
	char *data = malloc(IO_BIG);

	io_fill(data, IO_BIG);
	io_socket(w, "/ws");
	websocket_send(w->ws, data, IO_BIG, true);
	io_run_until(w, io_message);
	assert_int_equal(w->ws_message.len, IO_BIG);
	assert_memory_equal(w->ws_message.data, data, IO_BIG);
	websocket_send(w->ws, "close", 5, false);
	io_run_until(w, io_closed);
	assert_int_equal(w->close_code, 4004);
	free(data);
}

/* Both clients must refuse, and tell that nothing was sent. */
static void both_refuse(struct io_world *w)
{
	struct http_request req = {.method = HTTP_POST};
	struct http_response *res = io_ask(w, &req, "/TOKEN");

	assert_int_equal(res->status, 0);
	assert_false(res->maybe_sent);
	assert_non_null(strstr(res->error, "127.0.0.1"));
	assert_null(strstr(res->error, "TOKEN"));
	io_socket(w, "/ws");
	io_run_until(w, io_closed);
	assert_false(w->ws_open);
	assert_int_equal(w->close_status, 0);
	assert_int_equal(w->n_requests, 0);
}

static void a_stranger_is_refused(void **state)
{
	both_refuse(world(state, NULL, "cert.pem", "key"));
}

static void another_authority_is_refused(void **state)
{
	both_refuse(world(state, path("other-cert"), "cert.pem", "key"));
}

static void a_wrong_name_is_refused(void **state)
{
	both_refuse(world(state, path("other-cert"), "other-cert", "other-key"));
}

static void an_unreadable_ca_file_is_said(void **state)
{
	both_refuse(world(state, path("missing"), "cert.pem", "key"));
}

/* The system's certificates: a hashed folder, or one file. */
static void the_systems_certificates_count(void **state)
{
	char *argv[] = {"openssl", "rehash", g_dir, NULL};
	const char *old_file = getenv("SSL_CERT_FILE"), *old_dir = getenv("SSL_CERT_DIR");
	cleanup(freep) char *file = xstrdup(old_file);
	cleanup(freep) char *dir = xstrdup(old_dir);

	if (!g_made)
		skip();
	assert_true(run_openssl(argv));
	for (int pass = 0; pass < 2; pass++) {
		struct http_request req = {0};
		struct io_world *w;

		setenv("SSL_CERT_DIR", pass ? "/nonexistent" : g_dir, 1);
		unsetenv("SSL_CERT_FILE");
		if (pass)
			setenv("SSL_CERT_FILE", path("cert.pem"), 1);
		w = world(state, NULL, "cert.pem", "key");
		assert_int_equal(io_ask(w, &req, "/")->status, 200);
		io_socket(w, "/ws");
		io_run_until(w, io_opened);
		teardown(state);
	}
	file ? setenv("SSL_CERT_FILE", file, 1) : unsetenv("SSL_CERT_FILE");
	dir ? setenv("SSL_CERT_DIR", dir, 1) : unsetenv("SSL_CERT_DIR");
}

static void a_server_without_its_key(void **state)
{
	struct io_world *w = world(state, path("cert.pem"), "cert.pem", "key");
	struct server_config config = {
		.address = "127.0.0.1",
		.cert_file = path("cert.pem"),
		.key_file = path("other-key"),
	};
	static const struct server_events events;
	struct server *server = NULL;
	char *why = NULL;

	assert_true(server_new(w->room, &config, &events, NULL, &server, &why) < 0);
	assert_null(server);
	assert_non_null(why);
	free(why);
}

static void plain_text_on_a_tls_port(void **state)
{
	struct io_world *w = world(state, path("cert.pem"), "cert.pem", "key");
	struct http_request req = {0};
	struct http_response *res;
	char *url = io_url(w, "http", "/");

	req.url = xasprintf("http%s", url + strlen("https"));
	free(url);
	res = io_ask_url(w, &req);
	assert_int_equal(res->status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(http_over_tls, teardown),
		cmocka_unit_test_teardown(a_websocket_over_tls, teardown),
		cmocka_unit_test_teardown(a_stranger_is_refused, teardown),
		cmocka_unit_test_teardown(another_authority_is_refused, teardown),
		cmocka_unit_test_teardown(a_wrong_name_is_refused, teardown),
		cmocka_unit_test_teardown(an_unreadable_ca_file_is_said, teardown),
		cmocka_unit_test_teardown(the_systems_certificates_count, teardown),
		cmocka_unit_test_teardown(a_server_without_its_key, teardown),
		cmocka_unit_test_teardown(plain_text_on_a_tls_port, teardown),
	};

	return cmocka_run_group_tests_name("io_tls", tests, make_certificates, remove_certificates);
}
