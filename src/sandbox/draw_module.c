/* SPDX-License-Identifier: Apache-2.0 */
#include <gd.h>
#include <gdfontg.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zlib.h>

#include "sandbox/draw.h"

/*
 * The sandbox's painter, a module of its own so that libgd is loaded only where
 * pictures are drawn. Scenes are functions of the place in the unit square and of a few numbers
 * drawn from the seed: the same scene in any resolution, which is how previews grow sharper.
 */

#define exported __attribute__((visibility("default")))
#define SHAPES	 26

exported fullet_draw_function fullet_draw;
exported fullet_transcode_function fullet_transcode;

struct colour {
	float r, g, b;
};

struct shape {
	float x, y, size, strength;
	struct colour colour;
};

struct scene {
	int kind;
	struct colour sky[2], far, near;
	struct shape shapes[SHAPES];
	float wave[8], phase[8], sun_x, sun_y, sun_size;
};

static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static float unit(uint64_t *state)
{
	return (float)(next(state) >> 40) / 16777216.0f;
}

static struct colour hsv(float h, float s, float v)
{
	float f = 6 * (h - floorf(h)), k = f - floorf(f);
	float p = v * (1 - s), q = v * (1 - s * k), t = v * (1 - s * (1 - k));

	switch ((int)f % 6) {
	case 0:
		return (struct colour){v, t, p};
	case 1:
		return (struct colour){q, v, p};
	case 2:
		return (struct colour){p, v, t};
	case 3:
		return (struct colour){p, q, v};
	case 4:
		return (struct colour){t, p, v};
	default:
		return (struct colour){v, p, q};
	}
}

static struct colour mix(struct colour a, struct colour b, float k)
{
	k = k < 0 ? 0 : k > 1 ? 1 : k;
	return (struct colour){a.r + (b.r - a.r) * k, a.g + (b.g - a.g) * k, a.b + (b.b - a.b) * k};
}

/* A colour named in the prompt sets the tone. */
static float hue_of(const char *prompt, float otherwise)
{
	static const struct {
		const char *word;
		float hue;
	} words[] = {{"red", 0.0f}, {"rojo", 0.0f}, {"fox", 0.06f}, {"orange", 0.08f},
		{"naranja", 0.08f}, {"gold", 0.12f}, {"yellow", 0.15f}, {"amarill", 0.15f},
		{"forest", 0.32f}, {"bosque", 0.32f}, {"green", 0.34f}, {"verde", 0.34f},
		{"sea", 0.53f}, {"mar ", 0.53f}, {"sky", 0.56f}, {"cielo", 0.56f}, {"blue", 0.6f},
		{"azul", 0.6f}, {"night", 0.68f}, {"noche", 0.68f}, {"purple", 0.77f},
		{"morad", 0.77f}, {"pink", 0.9f}, {"rosa", 0.9f}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *at = strcasestr(prompt, words[i].word);

		if (at && (at == prompt || at[-1] == ' '))
			return words[i].hue;
	}
	return otherwise;
}

static struct scene scene_of(const struct draw_request *req)
{
	uint64_t state = req->seed;
	struct scene s = {0};
	float hue, step;

	for (const char *c = req->prompt; *c; c++)
		state = (state ^ (unsigned char)*c) * 0x100000001b3u;
	s.kind = (int)(next(&state) % 4) % 3; /* hills twice as often */
	hue = hue_of(req->prompt, unit(&state)) + 0.04f * unit(&state);
	step = 0.06f + 0.14f * unit(&state);
	s.sky[0] = hsv(hue + step, 0.55f, 0.32f + 0.2f * unit(&state));
	s.sky[1] = hsv(hue - step, 0.45f, 0.98f);
	s.far = hsv(hue, 0.40f, 0.72f);
	s.near = hsv(hue + 0.5f * step, 0.75f, 0.16f);
	s.sun_x = 0.2f + 0.6f * unit(&state);
	s.sun_y = 0.18f + 0.25f * unit(&state);
	s.sun_size = 0.05f + 0.08f * unit(&state);
	for (int i = 0; i < 8; i++) {
		s.wave[i] = 1.0f + (float)i * 0.9f + 2.0f * unit(&state);
		s.phase[i] = 6.2832f * unit(&state);
	}
	for (int i = 0; i < SHAPES; i++)
		s.shapes[i] = (struct shape){.x = unit(&state),
			.y = unit(&state),
			.size = 0.02f + 0.16f * unit(&state) * unit(&state),
			.strength = 0.25f + 0.55f * unit(&state),
			.colour = hsv(hue + step * (4 * unit(&state) - 2), 0.6f,
				0.6f + 0.4f * unit(&state))};
	return s;
}

