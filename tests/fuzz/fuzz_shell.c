/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bot itself in the hands of its counterparts: what an earlier process kept, events of
 * Discord's gateway, answers of REST, of a ComfyUI and of the cleaner are lines of the input.
 * Whatever comes, the bot goes on or stops with a sentence, and no log line holds a secret.
 */

#include "../unit/shell_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN	  "TOKENTOKENTOKEN"
#define LINES_MAX 60

static const char graph[] =
	"{\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"a\"}},"
	"\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"4\",1]}},"
	"\"10\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":\"x.png\"}},"
	"\"11\":{\"class_type\":\"VAEEncode\",\"inputs\":{\"pixels\":[\"10\",0],\"vae\":[\"4\",2]}},"
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":20,\"cfg\":8.0,"
	"\"model\":[\"4\",0],\"positive\":[\"6\",0],\"latent_image\":[\"11\",0]}},"
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"x\",\"images\":["
	"\"3\",0]}}}";

static void log_of(void *ctx, enum log_level level, const char *subject, const char *text)
{
	must(!strstr(text, TOKEN) && !strchr(text, '\n'));
}

/* The one that waits for longest. */
static void answer(struct rig *rig, bool comfy, int status, const char *body)
{
	size_t i = 0;

	while (i < rig->n_requests && rig->requests[i].comfy != comfy)
		i++;
	(void)rig_answer(rig, i, status, body);
}

/* "NAME {...}" as the gateway sends it. */
static void event(struct rig *rig, char *line)
{
	char *data = strchr(line, ' ');

	if (!data)
		return;
	*data++ = '\0';
	(void)rig_event(rig, line, data);
}

static void step(struct rig *rig, char *line)
{
	char *rest = *line ? line + 1 : line;

	switch (*line) {
	case 'e':
		event(rig, rest);
		break;
	case 'r': /* an answer of Discord's: "r200 {...}" */
	case 'c': /* of the ComfyUI's */
		answer(rig, *line == 'c', (int)(strtoul(rest, &rest, 10) % 600), rest);
		break;
	case 'g':
		(void)rig_receive(rig, false, rest, false);
		break;
	case 'w':
		(void)rig_receive(rig, true, rest, false);
		break;
	case 'b':
		(void)rig_receive(rig, true, rest, true);
		break;
	case 't': /* at once: the turns of a day would take too long */
		rig->now_ms += 1000 * (int64_t)min_of(strtoul(rest, NULL, 10), 100000ul);
		rig_turn(rig);
		break;
	case 's':
		shell_stop(rig->shell);
		rig_turn(rig);
		break;
	}
}

/* "past NAME VALUE" lines at the beginning: settings in the database. */
static void read_past(char **lines, struct shell_past *past)
{
	while (*lines && str_starts(*lines, "past ")) {
		char *line = strsep(lines, "\n") + 5, *value = strchr(line, ' ');
		const struct {
			const char *name;
			char **at;
		} places[] = {{"gateway", &past->gateway}, {"ids", &past->ids},
			{"mode", &past->mode}, {"limits", &past->limits}, {"cards", &past->cards},
			{"words", &past->words}};

		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < countof(places); i++)
			if (str_eq(line, places[i].name))
				*places[i].at = value;
	}
}

static struct workflow_set *workflows(void)
{
	static struct workflow_set *set; /* the same for all */

	if (set)
		return set;
	set = workflow_set_new();
	workflow_set_add(set, workflow_read("flux", graph, strlen(graph)));
	workflow_set_add(set, workflow_read("flux_edit", graph, strlen(graph)));
	return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *lines = text;
	struct shell_past past = {0};
	struct rig rig;

	rig_init(&rig, TOKEN, workflows(), log_of);
	rig.config.comfy[0] = (struct comfy_config){.url = "http://comfy", .api_key = TOKEN "K"};
	rig.config.n_comfy = 1;
	read_past(&lines, &past);
	(void)rig_start(&rig, &past);
	(void)rig_receive(&rig, true, "", false);
	for (int i = 0; i < LINES_MAX && lines && shell_state(rig.shell) == SHELL_RUNNING; i++)
		step(&rig, strsep(&lines, "\n"));
	if (shell_state(rig.shell) == SHELL_FAILED)
		must(*shell_failure(rig.shell));
	rig_stop(&rig);
	free(text);
	return 0;
}
