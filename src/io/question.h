/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_QUESTION_H
#define FULLET_IO_QUESTION_H

#include "base/defs.h"
#include "io/loop.h"

/*
 * A line asked of the process on this computer that has claimed a secret (io/claim.h), and its answer:
 * one datagram each way, on the socket by which it is known. Only the same user and root are answered.
 */
struct question_server;

/* The answer is owned by the server afterwards; NULL: there is none. */
typedef char *question_answer(void *ctx, const char *question);

/* fd: of claim_secret(); it stays the caller's. */
struct question_server *question_serve(
	struct loop *loop, int fd, question_answer *answer, void *ctx);
struct question_server *question_server_free(struct question_server *server); /* NULL */

/* Blocks, at most for a few seconds. 0 and an answer that the caller owns, -ENOENT when nobody has
 * claimed the secret, -ENODATA when he has no answer, -ETIMEDOUT, or -errno. */
int question_ask(const char *secret, const char *question, char **ret_answer);

#endif