/* The edge of a hill: five layers, each the sum of two waves. */
static float hill(const struct scene *s, int layer, float x)
{
	return 0.50f + 0.10f * (float)layer +
	       0.05f * sinf(s->wave[layer] * 1.7f * x + s->phase[layer]) +
	       0.02f * sinf(s->wave[layer + 2] * 5.0f * x + s->phase[layer + 1]);
}

static struct colour sky_at(const struct scene *s, float x, float y, float pixel)
{
	float dx = x - s->sun_x, dy = y - s->sun_y, d = sqrtf(dx * dx + dy * dy);
	struct colour c = mix(s->sky[0], s->sky[1], y * 1.3f);

	c = mix(c, s->sky[1], 0.5f * expf(-5 * d));
	return mix(c, (struct colour){1, 0.97f, 0.9f}, (s->sun_size - d) / pixel + 0.5f);
}

/* Curtains of light: a warped field of sines. */
static struct colour silk_at(const struct scene *s, float x, float y)
{
	float a =
		sinf(s->wave[1] * 2 * x + s->phase[0] + 1.6f * sinf(s->wave[2] * y + s->phase[1]));
	float b = sinf(s->wave[0] * 3 * y + s->phase[2] + 2.1f * a + s->wave[3] * x);
	float c = sinf(4 * (x + y) + s->phase[3] + 2 * b);
	struct colour at = mix(s->sky[0], s->far, 0.5f + 0.5f * a);

	at = mix(at, s->sky[1], 0.45f + 0.45f * b);
	return mix(at, s->near, 0.35f + 0.35f * c);
}

static int packed(struct colour c)
{
	return gdTrueColor((int)(c.r * 255), (int)(c.g * 255), (int)(c.b * 255));
}

/* From the nearest hill that covers the place backwards only as far as an edge is still seen. */
static struct colour hills_at(
	const struct scene *s, const float edges[5], float x, float y, float pixel)
{
	struct colour c;
	int k = 4;

	while (k >= 0 && y - edges[k] < pixel)
		k--;
	c = k < 0 ? sky_at(s, x, y, pixel) : mix(s->far, s->near, (float)k / 4);
	for (k = k < 0 ? 0 : k + 1; k < 5; k++)
		if (y > edges[k])
			c = mix(c, mix(s->far, s->near, (float)k / 4), (y - edges[k]) / pixel);
	return c;
}

static void paint_hills(gdImagePtr image, const struct scene *s)
{
	int w = gdImageSX(image), h = gdImageSY(image);
	float pixel = 1.0f / (float)h;
	float(*edges)[5] = calloc((size_t)w, sizeof(*edges));

	if (!edges)
		return;
	for (int x = 0; x < w; x++)
		for (int k = 0; k < 5; k++)
			edges[x][k] = hill(s, k, (float)x / (float)w * 1.6f);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			image->tpixels[y][x] = packed(hills_at(
				s, edges[x], (float)x / (float)w, (float)y * pixel, pixel));
	free(edges);
}

/* The field is smooth: it is computed at every fourth place and drawn straight between. */
static void paint_field(gdImagePtr image, const struct scene *s)
{
	int w = gdImageSX(image), h = gdImageSY(image);

	for (int y = 0; y < h; y++) {
		float fy = (float)y / (float)h;
		struct colour to = silk_at(s, 0, fy), from = to;

		for (int x = 0; x < w; x++) {
			if (s->kind == 2) {
				image->tpixels[y][x] = packed(mix(s->sky[0], s->sky[1],
					0.7f * fy + 0.3f * (float)x / (float)w));
				continue;
			}
			if (x % 4 == 0) {
				from = to;
				to = silk_at(s, (float)(x + 4) / (float)w, fy);
			}
			image->tpixels[y][x] = packed(mix(from, to, (float)(x % 4) / 4));
		}
	}
}

static void paint(gdImagePtr image, const struct scene *s)
{
	if (s->kind == 0)
		paint_hills(image, s);
	else
		paint_field(image, s);
}

