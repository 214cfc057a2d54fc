/* SPDX-License-Identifier: Apache-2.0 */
#include "io/child.h"

#include <signal.h>
#include <stdlib.h>

#include "io/loop_in.h"

#define READ_SIZE (64 * 1024)

struct child {
	struct loop *loop;
	const struct child_events *events; /* NULL: abandoned */
	void *arg;
	uv_process_t process;
	uv_pipe_t in, out;
	uv_timer_t timer;
	bool in_closing, exited, out_over;
	int open; /* handles */
	int status, signal;
	char bytes[READ_SIZE];
};

struct sending {
	uv_write_t request;
	struct blob *body;
	size_t head_len;
	char head[];
};

static void handle_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	if (--child->open == 0)
		free(child);
}

static void close_input(struct child *child)
{
	if (!child->in_closing)
		uv_close((uv_handle_t *)&child->in, handle_closed);
	child->in_closing = true;
}

static void over_if_done(struct child *child)
{
	if (!child->exited || !child->out_over)
		return;
	loop_touch(child->loop);
	if (child->events)
		child->events->ended(child->arg, child->status, child->signal);
	close_input(child);
	uv_close((uv_handle_t *)&child->out, handle_closed);
	uv_close((uv_handle_t *)&child->timer, handle_closed);
	uv_close((uv_handle_t *)&child->process, handle_closed);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal)
{
	struct child *child = process->data;

	child->exited = true;
	child->status = (int)status;
	child->signal = signal;
	over_if_done(child);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct child *child = handle->data;

	*ret = uv_buf_init(child->bytes, sizeof(child->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct child *child = stream->data;

	if (n == 0)
		return;
	if (n > 0) {
		loop_touch(child->loop);
		if (child->events)
			child->events->output(child->arg, buffer->base, (size_t)n);
		return;
	}
	uv_read_stop(stream);
	child->out_over = true;
	/* It cannot answer any more, so it is of no use even if it lives. */
	if (!child->exited)
		(void)uv_process_kill(&child->process, SIGKILL);
	over_if_done(child);
}

static void on_timer(uv_timer_t *timer)
{
	struct child *child = timer->data;

	loop_touch(child->loop);
	if (child->events)
		child->events->alarm(child->arg);
}

static int spawn(struct child *child, const char *path, const char *const *arguments)
{
	char *no_environment[] = {NULL};
	uv_stdio_container_t streams[] = {
		{UV_CREATE_PIPE | UV_READABLE_PIPE, {.stream = (uv_stream_t *)&child->in}},
		{UV_CREATE_PIPE | UV_WRITABLE_PIPE, {.stream = (uv_stream_t *)&child->out}},
		{UV_IGNORE, {.fd = 0}},
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_,
		.file = path,
		.args = (char **)(uintptr_t)arguments,
		.env = no_environment,
		.stdio_count = (int)countof(streams),
		.stdio = streams,
	};

	return uv_spawn(loop_uv(child->loop), &child->process, &options);
}

int child_start(struct loop *loop, const char *path, const char *const *arguments,
	const struct child_events *events, void *arg, struct child **ret)
{
	struct child *child = xcalloc(1, sizeof(*child));
	int r;

	child->loop = loop;
	child->process.data = child->in.data = child->out.data = child->timer.data = child;
	child->open = 4;
	uv_pipe_init(loop_uv(loop), &child->in, 0);
	uv_pipe_init(loop_uv(loop), &child->out, 0);
	uv_timer_init(loop_uv(loop), &child->timer);
	r = spawn(child, path, arguments);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&child->out, on_alloc, on_read);
	if (r < 0) {
		child->exited = child->out_over = true;
		over_if_done(child);
		return r;
	}
	child->events = events;
	child->arg = arg;
	*ret = child;
	return 0;
}

static void on_written(uv_write_t *request, int status)
{
	struct sending *s = request->data;

	/* A failure is the child's end, which is told elsewhere. */
	blob_drop(s->body);
	free(s);
}

void child_send(struct child *child, const void *head, size_t head_len, struct blob *body)
{
	struct sending *s = xcalloc(1, sizeof(*s) + head_len);
	uv_buf_t buffers[2];

	memcpy(s->head, head, head_len);
	s->request.data = s;
	s->body = blob_hold(body);
	buffers[0] = uv_buf_init(s->head, (unsigned int)head_len);
	buffers[1] = uv_buf_init(body ? body->data : NULL, body ? (unsigned int)body->len : 0);
	if (child->in_closing || uv_write(&s->request, (uv_stream_t *)&child->in, buffers,
					 body ? 2 : 1, on_written) < 0)
		on_written(&s->request, UV_EPIPE);
}

void child_alarm(struct child *child, int64_t in_ms)
{
	if (in_ms == NEVER)
		uv_timer_stop(&child->timer);
	else
		uv_timer_start(&child->timer, on_timer, (uint64_t)in_ms, 0);
}

void child_close_input(struct child *child)
{
	close_input(child);
}

void child_kill(struct child *child)
{
	if (!child->exited)
		(void)uv_process_kill(&child->process, SIGKILL);
}

struct child *child_abandon(struct child *child)
{
	if (!child)
		return NULL;
	child->events = NULL;
	uv_timer_stop(&child->timer);
	child_kill(child);
	return NULL;
}

int child_pid(const struct child *child)
{
	return uv_process_get_pid(&child->process);
}
