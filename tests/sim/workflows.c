/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

/* The workflows of the bot, and an owner who changes them. */

/* What the graphs of the three workflows share. */
#define GRAPH_LOADER                                                                               \
	"{\"1\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":"             \
	"\"sd_xl_base_1.0.safetensors\"}},"
#define GRAPH_PROMPT                                                                               \
	"\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"x\",\"clip\":[\"1\",1]}},"
#define GRAPH_NEGATIVE                                                                             \
	"\"3\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"1\",1]}},"
#define GRAPH_LATENT                                                                               \
	"\"4\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":64,\"height\":64,"       \
	"\"batch_size\":1}},"
#define GRAPH_SAMPLER(name, denoise, latent)                                                       \
	"\"5\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":8,\"cfg\":4,"         \
	"\"sampler_name\":\"" name "\",\"scheduler\":\"simple\",\"denoise\":" denoise              \
	",\"model\":[\"1\",0],"                                                                    \
	"\"positive\":[\"2\",0],\"negative\":[\"3\",0],\"latent_image\":[\"" latent "\",0]}},"
#define GRAPH_SAVE                                                                                   \
	"\"6\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"5\",0],\"vae\":[\"1\",2]}}," \
	"\"7\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"x\",\"images\":["     \
	"\"6\",0]}}}"

/* The sampler tells which of the workflows a graph is of. */
static const char one_text[] = GRAPH_LOADER GRAPH_PROMPT GRAPH_NEGATIVE GRAPH_LATENT GRAPH_SAMPLER(
	"euler", "1", "4") GRAPH_SAVE;
static const char two_text[] = GRAPH_LOADER GRAPH_PROMPT GRAPH_NEGATIVE GRAPH_LATENT GRAPH_SAMPLER(
	"heun", "1", "4") GRAPH_SAVE;

/* Members' prompts share a pass. */
static const char shared_text[] = GRAPH_LOADER
	"\"2\":{\"class_type\":\"CLIP Text Encode (Batch)\",\"inputs\":{\"clip\":[\"1\",1],"
	"\"batch_size\":1,\"text_1\":\"\",\"text_2\":\"\",\"text_3\":\"\",\"text_4\":\"\"}}," GRAPH_NEGATIVE
		GRAPH_LATENT GRAPH_SAMPLER("dpm_2", "1", "4") GRAPH_SAVE;

/* The same from a picture. */
static const char edit_text[] = GRAPH_LOADER GRAPH_PROMPT GRAPH_NEGATIVE
	"\"4\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":\"example.png\"}},"
	"\"8\":{\"class_type\":\"VAEEncode\",\"inputs\":{\"pixels\":[\"4\",0],\"vae\":[\"1\",2]}}," GRAPH_SAMPLER(
		"euler", "0.6", "8") GRAPH_SAVE;

const char *workflows_sampler(const char *name)
{
	return str_eq(name, "two") ? "heun" : str_eq(name, "shared") ? "dpm_2" : "euler";
}

static void add(struct sim *sim, const char *name, const char *text)
{
	if (!workflow_set_find(sim->workflows, name)) /* the owner of an earlier seed has deleted it */
		workflow_set_add(sim->workflows, workflow_read(name, text, strlen(text)));
}

void workflows_add(struct sim *sim)
{
	if (!sim->workflows)
		sim->workflows = workflow_set_new();
	add(sim, "one", one_text);
	add(sim, "two", two_text);
	add(sim, "shared", shared_text);
	add(sim, "retouch_edit", edit_text);
	must(workflow_set_count(sim->workflows, WORKFLOW_EDIT) == 1);
}

/* An owner saves a workflow over, deletes it or puts it back. As in bot.c, between two turns; a
 * pointer that somebody has kept to the old one is found by the sanitizer. */
static void owner_acts(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	bool edits = rng_below(&sim->rng, 2) == 0;
	const char *name = edits ? "retouch_edit" : "two", *text = edits ? edit_text : two_text;
	bool there = workflow_set_find(sim->workflows, name) != NULL;

	if (!run)
		return;
	if (there && rng_below(&sim->rng, 2) == 0)
		(void)workflow_set_remove(sim->workflows, name);
	else
		must(workflow_set_replace(sim->workflows, workflow_read(name, text, strlen(text))));
	trace_say(sim, "the workflow %s was %s", name,
		workflow_set_find(sim->workflows, name) ? "saved" : "deleted");
	if (sim->shell)
		shell_workflows_changed(sim->shell);
	bot_turn(sim);
}

void workflows_plan(struct sim *sim)
{
	for (int i = 0; i < sim->weather.workflow_changes; i++)
		clock_at(sim->clock, weather_sometime(sim), owner_acts, NULL);
}