static void blend(gdImagePtr image, int x, int y, struct colour over, float k)
{
	int old = image->tpixels[y][x];
	struct colour c = {(float)gdTrueColorGetRed(old) / 255,
		(float)gdTrueColorGetGreen(old) / 255, (float)gdTrueColorGetBlue(old) / 255};

	image->tpixels[y][x] = packed(mix(c, over, k));
}

/* Soft discs with a bright rim; in the hills only a few, as birds of light. */
static void paint_shapes(gdImagePtr image, const struct scene *s)
{
	int w = gdImageSX(image), h = gdImageSY(image), n = s->kind == 2 ? SHAPES : 0;

	for (int i = 0; i < n; i++) {
		const struct shape *d = &s->shapes[i];
		float cx = d->x * (float)w, cy = d->y * (float)h,
		      r = d->size * (float)(w < h ? w : h);
		int x0 = (int)fmaxf(cx - r - 1, 0), x1 = (int)fminf(cx + r + 2, (float)w);
		int y0 = (int)fmaxf(cy - r - 1, 0), y1 = (int)fminf(cy + r + 2, (float)h);

		for (int y = y0; y < y1; y++)
			for (int x = x0; x < x1; x++) {
				float dx = (float)x - cx, dy = (float)y - cy,
				      dist = sqrtf(dx * dx + dy * dy);
				float inside = fminf(fmaxf(r - dist + 0.5f, 0), 1);
				float rim = fmaxf(1 - fabsf(r - 2 - dist) / (0.04f * r + 1), 0);

				if (inside > 0)
					blend(image, x, y, d->colour,
						inside * d->strength * (0.45f + 0.55f * dist / r) +
							0.3f * rim * inside);
			}
	}
}

/* ---- text: gd's own font is ISO 8859-2, which has most letters of ours ---- */

struct glyph {
	unsigned char c;
	bool tilde;
};

/* The next character as a glyph; what the font lacks becomes its nearest or '?'. */
static struct glyph glyph_of(const unsigned char **text)
{
	const unsigned char *p = *text;
	static const char same[] =
		"\xc1\xc4\xc7\xc9\xcb\xcd\xce\xd3\xd4\xd6\xda\xdc\xdd\xdf\xe1\xe2\xe4\xe7"
		"\xe9\xeb\xed\xee\xf3\xf4\xf6\xfa\xfc\xfd";
	unsigned code = *p, more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc0 ? 1 : 0;

	if (more)
		code &= 0x3fu >> more;
	for (p++; more && (*p & 0xc0) == 0x80; more--)
		code = code << 6 | (*p++ & 0x3fu);
	*text = p;
	if (code < 0x20)
		return (struct glyph){' ', false};
	if (code < 0x7f)
		return (struct glyph){(unsigned char)code, false};
	if (code == 0xf1 || code == 0xd1)
		return (struct glyph){code == 0xf1 ? 'n' : 'N', true};
	if (code == 0xa1)
		return (struct glyph){'!', false};
	if (code >= 0x2018 && code <= 0x201f)
		return (struct glyph){code < 0x201c ? '\'' : '"', false};
	if (code == 0x2013 || code == 0x2014)
		return (struct glyph){'-', false};
	if (code < 0x100 && memchr(same, (int)code, sizeof(same) - 1))
		return (struct glyph){(unsigned char)code, false};
	return (struct glyph){'?', false};
}

/* Breaks the text into lines of `columns`, at spaces where it can. Returns the number of lines. */
static int wrap(const char *text, int columns, int lines_max, struct glyph (*lines)[128])
{
	const unsigned char *p = (const unsigned char *)text;
	int line = 0, at = 0, space = -1;

	columns = columns > 126 ? 126 : columns;
	while (*p && line < lines_max) {
		struct glyph g = glyph_of(&p);

		if (g.c == ' ')
			space = at;
		if (at == 0 && g.c == ' ')
			continue;
		lines[line][at++] = g;
		if (at < columns)
			continue;
		if (line == lines_max - 1 && *p) {
			for (int i = 0; i < 3 && at > 3; i++)
				lines[line][at - 1 - i] = (struct glyph){'.', false};
		} else if (space > 0 && *p && *p != ' ') {
			int rest = at - space - 1;

			if (line + 1 < lines_max)
				memcpy(lines[line + 1], &lines[line][space + 1],
					(size_t)rest * sizeof(g));
			lines[line][space] = (struct glyph){0, false};
			at = rest;
			line++;
			space = -1;
			continue;
		}
		lines[line++][at] = (struct glyph){0, false};
		at = 0;
		space = -1;
	}
	if (at > 0 && line < lines_max)
		lines[line++][at] = (struct glyph){0, false};
	return line;
}

