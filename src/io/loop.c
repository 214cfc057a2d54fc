/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop_in.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* The wall clock may run ahead of ours by this much before we follow it. */
#define CLOCK_STEP_MS 1000

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_async_t wake;
	uv_timer_t timer;
	uv_signal_t signals[2], hangup_signal;
	bool signals_open, hangup_open;
	bool touched;
	bool stopping;
	int64_t due_ms;
	int64_t unix_minus_uv_ms;
	int64_t now_ms;
	loop_turn *turn;
	void *turn_ctx;
	void (*stop)(void *ctx);
	void *stop_ctx;
	bool stop_called;
	void (*hangup)(void *ctx);
	void *hangup_ctx;
};

/*
 * libuv's time is monotonic; the offset makes it Unix time. A wall clock that
 * jumps back (a correction) is ignored, so deadlines are neither lost nor late;
 * one that jumps ahead (the machine slept: the monotonic clock stood still) is
 * followed, so that what became due meanwhile is done.
 */
static void clock_read(struct loop *loop)
{
	uv_timeval64_t wall;
	int64_t now;

	uv_update_time(&loop->uv);
	now = (int64_t)uv_now(&loop->uv) + loop->unix_minus_uv_ms;
	if (uv_gettimeofday(&wall) == 0) {
		int64_t wall_ms = wall.tv_sec * 1000 + wall.tv_usec / 1000;

		if (wall_ms > now + CLOCK_STEP_MS) {
			loop->unix_minus_uv_ms += wall_ms - now;
			now = wall_ms;
		}
	}
	loop->now_ms = max_of(loop->now_ms, now);
}

static void on_timer(uv_timer_t *timer)
{
	loop_touch(timer->data);
}

static void on_wake(uv_async_t *wake)
{
	loop_touch(wake->data);
}

/*
 * libuv's order is timers, pending, idle, prepare, poll, check, closing. Just
 * before it polls, everything of the last poll and of this iteration's timers has
 * run, and what the turn starts is still taken into account by the poll's timeout.
 */
static void on_prepare(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;

	if (!loop->turn || loop->stopping || !loop->touched)
		return;
	loop->touched = false;
	clock_read(loop);
	loop->due_ms = loop->turn(loop->turn_ctx, loop->now_ms);
	if (loop->due_ms == NEVER)
		uv_timer_stop(&loop->timer);
	else
		uv_timer_start(&loop->timer, on_timer,
			(uint64_t)max_of(loop->due_ms - loop->now_ms, (int64_t)0), 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct loop *loop = handle->data;

	if (loop->stop_called) {
		signal(number, SIG_DFL);
		raise(number);
		_exit(128 + number);
	}
	loop->stop_called = true;
	loop->stop(loop->stop_ctx);
	loop_touch(loop);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct loop *loop = handle->data;

	loop_touch(loop);
	loop->hangup(loop->hangup_ctx);
}

int loop_new(struct loop **ret)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));
	int r = uv_loop_init(&loop->uv);

	if (r < 0) {
		free(loop);
		return r;
	}
	loop->wake.data = loop->prepare.data = loop->timer.data = loop;
	r = uv_async_init(&loop->uv, &loop->wake, on_wake);
	if (r < 0) {
		uv_loop_close(&loop->uv);
		free(loop);
		return r;
	}
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_timer_init(&loop->uv, &loop->timer);
	/* A peer that leaves in mid-write is an error of that write, not the end of the program. */
	signal(SIGPIPE, SIG_IGN);
	loop->unix_minus_uv_ms = INT64_MIN / 2;
	loop->due_ms = NEVER;
	clock_read(loop);
	*ret = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->wake, NULL);
	uv_close((uv_handle_t *)&loop->timer, NULL);
	for (size_t i = 0; loop->signals_open && i < countof(loop->signals); i++)
		uv_close((uv_handle_t *)&loop->signals[i], NULL);
	if (loop->hangup_open)
		uv_close((uv_handle_t *)&loop->hangup_signal, NULL);
	loop->turn = NULL;
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	must(uv_loop_close(&loop->uv) == 0);
	free(loop);
	return NULL;
}

void loop_run(struct loop *loop, loop_turn *turn, void *ctx)
{
	loop->turn = turn;
	loop->turn_ctx = ctx;
	loop->touched = true;
	while (!loop->stopping)
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	loop->stopping = false;
	loop->turn = NULL;
	uv_timer_stop(&loop->timer);
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
	uv_stop(&loop->uv);
}

void loop_wake(struct loop *loop)
{
	uv_async_send(&loop->wake);
}

void loop_touch(struct loop *loop)
{
	/* The first callback after a long sleep must not see the time before it. */
	if (!loop->touched)
		clock_read(loop);
	loop->touched = true;
}

void loop_on_stop(struct loop *loop, void (*stop)(void *ctx), void *ctx)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	loop->stop = stop;
	loop->stop_ctx = ctx;
	if (loop->signals_open)
		return;
	loop->signals_open = true;
	for (size_t i = 0; i < countof(numbers); i++) {
		uv_signal_init(&loop->uv, &loop->signals[i]);
		loop->signals[i].data = loop;
		uv_signal_start(&loop->signals[i], on_signal, numbers[i]);
	}
}

void loop_on_hangup(struct loop *loop, void (*hangup)(void *ctx), void *ctx)
{
	loop->hangup = hangup;
	loop->hangup_ctx = ctx;
	if (loop->hangup_open)
		return;
	loop->hangup_open = true;
	uv_signal_init(&loop->uv, &loop->hangup_signal);
	loop->hangup_signal.data = loop;
	uv_signal_start(&loop->hangup_signal, on_hangup, SIGHUP);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

int64_t loop_now(const struct loop *loop)
{
	return loop->now_ms;
}

uint64_t entropy_u64(void)
{
	uint64_t value;
	ssize_t n;

	/* Up to 256 bytes come whole once the kernel's pool is up; before, it waits. */
	do
		n = getrandom(&value, sizeof(value), 0);
	while (n < 0 && errno == EINTR);
	must(n == sizeof(value));
	return value;
}
