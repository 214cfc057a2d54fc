/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_RNG_H
#define FULLET_BASE_RNG_H

#include "base/defs.h"

/*
 * Random numbers from an injected seed (xoshiro256++), so that a test repeats
 * them. Never for secrets. UUIDs and picture seeds come from here; the program
 * seeds it from the kernel's entropy.
 */
struct rng {
	uint64_t s[4];
};

#define UUID_SIZE 37

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_u64(struct rng *rng);
/* Uniform in [0, n); n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);
/* A canonical lower-case UUIDv4. */
void rng_uuid(struct rng *rng, char uuid[UUID_SIZE]);
bool uuid_valid(const char *text);

/*
 * Exponential back-off with jitter: for try 0, 1, 2, ... a time in
 * [base/2, base] * 2^try, the upper end capped at max_ms.
 */
int64_t backoff_ms(struct rng *rng, int try, int64_t base_ms, int64_t max_ms);

#endif