static void draw_line(
	gdImagePtr image, const struct glyph *line, int x, int y, int scale, int colour)
{
	gdFontPtr font = gdFontGetGiant();

	for (; line->c; line++, x += font->w * scale)
		for (int gy = 0; gy < font->h; gy++)
			for (int gx = 0; gx < font->w; gx++) {
				size_t cell = (size_t)font->w * (size_t)font->h;
				size_t at = (size_t)gy * (size_t)font->w + (size_t)gx;
				bool on = font->data[(size_t)(line->c - font->offset) * cell + at];

				/* The font has no n with a tilde. */
				if (line->tilde)
					on |= (gy == 0 && (gx == 2 || gx == 3 || gx == 6)) ||
					      (gy == 1 && (gx == 1 || gx == 4 || gx == 5));
				if (on)
					gdImageFilledRectangle(image, x + gx * scale,
						y + gy * scale, x + gx * scale + scale - 1,
						y + gy * scale + scale - 1, colour);
			}
}

/* A dark band, light text on it. y < 0: at the bottom. */
static void caption(gdImagePtr image, const char *text, int lines_max, int y)
{
	gdFontPtr font = gdFontGetGiant();
	int w = gdImageSX(image), scale = w >= 900 ? 2 : 1, margin = 6 * scale, n, height;
	struct glyph lines[4][128];

	n = wrap(text, (w - 2 * margin) / (font->w * scale), lines_max, lines);
	if (n == 0)
		return;
	height = n * (font->h + 2) * scale + 2 * margin;
	if (y < 0)
		y = gdImageSY(image) - height;
	if (y < 0)
		return;
	gdImageFilledRectangle(image, 0, y, w - 1, y + height - 1, gdTrueColorAlpha(0, 0, 0, 55));
	for (int i = 0; i < n; i++)
		draw_line(image, lines[i], margin, y + margin + i * (font->h + 2) * scale, scale,
			gdTrueColor(255, 255, 255));
}

/* ---- files ---- */

static size_t give(void *data, int size, char **out)
{
	*out = data && size > 0 ? malloc((size_t)size) : NULL;
	if (*out)
		memcpy(*out, data, (size_t)size);
	gdFree(data);
	return *out ? (size_t)size : 0;
}

/* Noise in the last rows, three bytes a pixel that no filter makes smaller. */
static void add_noise(gdImagePtr image, size_t bytes)
{
	int w = gdImageSX(image), y = gdImageSY(image) - 1;
	uint64_t state = bytes;

	for (size_t left = bytes / 3; left > 0 && y >= 0; y--)
		for (int x = 0; x < w && left > 0; x++, left--)
			image->tpixels[y][x] = (int)(next(&state) & 0xffffff);
}

static void put_be32(char *p, unsigned long value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(value >> (24 - 8 * i));
}

/* What noise could not fill goes into ancillary chunks behind the header. Readers refuse chunks of
 * more than 8 MB (libpng's user limit). */
static size_t add_chunks(char **png, size_t len, size_t bytes)
{
	const size_t header = 33, most = 4000000;
	size_t n = (bytes + most - 1) / most, at = header;
	char *out = calloc(1, len + bytes + n * 12);

	if (!out || len < header) {
		free(out);
		return len;
	}
	memcpy(out, *png, header);
	for (size_t left = bytes; left > 0;) {
		size_t size = left < most ? left : most;

		put_be32(out + at, size);
		memcpy(out + at + 4, "paDd", 4);
		put_be32(
			out + at + 8 + size, crc32(0, (const Bytef *)out + at + 4, (uInt)size + 4));
		at += size + 12;
		left -= size;
	}
	memcpy(out + at, *png + header, len - header);
	free(*png);
	*png = out;
	return at + len - header;
}

/* libgd writes to stderr what is wrong with a file; the caller learns it from the result. */
static void silent(int priority, const char *format, va_list args)
{
	(void)priority;
	(void)format;
	(void)args;
}

