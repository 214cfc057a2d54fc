/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "cleaner/cage.h"
#include "cleaner/decode.h"
#include "cleaner/finish.h"

/*
 * fullet-cleaner: decodes strangers' pictures for the bot, in a cage, one at a time. It speaks
 * image/wire.h on its standard input and output and ends with its input.
 */

static bool read_all(void *data, size_t len)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = read(STDIN_FILENO, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_all(const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* A PNG to be gdFree()d, or NULL with the reason in the answer. */
static void *clean(const void *data, size_t len, unsigned int decodes,
	const struct clean_wish *wish, struct wire_answer *answer)
{
	gdImagePtr im = NULL;
	struct probe probe;
	bool opaque = true;
	int width = 0, height = 0, png_len = 0;
	void *png;

	answer->result = picture_probe(data, len, &probe);
	answer->type = probe.type;
	if (answer->result == CLEAN_OK && !(decodes & 1u << probe.type))
		answer->result = CLEAN_UNSUPPORTED;
	if (answer->result == CLEAN_OK)
		answer->result = decode(data, len, &probe, &im, &opaque);
	if (answer->result != CLEAN_OK)
		return NULL;
	png = finish(im, opaque, probe.orientation, wish, &width, &height, &png_len);
	if (!png || png_len <= 0 || (size_t)png_len > CLEAN_PNG_MAX) {
		answer->result = CLEAN_TOO_HARD;
		gdFree(png);
		return NULL;
	}
	answer->width = (uint32_t)width;
	answer->height = (uint32_t)height;
	answer->len = (uint32_t)png_len;
	return png;
}

static bool tired(unsigned int served)
{
	struct timespec used = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return served >= CLEAN_SERVED_MAX || used.tv_sec >= CLEAN_CPU_ALL_S;
}

/* False: it is over. */
static bool serve(unsigned int decodes, unsigned int served)
{
	uint8_t head[WIRE_HEAD_LEN];
	struct wire_request request;
	struct wire_answer answer = {0};
	void *data, *png = NULL;
	bool ok;

	if (!read_all(head, sizeof(head)) || wire_get_request(head, &request) < 0)
		return false;
	data = xcalloc(1, request.len + (size_t)1);
	ok = read_all(data, request.len);
	if (ok)
		png = clean(data, request.len, decodes, &request.wish, &answer);
	free(data);
	answer.last = tired(served + 1);
	wire_put_answer(head, &answer);
	ok = ok && write_all(head, sizeof(head)) && write_all(png, answer.len);
	gdFree(png);
	return ok && !answer.last;
}

int main(void)
{
	struct wire_hello hello = {0};
	uint8_t head[WIRE_HEAD_LEN];

	/* One heap for all threads, and large blocks go back at once. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	if (cage_enter(&hello) < 0)
		return 1;
	hello.decodes = decode_samples();
	if (cage_close(&hello) < 0)
		hello.seccomp = false; /* is told, and then nothing is read */
	wire_put_hello(head, &hello);
	if (!write_all(head, sizeof(head)) || !hello.seccomp)
		return 1;
	for (unsigned int served = 0; serve(hello.decodes, served); served++)
		;
	return 0;
}
