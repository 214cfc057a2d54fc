/* SPDX-License-Identifier: Apache-2.0 */
#include "io/question.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/limits.h"
#include "io/claim.h"
#include "io/loop_in.h"

#define QUESTION_MAX 256
#define PATIENCE_S   5

struct question_server {
	struct loop *loop;
	uv_poll_t poll;
	int fd;
	question_answer *answer;
	void *ctx;
};

/* A datagram and who has sent it: the kernel tells. */
struct letter {
	char text[QUESTION_MAX];
	struct sockaddr_un from;
	socklen_t from_len;
	struct ucred who;
};

static int receive(int fd, struct letter *ret)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {ret->text, sizeof(ret->text) - 1};
	struct msghdr msg = {.msg_name = &ret->from,
		.msg_namelen = sizeof(ret->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	if (n < 0)
		return -errno;
	ret->text[n] = '\0';
	ret->from_len = msg.msg_namelen;
	ret->who = (struct ucred){.uid = (uid_t)-1};
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS)
		memcpy(&ret->who, CMSG_DATA(head), sizeof(ret->who));
	return 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct question_server *s = poll->data;
	struct letter letter;

	loop_touch(s->loop);
	while (status == 0 && receive(s->fd, &letter) == 0) {
		char *answer;

		if (letter.who.uid != geteuid() && letter.who.uid != 0)
			continue;
		answer = s->answer(s->ctx, letter.text);
		/* Who does not read it has not waited for it. */
		(void)sendto(s->fd, answer ? answer : "", answer ? strlen(answer) : 0,
			MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&letter.from,
			letter.from_len);
		free(answer);
	}
}

struct question_server *question_serve(
	struct loop *loop, int fd, question_answer *answer, void *ctx)
{
	struct question_server *s = xcalloc(1, sizeof(*s));
	int on = 1;

	*s = (struct question_server){.loop = loop, .fd = fd, .answer = answer, .ctx = ctx};
	s->poll.data = s;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
		uv_poll_init(loop_uv(loop), &s->poll, fd) < 0) {
		free(s);
		return NULL;
	}
	uv_poll_start(&s->poll, UV_READABLE, on_readable);
	return s;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct question_server *question_server_free(struct question_server *s)
{
	if (s)
		uv_close((uv_handle_t *)&s->poll, closed);
	return NULL;
}

static int ask(int fd, const char *secret, const char *question, char **ret_answer)
{
	cleanup(freep) char *answer = xcalloc(1, EXPLAIN_MAX + 1);
	struct sockaddr_un own = {.sun_family = AF_UNIX}, to;
	socklen_t len = claim_address(secret, &to);
	struct timeval patience = {.tv_sec = PATIENCE_S};
	ssize_t n;

	/* A name of the kernel's choice, for the answer to come to. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
		bind(fd, (struct sockaddr *)&own, sizeof(own.sun_family)) < 0 ||
		connect(fd, (struct sockaddr *)&to, len) < 0 ||
		send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
		return errno == ECONNREFUSED ? -ENOENT : -errno;
	n = recv(fd, answer, EXPLAIN_MAX, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ENODATA;
	*ret_answer = take(answer);
	return 0;
}

int question_ask(const char *secret, const char *question, char **ret_answer)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = ask(fd, secret, question, ret_answer);
	close(fd);
	return r;
}