static gdImagePtr read_picture(const void *data, size_t len)
{
	void *bytes = (void *)data;
	gdImagePtr image = NULL;
	int size = (int)len;

	if (len < 12 || len > INT32_MAX)
		return NULL;
	gdSetErrorMethod(silent);
	if (memcmp(data, "\x89PNG", 4) == 0)
		image = gdImageCreateFromPngPtr(size, bytes);
	else if (memcmp(data, "\xff\xd8\xff", 3) == 0)
		image = gdImageCreateFromJpegPtr(size, bytes);
	else if (memcmp((const char *)data + 8, "WEBP", 4) == 0)
		image = gdImageCreateFromWebpPtr(size, bytes);
	if (image && !gdImageTrueColor(image))
		gdImagePaletteToTrueColor(image);
	return image;
}

/* An edit shows what it was made from, in the light of what was asked. */
static bool paint_base(gdImagePtr image, const struct draw_request *req, const struct scene *s)
{
	gdImagePtr base = req->base ? read_picture(req->base, req->base_len) : NULL;
	int w = gdImageSX(image), h = gdImageSY(image);

	if (!base)
		return false;
	gdImageCopyResampled(image, base, 0, 0, 0, 0, w, h, gdImageSX(base), gdImageSY(base));
	gdImageDestroy(base);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++)
			blend(image, x, y, sky_at(s, (float)x / (float)w, (float)y / (float)h,
						 1.0f / (float)h),
				0.25f);
	return true;
}

static gdImagePtr draw_scene(const struct draw_request *req, int width, int height)
{
	gdImagePtr image = gdImageCreateTrueColor(width, height);
	struct scene scene = scene_of(req);

	if (!image)
		return NULL;
	if (!paint_base(image, req, &scene))
		paint(image, &scene);
	paint_shapes(image, &scene);
	return image;
}

/* The scene in few pixels, stretched: coarse at first, finer with every step. */
static gdImagePtr draw_preview(const struct draw_request *req)
{
	int w = req->width * (4 + req->percent * 60 / 100) / 100 + 2;
	int h = req->height * (4 + req->percent * 60 / 100) / 100 + 2;
	gdImagePtr small = draw_scene(req, w, h), image;

	if (!small)
		return NULL;
	image = gdImageCreateTrueColor(req->width, req->height);
	if (image)
		gdImageCopyResampled(image, small, 0, 0, 0, 0, req->width, req->height, w, h);
	gdImageDestroy(small);
	return image;
}

size_t fullet_draw(const struct draw_request *given, char **out)
{
	struct draw_request req = *given;
	bool preview = req.percent < 100;
	gdImagePtr image;
	int size = 0;
	size_t len;
	void *bytes;

	*out = NULL;
	req.prompt = req.prompt ? req.prompt : "";
	if (req.width < 1 || req.height < 1 || req.width > 4096 || req.height > 4096)
		return 0;
	image = preview ? draw_preview(&req) : draw_scene(&req, req.width, req.height);
	if (!image)
		return 0;
	if (!preview) {
		caption(image, req.label ? req.label : "FuLLet sandbox picture", 1, 0);
		caption(image, req.prompt, 3, -1);
	}
	if (req.jpeg) {
		bytes = gdImageJpegPtr(image, &size, 80);
		gdImageDestroy(image);
		return give(bytes, size, out);
	}
	bytes = gdImagePngPtrEx(image, &size, 1);
	len = give(bytes, size, out);
	if (len && len + 1024 < req.pad_bytes) {
		free(*out);
		add_noise(image, req.pad_bytes - len);
		bytes = gdImagePngPtrEx(image, &size, 1);
		len = give(bytes, size, out);
	}
	gdImageDestroy(image);
	if (len && len + 64 * 1024 < req.pad_bytes)
		len = add_chunks(out, len, req.pad_bytes - len);
	return len;
}

size_t fullet_transcode(const void *data, size_t len, const char *format, int quality, char **out)
{
	gdImagePtr image = read_picture(data, len);
	int out_size = 0;
	void *bytes;

	*out = NULL;
	if (!image)
		return 0;
	if (strcmp(format, "webp") == 0)
		bytes = gdImageWebpPtrEx(image, &out_size, quality);
	else
		bytes = gdImageJpegPtr(image, &out_size, quality);
	gdImageDestroy(image);
	return give(bytes, out_size, out);
}
