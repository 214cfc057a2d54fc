/* SPDX-License-Identifier: Apache-2.0 */
#include "base/row.h"

#include <stdio.h>
#include <stdlib.h>

void job_row_free(struct job_row *row)
{
	free(row->username);
	free(row->locale);
	free(row->model);
	free(row->prompt);
	free(row->token);
	free(row->gpu);
	free(row->detail);
	free(row->reason);
	free(row->options);
	free(row->input);
	free(row->failed_on);
	*row = (struct job_row){0};
}

void job_row_copy(struct job_row *dst, const struct job_row *src)
{
	*dst = *src;
	dst->username = xstrdup(src->username);
	dst->locale = xstrdup(src->locale);
	dst->model = xstrdup(src->model);
	dst->prompt = xstrdup(src->prompt);
	dst->token = xstrdup(src->token);
	dst->gpu = xstrdup(src->gpu);
	dst->detail = xstrdup(src->detail);
	dst->reason = xstrdup(src->reason);
	dst->options = xstrdup(src->options);
	dst->input = xstrdup(src->input);
	dst->failed_on = xstrdup(src->failed_on);
}

static bool is_shared(const struct job_row *row)
{
	return row->slot > 0;
}

int job_row_parts(const struct job_row *row)
{
	if (is_shared(row) || row->batch <= 0 || row->pictures <= row->batch)
		return 1;
	return (row->pictures + row->batch - 1) / row->batch;
}

int job_row_part_pictures(const struct job_row *row, int part)
{
	if (job_row_parts(row) == 1)
		return is_shared(row) ? 1 : max_of(row->pictures, 1);
	return min_of(row->pictures - part * row->batch, row->batch);
}

void job_row_prompt_id(const struct job_row *row, int part, char ret[UUID_SIZE])
{
	char *last = ret + UUID_SIZE - 1 - 4;
	unsigned long n;

	str_copy(ret, UUID_SIZE, row->prompt_id);
	if (part <= 0 || !uuid_valid(ret))
		return;
	n = strtoul(last, NULL, 16) ^ (unsigned long)part;
	snprintf(last, 5, "%04lx", n & 0xffff);
}

void learned_row_free(struct learned_row *row)
{
	free(row->card);
	free(row->model);
	free(row->value);
	*row = (struct learned_row){0};
}
