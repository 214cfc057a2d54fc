/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "comfy/failure.h"
#include "comfy/reply.h"
#include "comfy/workflow_graph.h"

/* What ComfyUI's nodes are called, and what a ComfyUI says, in the shapes in which it comes. */

static struct json_object *json(const char *text)
{
	struct json_object *doc = comfy_json(text, strlen(text));

	if (!doc)
		fail_msg("%s", text);
	return doc;
}

/* ---- names ---- */

struct name {
	const char *name;
	bool is;
};

static void all_are(bool (*is)(const char *name), const struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(names[i].name) != names[i].is)
			fail_msg("\"%s\" is%s one", names[i].name, names[i].is ? " not" : "");
}

static void test_roles(void **state)
{
	static const struct {
		const char *name;
		bool positive, negative;
	} names[] = {
		{"positive", true, false},
		{"Positive_Prompt", true, false},
		{"base_positive", true, false},
		{"pos", true, false},
		{"cond1", true, false},
		{"negative", false, true},
		{"refiner_negative", false, true},
		{"NEG", false, true},
		{"cond2", false, true},
		{"position", false, false},
		{"negated", false, false},
		{"cond3", false, false},
		{"", false, false},
	};

	for (size_t i = 0; i < countof(names); i++)
		if (name_is_role(names[i].name, ROLE_POSITIVE) != names[i].positive ||
			name_is_role(names[i].name, ROLE_NEGATIVE) != names[i].negative)
			fail_msg("%s", names[i].name);
}

static void test_inputs(void **state)
{
	static const struct name texts[] = {{"text", true}, {"text_g", true}, {"text1", true},
		{"string_ab", true}, {"string", true}, {"Prompt", true}, {"t5xxl", true},
		{"textual", false}, {"text_abc", false}, {"text__", false}, {"strin", false},
		{"seed", false}};
	static const struct name others[] = {{"model", true}, {"image2", true}, {"latent_a", true},
		{"mask", true}, {"clip_vision_output", true}, {"lora_stack", true}, {"CFG", true},
		{"conditioning", false}, {"text", false}};
	static const struct name latents[] = {
		{"latent_image", true}, {"Samples", true}, {"pixel", false}};
	static const struct name sampling[] = {
		{"guider", true}, {"sigmas_2", true}, {"scheduler", true}, {"sigma", false}};
	static const struct name conditionings[] = {
		{"conditioning_2", true}, {"guider", true}, {"basic_pipe", true}, {"text", false}};

	all_are(name_is_text, texts, countof(texts));
	all_are(name_is_other_type, others, countof(others));
	all_are(name_is_latent, latents, countof(latents));
	all_are(name_is_sampling, sampling, countof(sampling));
	all_are(name_is_conditioning, conditionings, countof(conditionings));
}

static void test_classes_and_files(void **state)
{
	static const struct name saves[] = {{"SaveImage", true}, {"Image Save", true},
		{"VHS_VideoCombine", true}, {"SaveLatent", false}, {"CheckpointSave", false},
		{"Save Text File", false}, {"PreviewImage", false}, {"SaveImageWebsocket", false},
		{"KSampler", false}};
	static const struct name sends[] = {{"SaveImageWebsocket", true},
		{"ETN_SendImageWebSocket", true}, {"SaveImage", false}, {"WebSocketThing", false}};
	static const struct name loads[] = {{"LoadImage", true}, {"Load Image Batch", true},
		{"LoadImageMask", false}, {"LoadImageOutput", false}, {"LoadImageFromUrl", false},
		{"ImageLoad", false}};
	static const struct name files[] = {{"a.safetensors", true}, {"A.GGUF", true},
		{"x/y.pth", true}, {".ckpt", false}, {"a.txt", false}, {"", false}};

	all_are(class_saves, saves, countof(saves));
	all_are(class_sends, sends, countof(sends));
	all_are(class_loads_image, loads, countof(loads));
	all_are(file_is_model, files, countof(files));
	assert_true(seed_ceiling("SeedVR2VideoUpscaler", "seed") == UINT32_MAX);
	assert_true(seed_ceiling("Seed (rgthree)", "seed") == UINT64_C(1) << 50);
	assert_true(seed_ceiling("easy seed", "seed") == UINT64_C(1) << 50);
	assert_true(seed_ceiling("PrimitiveInt", "value") == INT64_MAX);
	assert_true(seed_ceiling("RandomNoise", "noise_seed") == UINT64_MAX);
	assert_null(class_package("KSampler"));
	assert_non_null(class_package("easy kSampler"));
}

/* ---- what it says ---- */

static void test_whose_failure(void **state)
{
	static const struct {
		const char *doc;
		bool machine;
	} cases[] = {
		{"{\"exception_type\":\"torch.AcceleratorError\"}", true},
		{"{\"exception_type\":\"AcceleratorError\"}", true},
		{"{\"exception_type\":\"RuntimeError\",\"exception_message\":\"cuDNN error: x\"}",
			true},
		{"{\"exception_message\":\"[errno 28] no space left on device\"}", true},
		{"{\"exception_type\":\"ValueError\",\"exception_message\":\"shape mismatch\"}",
			false},
		{"{\"exception_type\":7}", false},
		{"{}", false},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *doc = json(cases[i].doc);

		if (failure_is_the_machines(doc) != cases[i].machine)
			fail_msg("%s", cases[i].doc);
	}
}

/* Python's numbers, outside of strings only. */
static void test_python_numbers(void **state)
{
	static const struct {
		const char *text, *same; /* NULL: it is refused */
	} cases[] = {
		{"{\"a\":NaN,\"b\":[-Infinity,Infinity]}", "{\"a\":0,\"b\":[0,0]}"},
		{"{\"NaN\":\"Infinity \\\" NaN\",\"b\":NaN}",
			"{\"NaN\":\"Infinity \\\" NaN\",\"b\":0}"},
		{"{\"a\":Nan}", NULL},
		{"{\"a\":NaN", NULL},
		{"{\"a\":-Inf}", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *doc =
			comfy_json(cases[i].text, strlen(cases[i].text));
		cleanup(freep) char *text = doc ? json_text(doc) : NULL;

		if (!str_eq(text, cases[i].same) && (text || cases[i].same))
			fail_msg("%s: %s", cases[i].text, text ? text : "refused");
	}
	assert_null(comfy_json(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_classes_and_files),
		cmocka_unit_test(test_whose_failure),
		cmocka_unit_test(test_python_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
