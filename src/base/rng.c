/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include <stdio.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	for (size_t i = 0; i < countof(rng->s); i++)
		rng->s[i] = splitmix(&seed);
}

uint64_t rng_u64(struct rng *rng)
{
	uint64_t *s = rng->s, result = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	uint64_t limit, x;

	must(n > 0);
	limit = UINT64_MAX - UINT64_MAX % n;
	do
		x = rng_u64(rng);
	while (x >= limit);
	return x % n;
}

double rng_unit(struct rng *rng)
{
	return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

void rng_uuid(struct rng *rng, char uuid[UUID_SIZE])
{
	uint64_t a = rng_u64(rng), b = rng_u64(rng);

	a = (a & ~UINT64_C(0xf000)) | 0x4000;
	b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
	snprintf(uuid, UUID_SIZE, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(a >> 32),
		(unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff), (unsigned)(b >> 48),
		b & UINT64_C(0xffffffffffff));
}

bool uuid_valid(const char *text)
{
	if (!text || strlen(text) != UUID_SIZE - 1)
		return false;
	for (int i = 0; i < UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return true;
}

int64_t backoff_ms(struct rng *rng, int try, int64_t base_ms, int64_t max_ms)
{
	int64_t top = base_ms;

	for (int i = 0; i < try && top < max_ms; i++)
		top *= 2;
	top = min_of(top, max_ms);
	return top / 2 + (int64_t)rng_below(rng, (uint64_t)(top - top / 2) + 1);
}
