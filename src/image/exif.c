/* SPDX-License-Identifier: Apache-2.0 */
#include "image/probe_parts.h"

#include "image/formats.h"

/* TIFF 6.0 and CIPA DC-008: byte order, 42, the offset of the first directory; entries of 12
 * bytes: tag, type, count, value. */
#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT	3

static uint32_t u16(const uint8_t *p, bool big)
{
	return big ? be16(p) : le16(p);
}

static uint32_t u32(const uint8_t *p, bool big)
{
	return big ? be32(p) : le32(p);
}

int exif_orientation(const uint8_t *data, size_t len)
{
	bool big;
	uint32_t at, n;

	if (len >= 6 && memcmp(data, "Exif\0\0", 6) == 0) { /* JPEG's prefix; some WebPs have it */
		data += 6;
		len -= 6;
	}
	if (len < 8 || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0))
		return 1;
	big = data[0] == 'M';
	at = u32(data + 4, big);
	if (at > len - 2)
		return 1;
	n = u16(data + at, big);
	at += 2;
	for (; n > 0 && len - at >= 12; n--, at += 12) {
		uint32_t value = u16(data + at + 8, big);

		if (u16(data + at, big) != TAG_ORIENTATION)
			continue;
		return u16(data + at + 2, big) == TYPE_SHORT && value >= 1 && value <= 8
			       ? (int)value
			       : 1;
	}
	return 1;
}
