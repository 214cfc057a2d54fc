/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_CARD_H
#define FULLET_BASE_CARD_H

#include "base/defs.h"

/*
 * What a ComfyUI says of the card that it works on, in bytes. Shared by the client, which reads it,
 * and the core, which decides by it.
 */
struct card_stats {
	char name[64];	     /* "NVIDIA GeForce RTX 4090"; "": not told */
	bool cpu;	     /* it works on the processor: total and free are the machine's RAM */
	int64_t vram_total;  /* 0: nothing of all this is known */
	int64_t vram_free;   /* 0..total: free for everybody, and what ComfyUI keeps for later */
	int64_t torch_total; /* 0..total: what ComfyUI's own process has taken */
	int64_t torch_free;  /* 0..torch_total: of that, what is in no use just now */
};

#endif
