/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_WIRE_H
#define FULLET_IMAGE_WIRE_H

#include "image/clean.h"

/*
 * What the bot and fullet-cleaner say to each other over a pipe each way. The cleaner begins with a
 * hello; then a request (head, the picture) is followed by its answer (head, the PNG). Numbers are
 * little-endian.
 */
#define WIRE_HEAD_LEN 32

/* How well the cage is closed, and what can be opened in it. */
struct wire_hello {
	bool seccomp;
	int landlock;	      /* the kernel's ABI; 0: it has none */
	bool privileged;      /* it was started as root and could not become somebody else */
	unsigned int decodes; /* bit n: enum image_type n */
};

struct wire_request {
	struct clean_wish wish;
	uint32_t len; /* of the picture that follows; at most PICTURE_BYTES_MAX */
};

struct wire_answer {
	enum clean_result result;
	enum image_type type;
	uint32_t width, height, len; /* 0 but with CLEAN_OK; len: of the PNG that follows */
	bool last;		     /* the cleaner ends after this one: it has served enough */
};

void wire_put_hello(uint8_t head[WIRE_HEAD_LEN], const struct wire_hello *hello);
void wire_put_request(uint8_t head[WIRE_HEAD_LEN], const struct wire_request *request);
void wire_put_answer(uint8_t head[WIRE_HEAD_LEN], const struct wire_answer *answer);
/* -EBADMSG when it is none, or a value in it is impossible; *ret is untouched then. */
int wire_get_hello(const uint8_t head[WIRE_HEAD_LEN], struct wire_hello *ret);
int wire_get_request(const uint8_t head[WIRE_HEAD_LEN], struct wire_request *ret);
int wire_get_answer(const uint8_t head[WIRE_HEAD_LEN], struct wire_answer *ret);

#endif
