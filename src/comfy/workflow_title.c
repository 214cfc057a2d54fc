/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "base/limits.h"
#include "comfy/workflow_graph.h"

/*
 * Model files are named by habit ("flux1-schnell-Q4_K_S.gguf", "flux1-schnell.sft",
 * "FLUX.1_schnell_fp8.safetensors"): compared are their letters and digits only.
 * The first row that is contained decides, so the longer names come first.
 */
static const struct {
	const char *word, *family, *variant;
} families[] = {
	{"flux2kleinbase4b", "FLUX.2", "klein base 4B"},
	{"flux2kleinbase9b", "FLUX.2", "klein base 9B"},
	{"flux2klein4b", "FLUX.2", "klein 4B"},
	{"flux2klein9b", "FLUX.2", "klein 9B"},
	{"flux2klein", "FLUX.2", "klein"},
	{"flux2dev", "FLUX.2", "Dev"},
	{"flux2", "FLUX.2", NULL},
	{"kontext", "Flux", "Kontext"},
	{"flux1kreadev", "Flux", "Krea"},
	{"flux1krea", "Flux", "Krea"},
	{"flux1fill", "Flux", "Fill"},
	{"flux1schnell", "Flux", "Schnell"},
	{"fluxschnell", "Flux", "Schnell"},
	{"flux1dev", "Flux", "Dev"},
	{"fluxdev", "Flux", "Dev"},
	{"zimageturbo", "Z-Image", "Turbo"},
	{"zimageedit", "Z-Image", "Edit"},
	{"zimage", "Z-Image", NULL},
	{"qwenimageedit", "Qwen-Image", "Edit"},
	{"qwenimagelayered", "Qwen-Image", "Layered"},
	{"qwenimage", "Qwen-Image", NULL},
	{"sd35largeturbo", "SD 3.5", "Large Turbo"},
	{"sd35large", "SD 3.5", "Large"},
	{"sd35medium", "SD 3.5", "Medium"},
	{"sd3medium", "SD 3", "Medium"},
	{"sdxlturbo", "SDXL", "Turbo"},
	{"sdxllightning", "SDXL", "Lightning"},
	{"sdxlbase", "SDXL", NULL},
	{"sdturbo", "SD", "Turbo"},
	{"v15pruned", "SD 1.5", NULL},
	{"v21768", "SD 2.1", NULL},
	{"hidreami1full", "HiDream", "Full"},
	{"hidreami1dev", "HiDream", "Dev"},
	{"hidreami1fast", "HiDream", "Fast"},
	{"hidreame1", "HiDream", "Edit"},
	{"chroma1hd", "Chroma", "HD"},
	{"mochipreview", "Mochi", "Preview"},
	{"animapreview", "Anima", "Preview"},
};

/* Below models/ a file may lie in folders, separated as the server's system does it. */
static const char *base_name(const char *file)
{
	const char *base = file;

	for (; *file; file++)
		if (*file == '/' || *file == '\\')
			base = file + 1;
	return base;
}

static void squash(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src && n + 1 < size; src++)
		if (isalnum((unsigned char)*src))
			dst[n++] = (char)tolower((unsigned char)*src);
	dst[n] = '\0';
}

char *title_cut(const char *text)
{
	char *title = xstrdup(text);
	size_t n = 0;

	for (char *p = title; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
		if (((unsigned char)*p & 0xc0) != 0x80 && n++ == WORKFLOW_NAME_MAX) {
			*p = '\0';
			break;
		}
	}
	return title;
}

static char *family_title(const char *file, enum workflow_kind kind)
{
	char word[128];

	squash(word, sizeof(word), base_name(file));
	for (size_t i = 0; i < countof(families); i++) {
		const char *variant = families[i].variant;
		bool edit = kind == WORKFLOW_EDIT && !(variant && has_word(variant, "Edit"));

		if (!strstr(word, families[i].word))
			continue;
		if (!variant)
			return xasprintf("%s%s", families[i].family, edit ? " Edit" : "");
		return xasprintf("%s%s (%s)", families[i].family, edit ? " Edit" : "", variant);
	}
	return NULL;
}

/* "dream_shaper-8_image" -> "Dream Shaper 8" */
static char *name_title(const struct workflow *wf)
{
	static const char *const suffixes[] = {"_image", "_imagine", "_edit"};
	char *title = title_cut(base_name(wf->name));
	bool first = true;
	size_t blank;

	for (size_t i = 0; i < countof(suffixes); i++)
		if (str_ends(title, suffixes[i]) && strlen(title) > strlen(suffixes[i])) {
			title[strlen(title) - strlen(suffixes[i])] = '\0';
			break;
		}
	for (char *p = title; *p; p++) {
		if (*p == '_' || *p == '-')
			*p = ' ';
		else if (first)
			*p = (char)toupper((unsigned char)*p);
		first = *p == ' ';
	}
	/* Discord: a choice's name is not empty. */
	blank = strspn(title, " ");
	if (!title[blank])
		str_set(&title, "Workflow");
	else
		memmove(title, title + blank, strlen(title + blank) + 1);
	if (wf->kind == WORKFLOW_EDIT) {
		char *plain = title;

		title = xasprintf("%.*s Edit", WORKFLOW_NAME_MAX * 3, plain);
		free(plain);
	}
	return title;
}

char *workflow_title(const struct workflow *wf)
{
	/* The model that draws, not its text encoders or VAE: those are shared by families. */
	for (size_t i = 0; i < wf->models.n; i++) {
		const struct workflow_input *m = &wf->models.at[i];
		char *title = NULL;

		if (str_eq(m->input, "unet_name") || str_eq(m->input, "ckpt_name") ||
			str_eq(m->input, "model_name"))
			title = family_title(m->file, wf->kind);
		if (title)
			return title;
	}
	return name_title(wf);
}
