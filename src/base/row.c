/* SPDX-License-Identifier: Apache-2.0 */
#include "base/row.h"

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
	free(row->options);
	free(row->input);
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
	dst->options = xstrdup(src->options);
	dst->input = xstrdup(src->input);
}
