/* SPDX-License-Identifier: Apache-2.0 */
#include "io/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The service manager is busy and its socket full: a turn must not wait for it. */
#define AGAIN_MS 500

struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un address;
	socklen_t address_len;
	int64_t every_ms; /* 0: no watchdog */
	int64_t alive_ms; /* when it is told next that the loop turns */
	const char *told; /* what was told last that the program waits for */
	bool ready;
};

/* A path, or a name without a file ("@name"). */
static bool set_address(struct notify *n, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(n->address.sun_path) || !strchr("/@", *name))
		return false;
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path, name, len);
	if (*name == '@')
		n->address.sun_path[0] = '\0';
	n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

/* Twice as often as it is wanted, as sd_watchdog_enabled(3) advises. WATCHDOG_PID is somebody
 * else's when we were started by whom the watchdog is for. */
static int64_t watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n;

	if (pid && (parse_u64(pid, &n) < 0 || n != (uint64_t)getpid()))
		return 0;
	if (parse_u64(usec, &n) < 0 || n == 0 || n > INT64_MAX)
		return 0;
	return max_of((int64_t)(n / 2000), (int64_t)1);
}

struct notify *notify_new(void)
{
	struct notify *n = xcalloc(1, sizeof(*n));

	n->fd = -1;
	if (!set_address(n, getenv("NOTIFY_SOCKET")))
		return n;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	n->every_ms = watchdog_ms();
	return n;
}

struct notify *notify_free(struct notify *n)
{
	if (n && n->fd >= 0)
		close(n->fd);
	free(n);
	return NULL;
}

/* False: try again. A socket that is gone is nothing that trying again would mend. */
static bool tell(struct notify *n, const char *text)
{
	return sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
		       (struct sockaddr *)&n->address, n->address_len) >= 0 ||
	       (errno != EAGAIN && errno != ENOBUFS);
}

static bool tell_state(struct notify *n, const char *waits_for)
{
	char text[200];

	if (n->ready || (waits_for && n->told == waits_for))
		return true;
	if (waits_for)
		snprintf(text, sizeof(text), "STATUS=Waiting for %s.", waits_for);
	else
		snprintf(text, sizeof(text), "READY=1\nSTATUS=Serving.");
	if (!tell(n, text))
		return false;
	n->told = waits_for;
	n->ready = !waits_for;
	return true;
}

int64_t notify_turn(struct notify *n, const char *waits_for, int64_t now_ms)
{
	if (n->fd < 0)
		return NEVER;
	if (!tell_state(n, waits_for))
		return now_ms + AGAIN_MS;
	if (n->every_ms == 0)
		return NEVER;
	if (now_ms >= n->alive_ms)
		n->alive_ms =
			now_ms + (tell(n, "WATCHDOG=1") ? n->every_ms
							: min_of(n->every_ms, (int64_t)AGAIN_MS));
	return n->alive_ms;
}

void notify_stopping(struct notify *n)
{
	if (n->fd >= 0)
		(void)tell(n, "STOPPING=1\nSTATUS=Finishing what is quick.");
}
