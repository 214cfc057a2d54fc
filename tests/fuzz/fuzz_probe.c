/* SPDX-License-Identifier: Apache-2.0 */

/* What is read of a stranger's picture before it is decoded: whatever passes has a possible size.
 */

#include "base/limits.h"
#include "image/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clean_wish wishes[] = {{0, 0, 0}, {100, 0, 8}, {0, 5000, 64}};
	struct probe probe;
	enum clean_result result = picture_probe(data, size, &probe);

	must(probe.type == image_sniff(data, size));
	must(probe.orientation >= 1 && probe.orientation <= 8);
	if (result != CLEAN_OK)
		return 0;
	must(probe.width > 0 && probe.height > 0);
	must((int64_t)probe.width * probe.height <= PICTURE_PIXELS_MAX);
	if (probe.type == IMAGE_GIF)
		must(probe.left + probe.width <= probe.canvas_width &&
			probe.top + probe.height <= probe.canvas_height &&
			(int64_t)probe.canvas_width * probe.canvas_height <= PICTURE_PIXELS_MAX);
	for (size_t i = 0; i < countof(wishes); i++) {
		struct picture_fit fit;

		picture_fit(probe.width, probe.height, &wishes[i], &fit);
		must(fit.width > 0 && fit.height > 0 && fit.from_width > 0 && fit.from_height > 0);
		must(fit.left >= 0 && fit.left + fit.from_width <= probe.width);
		must(fit.top >= 0 && fit.top + fit.from_height <= probe.height);
	}
	return 0;
}
