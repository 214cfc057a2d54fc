/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/workflow_graph.h"

/* What numbers a workflow takes, and what members type for them. */

static size_t digits(const char *s)
{
	size_t n = 0;

	while (isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* RFC 8259, section 6, and not longer than anybody types: the text goes into the graph as it is. */
bool is_number_text(const char *text)
{
	const char *s = text + (*text == '-');
	size_t n = digits(s);

	if (n == 0 || n > 9 || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (*s == '.') {
		n = digits(++s);
		if (n == 0 || n > 15)
			return false;
		s += n;
	}
	return *s == '\0';
}

/* What stands in the graph; NAN when it is no number. */
static double standing(const struct workflow *wf, const struct workflow_inputs *list)
{
	struct json_object *value;

	if (list->n == 0)
		return NAN;
	value = json_member(
		json_member(json_member(wf->graph, list->at[0].node), "inputs"), list->at[0].input);
	return json_object_is_type(value, json_type_int) ||
			       json_object_is_type(value, json_type_double)
		       ? json_object_get_double(value)
		       : NAN;
}

/* The owner's own number is never out of range. */
static void complete(struct workflow_range *range, double own, double min, double max, double step)
{
	if (range->step <= 0)
		range->step = step;
	if (isnan(range->min))
		range->min = own < min && (isnan(range->max) || own <= range->max) ? own : min;
	if (isnan(range->max))
		range->max = own > max ? own : max_of(max, range->min);
	range->min = min_of(range->min, range->max);
}

/* FLUX.2's latents have 16 pixels to the side of a cell, all others 8. */
static double size_step(const struct workflow *wf)
{
	for (size_t i = 0; i < wf->width.n; i++) {
		const char *class = json_str(json_member(wf->graph, wf->width.at[i].node), "class_type");

		if (class && has_word(class, "Flux2"))
			return 16;
	}
	return 8;
}

void workflow_ranges(struct workflow *wf)
{
	double step = size_step(wf);

	complete(&wf->width_range, standing(wf, &wf->width), WORKFLOW_SIDE_MIN, WORKFLOW_SIDE_MAX,
		step);
	complete(&wf->height_range, standing(wf, &wf->height), WORKFLOW_SIDE_MIN,
		WORKFLOW_SIDE_MAX, step);
	complete(&wf->steps_range, standing(wf, &wf->steps), 1, WORKFLOW_STEPS_MAX, 1);
	complete(&wf->cfg_range, standing(wf, &wf->cfg), 0, WORKFLOW_CFG_MAX, 0.1);
	complete(&wf->count_range, NAN, 1, WORKFLOW_COUNT_MAX, 1);
}

bool workflow_number_fits(const struct workflow *wf, enum workflow_field field, const char *text)
{
	const struct workflow_range *range = field == FIELD_STEPS   ? &wf->steps_range
					     : field == FIELD_COUNT ? &wf->count_range
								    : &wf->cfg_range;
	double value;

	if (!is_number_text(text) || (field != FIELD_CFG && strchr(text, '.')))
		return false;
	value = strtod(text, NULL);
	return value >= range->min && value <= range->max;
}

static int side_of(const struct workflow *wf, const struct workflow_inputs *list,
	const struct workflow_range *range)
{
	double value = range->value ? strtod(range->value, NULL) : standing(wf, list);

	return value >= 1 && value <= 1000000 ? (int)value : 0;
}

bool workflow_size(const struct workflow *wf, int *ret_width, int *ret_height)
{
	int width = side_of(wf, &wf->width, &wf->width_range);
	int height = side_of(wf, &wf->height, &wf->height_range);

	if (width == 0 || height == 0)
		return false;
	*ret_width = width;
	*ret_height = height;
	return true;
}

bool workflow_default(const struct workflow *wf, enum workflow_field field, char text[24])
{
	bool steps = field == FIELD_STEPS;
	const struct workflow_range *range = steps ? &wf->steps_range : &wf->cfg_range;
	double value = range->value ? strtod(range->value, NULL)
				    : standing(wf, steps ? &wf->steps : &wf->cfg);

	if (isnan(value))
		return false;
	snprintf(text, 24, "%.6g", value);
	return true;
}

/* The nearest multiple of the step that is within the range; 0 when there is none. */
static int fit(const struct workflow_range *range, double side)
{
	double at = round(side / range->step) * range->step;

	if (at < range->min)
		at = ceil(range->min / range->step) * range->step;
	if (at > range->max)
		at = floor(range->max / range->step) * range->step;
	return at >= range->min && at >= 1 ? (int)at : 0;
}

static bool fit_pixels(
	const struct workflow *wf, double width, double height, int *ret_width, int *ret_height)
{
	const struct workflow_range *w = &wf->width_range, *h = &wf->height_range;
	int x = fit(w, width), y = fit(h, height);

	if (width < w->min || width > w->max || height < h->min || height > h->max || !x || !y)
		return false;
	*ret_width = x;
	*ret_height = y;
	return true;
}

static bool fit_shape(
	const struct workflow *wf, double across, double down, int *ret_width, int *ret_height)
{
	const struct workflow_range *w = &wf->width_range, *h = &wf->height_range;
	int own_width = 1024, own_height = 1024, x, y;
	double area, shape = across / down, width;

	workflow_size(wf, &own_width, &own_height);
	area = (double)own_width * own_height;
	width = sqrt(area * shape);
	/* Smaller in the same shape rather than cut to another one. */
	width = min_of(width, min_of(w->max, h->max * shape));
	width = max_of(width, max_of(w->min, h->min * shape));
	x = fit(w, width);
	y = fit(h, width / shape);
	/* A shape that the ranges do not have, beyond what rounding explains. */
	if (!x || !y || fabs(x - width) > w->step || fabs(y - width / shape) > h->step)
		return false;
	*ret_width = x;
	*ret_height = y;
	return true;
}

/* A number of at most five digits, with decimals when they are allowed ("2.39:1"). */
static const char *number(const char *s, bool decimals, double *ret)
{
	size_t n = digits(s);

	if (n == 0 || n > 5)
		return NULL;
	if (decimals && s[n] == '.' && digits(s + n + 1) > 0 && digits(s + n + 1) <= 3)
		n += 1 + digits(s + n + 1);
	*ret = strtod(s, NULL);
	return *ret > 0 ? s + n : NULL;
}

static const char *skip_space(const char *s)
{
	while (*s == ' ')
		s++;
	return s;
}

/* "x", "X", "*" and the multiplication sign, which telephones offer. */
static const char *skip_times(const char *s)
{
	if (*s == 'x' || *s == 'X' || *s == '*')
		return s + 1;
	return str_starts(s, "\xc3\x97") ? s + 2 : NULL;
}

bool size_parse(const char *text, const struct workflow *wf, int *ret_width, int *ret_height)
{
	double a = 0, b = 0;
	bool shape = strchr(text, ':') != NULL;
	const char *s = number(skip_space(text), shape, &a);

	if (!workflow_accepts(wf, FIELD_SIZE) || !s)
		return false;
	s = skip_space(s);
	s = shape ? (*s == ':' ? s + 1 : NULL) : skip_times(s);
	s = s ? number(skip_space(s), shape, &b) : NULL;
	if (!s || *skip_space(s))
		return false;
	return shape ? fit_shape(wf, a, b, ret_width, ret_height)
		     : fit_pixels(wf, a, b, ret_width, ret_height);
}
