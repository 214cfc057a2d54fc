/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_commands.h"

/* The cards as administrators see them: what they are told, and what they can do. */

void shell_tell_card(struct shell *sh, const struct effect *e)
{
	int gpu = (int)e->id;
	enum text_id id = e->kind == FX_TELL_CARD_FAILING ? TEXT_CARD_FAILING
			  : e->kind == FX_TELL_CARD_WELL  ? TEXT_CARD_WELL
							  : TEXT_CARD_EMPTY;
	char *text = text_make(id, shell_guild_locale(sh),
		&(struct text_args){
			.text = sh->gpu_names[gpu], .name = core_gpu_why(sh->core, gpu)});

	if (sh->admin_channel_id)
		shell_call(sh, message_plain(sh->admin_channel_id, text), CALL_IGNORED, 0, 0);
	free(text);
}
