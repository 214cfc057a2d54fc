/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_MODAL_H
#define FULLET_DISCORD_MODAL_H

#include "discord/message.h"

/*
 * The window that asks what should change in a picture. Its custom_id,
 * "v1:edit:CHANNEL:MESSAGE", is the member's word when it comes back, as everything is.
 */
#define EDIT_PICTURES_MAX ATTACHMENTS_MAX
struct edit_modal {
	uint64_t channel_id, message_id; /* that holds the pictures */
	const struct choice *models;	 /* fewer than two: not asked; of more than 25 the first */
	size_t n_models;
	size_t n_pictures; /* fewer than two: not asked */
};
/* Type 9. */
struct rest_call *message_edit_modal(const struct interaction *it, const struct edit_modal *modal);
/* False when the custom_id is not such a one. */
bool edit_modal_parse(const char *custom_id, uint64_t *ret_channel_id, uint64_t *ret_message_id);

/* The custom_ids of its fields: the text, the model's name, the picture's number from 0 on. */
#define EDIT_FIELD_PROMPT "prompt"
#define EDIT_FIELD_MODEL  "model"
#define EDIT_FIELD_WHICH  "which"

#endif
