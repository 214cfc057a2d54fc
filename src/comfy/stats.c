/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/stats.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/reply.h"

/* "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync": the card's name is what stands between. */
static void read_name(const char *text, struct card_stats *ret)
{
	cleanup(freep) char *line = comfy_line(text ? text : "", 200);
	char *from = line, *end = strstr(line, " : ");
	size_t device = strcspn(line, " ");
	char *colon = memchr(line, ':', device);

	if (end)
		*end = '\0';
	if (colon && isdigit((unsigned char)colon[1]) && line[device] == ' ')
		from = line + device + strspn(line + device, " ");
	end = from + min_of(strlen(from), sizeof(ret->name) - 1);
	/* A character is not cut in two. */
	while (end > from && ((unsigned char)*end & 0xc0) == 0x80)
		end--;
	*end = '\0';
	str_copy(ret->name, sizeof(ret->name), from);
}

/* -1: it is missing, no number, or none that can be. */
static int64_t read_bytes(struct json_object *device, const char *name)
{
	double n = json_num(device, name, -1);

	return n >= 0 && n <= (double)CARD_BYTES_MAX ? (int64_t)n : -1;
}

void stats_read(struct json_object *doc, struct card_stats *ret)
{
	struct json_object *device = json_at(doc, "devices.0");
	const char *type = json_str(device, "type");
	int64_t total = read_bytes(device, "vram_total"), free = read_bytes(device, "vram_free");
	int64_t torch = read_bytes(device, "torch_vram_total");

	*ret = (struct card_stats){.cpu = str_eq(type, "cpu")};
	read_name(json_str(device, "name"), ret);
	/* Of DirectML's cards ComfyUI knows nothing and says 1 GiB. */
	if (total < (int64_t)MIB || str_eq(type, "privateuseone"))
		return;
	ret->vram_total = total;
	if (free < 0 || torch < 0) {
		/* Without both, what is in use may as well be ComfyUI's own. */
		ret->vram_free = total;
		return;
	}
	ret->vram_free = min_of(free, total);
	ret->torch_total = min_of(torch, total);
	ret->torch_free =
		max_of(min_of(read_bytes(device, "torch_vram_free"), ret->torch_total), (int64_t)0);
}
