/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include "app/shell_commands.h"

/*
 * The LoRA files that the ComfyUI servers have: a list for each server and class of loader, asked
 * for when the server comes up and again when somebody types and the list is old. What is offered
 * is what every server that answers has, since any of them may draw the picture.
 */

/* A file that the owner has just put there is offered after so long at most. */
#define FRESH_MS 60000
/* A server that does not tell is asked again after this. */
#define AGAIN_MS 5000

/* Some loaders name the file in an input that ComfyUI does not describe (rgthree's): those look
 * into the same folder as this one. */
#define COMMON_CLASS "LoraLoader"
#define COMMON_INPUT "lora_name"

struct lora_list {
	struct shell *shell;
	int gpu;
	char *class, *input;
	bool common; /* the class does not tell: the common one is asked */
	bool known, asking;
	int64_t asked_ms;
	char **names;
	size_t n;
	struct lora_list *next;
};

static void forget_names(struct lora_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->names[i]);
	free(take(list->names));
	list->n = 0;
}

void shell_lora_free(struct shell_comfy *c)
{
	for (struct lora_list *list = c->loras, *next; list; list = next) {
		next = list->next;
		forget_names(list);
		free(list->class);
		free(list->input);
		free(list);
	}
	c->loras = NULL;
}

static struct lora_list *list_of(struct shell *sh, int gpu, const struct workflow *wf)
{
	const char *class, *input;
	struct lora_list *list;

	if (!workflow_lora_loader(wf, &class, &input))
		return NULL;
	for (list = sh->comfy[gpu].loras; list; list = list->next)
		if (str_eq(list->class, class) && str_eq(list->input, input))
			return list;
	list = xcalloc(1, sizeof(*list));
	*list = (struct lora_list){.shell = sh,
		.gpu = gpu,
		.class = xstrdup(class),
		.input = xstrdup(input),
		.next = sh->comfy[gpu].loras};
	sh->comfy[gpu].loras = list;
	return list;
}

/* ---- asking ---- */

static void ask(struct lora_list *list);

static void take_names(struct lora_list *list, struct json_object *array)
{
	forget_names(list);
	list->names = xcalloc(min_of(json_len(array), (size_t)LORAS_MAX) + 1, sizeof(char *));
	for (size_t i = 0; i < json_len(array) && list->n < LORAS_MAX; i++) {
		struct json_object *one = json_object_array_get_idx(array, i);
		const char *name = json_object_is_type(one, json_type_string)
					   ? json_object_get_string(one)
					   : "";

		/* An empty folder gives ["None"] in some loaders. */
		if (*name && strlen(name) <= LORA_NAME_MAX && strcasecmp(name, "none") != 0)
			list->names[list->n++] = xstrdup(name);
	}
	list->known = true;
}

static void told(void *arg, struct http_response *response)
{
	struct pending *p = arg;
	struct lora_list *list = p->what;
	struct shell *sh = p->shell;
	cleanup(json_put) struct json_object *doc = NULL;
	struct json_object *class;

	pending_free(p);
	list->asking = false;
	if (response->status != 200 || !http_response_is_json(response)) {
		list->asked_ms = shell_now(sh) - FRESH_MS + AGAIN_MS;
		return;
	}
	doc = json_parse(buf_str(&response->body), response->body.len, NULL);
	class = json_member(doc, list->common ? COMMON_CLASS : list->class);
	if (workflow_choices(class, list->common ? COMMON_INPUT : list->input)) {
		take_names(
			list, workflow_choices(class, list->common ? COMMON_INPUT : list->input));
	} else if (!list->common) {
		list->common = true;
		ask(list);
	}
}

static void ask(struct lora_list *list)
{
	struct shell *sh = list->shell;
	cleanup(freep) char *class = url_encode(list->common ? COMMON_CLASS : list->class);
	cleanup(freep) char *path = xasprintf("/object_info/%s", class);
	struct http_request req;

	list->asking = true;
	list->asked_ms = shell_now(sh);
	comfy_request(&sh->config.comfy[list->gpu], HTTP_GET, path, &req);
	req.answer_max = COMFY_ANSWER_MAX;
	sh->ports.http(sh->ports.ctx, &req, told, pending_new(sh, 0, list, NULL));
	http_request_free(&req);
}

