/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/notify.h"

/* A service manager's socket: what arrives at it, and when. */

struct manager {
	int fd;
	char folder[32], path[64];
	char text[256];
};

static void manager_open(struct manager *m, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len;

	*m = (struct manager){.folder = "/tmp/fullet-notify-XXXXXX"};
	assert_non_null(mkdtemp(m->folder));
	if (name)
		snprintf(m->path, sizeof(m->path), "@%s-%d", name, (int)getpid());
	else
		snprintf(m->path, sizeof(m->path), "%s/socket", m->folder);
	str_copy(address.sun_path, sizeof(address.sun_path), m->path);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(m->path));
	if (name)
		address.sun_path[0] = '\0';
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(m->fd >= 0);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&address, len), 0);
	setenv("NOTIFY_SOCKET", m->path, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void manager_close(struct manager *m)
{
	close(m->fd);
	if (*m->path == '/')
		unlink(m->path);
	rmdir(m->folder);
	unsetenv("NOTIFY_SOCKET");
}

/* The next datagram, "" when there is none. */
static const char *heard(struct manager *m)
{
	ssize_t n = recv(m->fd, m->text, sizeof(m->text) - 1, 0);

	m->text[max_of(n, (ssize_t)0)] = '\0';
	return m->text;
}

static void test_ready_is_told_once(void **state)
{
	const char *const names[] = {NULL, "fullet-test-notify"};

	for (size_t i = 0; i < countof(names); i++) {
		struct manager m;
		struct notify *n;

		manager_open(&m, names[i]);
		n = notify_new();
		assert_true(notify_turn(n, "Discord", 1000) == NEVER);
		assert_string_equal(heard(&m), "STATUS=Waiting for Discord.");
		assert_true(notify_turn(n, "Discord", 1001) == NEVER);
		assert_string_equal(heard(&m), "");
		assert_true(notify_turn(n, NULL, 1002) == NEVER);
		assert_string_equal(heard(&m), "READY=1\nSTATUS=Serving.");
		/* A gateway that is away for a while is no news for the service manager. */
		assert_true(notify_turn(n, NULL, 1003) == NEVER);
		assert_true(notify_turn(n, "Discord", 1004) == NEVER);
		assert_string_equal(heard(&m), "");
		notify_stopping(n);
		assert_string_equal(heard(&m), "STOPPING=1\nSTATUS=Finishing what is quick.");
		notify_free(n);
		manager_close(&m);
	}
}

static void test_watchdog(void **state)
{
	char pid[24];
	struct manager m;
	struct notify *n;

	manager_open(&m, NULL);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "20000000", 1);
	n = notify_new();
	assert_int_equal(notify_turn(n, NULL, 50000), 60000);
	assert_string_equal(heard(&m), "READY=1\nSTATUS=Serving.");
	assert_string_equal(heard(&m), "WATCHDOG=1");
	assert_int_equal(notify_turn(n, NULL, 59999), 60000); /* not in every turn */
	assert_string_equal(heard(&m), "");
	assert_int_equal(notify_turn(n, NULL, 60000), 70000);
	assert_string_equal(heard(&m), "WATCHDOG=1");
	assert_int_equal(notify_turn(n, NULL, 200000), 210000); /* late: told at once */
	assert_string_equal(heard(&m), "WATCHDOG=1");
	notify_free(n);
	setenv("WATCHDOG_PID", "1", 1); /* somebody else's */
	n = notify_new();
	assert_true(notify_turn(n, NULL, 0) == NEVER);
	notify_free(n);
	manager_close(&m);
}

static void test_a_full_socket_is_not_waited_for(void **state)
{
	struct manager m;
	struct notify *n;
	bool ready = false;
	int told = 0;

	manager_open(&m, NULL);
	setenv("WATCHDOG_USEC", "2000", 1);
	n = notify_new();
	notify_turn(n, "Discord", 0);
	/* Nobody listens: the kernel takes so many datagrams and no more. */
	for (int64_t now = 1; now < 100000; now++)
		notify_turn(n, "Discord", now);
	assert_int_equal(notify_turn(n, NULL, 100000), 100500);
	while (*heard(&m))
		told++;
	assert_true(told > 0 && told < 100000);
	/* Now it is; nothing that matters was lost. */
	notify_turn(n, NULL, 100500);
	while (*heard(&m))
		ready |= str_starts(m.text, "READY=1");
	assert_true(ready);
	notify_free(n);
	manager_close(&m);
}

static void test_nobody_wants_to_know(void **state)
{
	static const char *const names[] = {"", "x", "relative/path", "vsock:2:1234", "@", "/"};

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i <= countof(names); i++) {
		struct notify *n = notify_new();

		assert_true(notify_turn(n, NULL, 0) == NEVER);
		notify_stopping(n);
		notify_free(n);
		if (i < countof(names))
			setenv("NOTIFY_SOCKET", names[i], 1);
	}
	/* One that is gone: nothing is waited for. */
	setenv("NOTIFY_SOCKET", "/nonexistent/fullet-notify", 1);
	struct notify *n = notify_new();
	assert_true(notify_turn(n, NULL, 0) == NEVER);
	notify_free(n);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_is_told_once),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_a_full_socket_is_not_waited_for),
		cmocka_unit_test(test_nobody_wants_to_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
