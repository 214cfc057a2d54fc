/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <stdlib.h>

void store_snapshot_free(struct store_snapshot *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_jobs; i++)
		job_row_free(&s->jobs[i]);
	free(s->jobs);
	free(s->sessions);
	free(s->interactions);
	free(s->today);
	for (size_t i = 0; i < s->n_learned; i++)
		learned_row_free(&s->learned[i]);
	free(s->learned);
	*s = (struct store_snapshot){0};
}

void store_op_free(struct store_op *op)
{
	if (!op)
		return;
	job_row_free(&op->job);
	free(op->name);
	free(op->value);
	free(op->card);
	blob_drop(op->picture);
	*op = (struct store_op){0};
}

void store_result_free(struct store_result *result)
{
	for (size_t i = 0; i < result->n_jobs; i++)
		job_row_free(&result->jobs[i]);
	free(result->jobs);
	free(result->picture.name);
	blob_drop(result->picture.bytes);
	*result = (struct store_result){0};
}