static void refresh(struct shell *sh, int gpu, const struct workflow *wf, int64_t fresh_ms)
{
	struct lora_list *list = core_gpu_is_up(sh->core, gpu) ? list_of(sh, gpu, wf) : NULL;

	if (list && !list->asking && sh->phase == RUN &&
		(!list->asked_ms || shell_now(sh) - list->asked_ms >= fresh_ms))
		ask(list);
}

void shell_lora_look(struct shell *sh)
{
	const struct workflow *wf;

	for (int gpu = 0; gpu < sh->config.n_comfy; gpu++)
		for (size_t i = 0; (wf = workflow_set_all(sh->config.workflows, i)); i++)
			if (workflow_usable(wf))
				refresh(sh, gpu, wf, FRESH_MS);
}

void shell_lora_up(struct shell *sh, int gpu)
{
	const struct workflow *wf;

	for (size_t i = 0; (wf = workflow_set_all(sh->config.workflows, i)); i++)
		if (workflow_usable(wf))
			refresh(sh, gpu, wf, 0);
}

/* ---- looking ---- */

static bool has(const struct lora_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->names[i], name))
			return true;
	return false;
}

/* The lists that count: of the servers that answer, and if none does, of all. */
static size_t lists_of(
	struct shell *sh, const struct workflow *wf, struct lora_list *ret[COMFY_SERVERS_MAX])
{
	bool up = core_has_gpu(sh->core);
	size_t n = 0;

	for (int i = 0; i < sh->config.n_comfy; i++) {
		struct lora_list *list = list_of(sh, i, wf);

		refresh(sh, i, wf, FRESH_MS);
		if (list && list->known && (!up || core_gpu_is_up(sh->core, i)))
			ret[n++] = list;
	}
	return n;
}

size_t shell_loras(struct shell *sh, const struct workflow *wf, const char ***ret)
{
	struct lora_list *lists[COMFY_SERVERS_MAX];
	size_t n_lists = lists_of(sh, wf, lists), n = 0;

	*ret = xcalloc(n_lists ? lists[0]->n + 1 : 1, sizeof(char *));
	for (size_t i = 0; n_lists && i < lists[0]->n; i++) {
		bool everywhere = true;

		for (size_t k = 1; k < n_lists && everywhere; k++)
			everywhere = has(lists[k], lists[0]->names[i]);
		if (everywhere)
			(*ret)[n++] = lists[0]->names[i];
	}
	return n_lists ? n : SHELL_LORAS_UNKNOWN;
}

/* "style/ink.safetensors" may be called "ink". */
static bool is_called(const char *name, const char *typed)
{
	const char *file = name, *dot;
	size_t n = strlen(typed);

	for (const char *p = name; *p; p++)
		if (*p == '/' || *p == '\\')
			file = p + 1;
	dot = strrchr(file, '.');
	return strcasecmp(name, typed) == 0 || strcasecmp(file, typed) == 0 ||
	       (dot && (size_t)(dot - file) == n && strncasecmp(file, typed, n) == 0);
}

/* The number of names that fit; the last of them in *ret. */
static size_t matching(
	const char **names, size_t n, const char *typed, bool exact, const char **ret)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (exact ? is_called(names[i], typed) : strcasestr(names[i], typed) != NULL) {
			*ret = names[i];
			found++;
		}
	return found;
}

enum text_id shell_lora_find(
	struct shell *sh, const struct workflow *wf, const char *typed, const char **ret)
{
	cleanup(freep) const char **names = NULL;
	size_t n = shell_loras(sh, wf, &names), found;

	if (n == SHELL_LORAS_UNKNOWN)
		return TEXT_LORA_NO_LIST;
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], typed)) {
			*ret = names[i];
			return TEXT_NONE;
		}
	found = matching(names, n, typed, true, ret);
	found = found ? found : matching(names, n, typed, false, ret);
	return found == 1 ? TEXT_NONE : found ? TEXT_LORA_SEVERAL : TEXT_LORA_UNKNOWN;
}

bool shell_lora_lacks(struct shell *sh, int gpu, const struct workflow *wf, const char *name)
{
	const struct lora_list *list = list_of(sh, gpu, wf);

	return list && list->known && !has(list, name);
}
