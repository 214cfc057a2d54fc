/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/command_table.h"

#include "base/limits.h"

/*
 * Discord: names are lower case, 1-32; descriptions 1-100; required options come first, at
 * most 25 of them; a command has at most 8000 characters.
 */
/* clang-format off */
#define END {.name = {NULL, NULL}}

static const struct option_row imagine_options[] = {
	{.name = {"model", "modelo"},
	 .description = {"The model that draws: type to search",
	                 "El modelo que dibuja: escribe para buscar"},
	 .type = OPTION_STRING, .required = true, .autocomplete = true},
	{.name = {"prompt", "texto"},
	 .description = {"What you would like to see", "Lo que quieres ver"},
	 .type = OPTION_STRING, .required = true, .autocomplete = true,
	 .min_length = 1, .max_length = PROMPT_CHARS_MAX},
	{.name = {"negative", "negativo"},
	 .description = {"What should not be in the picture", "Lo que no debe salir en la imagen"},
	 .type = OPTION_STRING, .max_length = PROMPT_CHARS_MAX},
	{.name = {"size", "tamaño"},
	 .description = {"A ratio such as 16:9, or pixels such as 1024x768",
	                 "Una proporción como 16:9, o píxeles como 1024x768"},
	 .type = OPTION_STRING, .autocomplete = true, .max_length = 20},
	{.name = {"steps", "pasos"},
	 .description = {"How many steps the drawing takes", "Cuántos pasos lleva el dibujo"},
	 .type = OPTION_INTEGER, .bounded = true, .min = 1, .max = STEPS_MAX},
	{.name = {"cfg", "cfg"},
	 .description = {"How closely the picture follows the text",
	                 "Cuánto sigue la imagen al texto"},
	 .type = OPTION_NUMBER, .bounded = true, .min = 0, .max = CFG_MAX},
	{.name = {"seed", "semilla"},
	 .description = {"A number: the same one draws the same picture again",
	                 "Un número: con el mismo sale otra vez la misma imagen"},
	 .type = OPTION_STRING, .max_length = 40},
	{.name = {"count", "cantidad"},
	 .description = {"How many pictures, 1 to 4", "Cuántas imágenes, de 1 a 4"},
	 .type = OPTION_INTEGER, .bounded = true, .min = 1, .max = COUNT_MAX},
	{.name = {"lora", "lora"},
	 .description = {"A LoRA to draw with: type to search",
	                 "Un LoRA con el que dibujar: escribe para buscar"},
	 .type = OPTION_STRING, .autocomplete = true, .max_length = 100},
	END,
};

static const struct option_row edit_options[] = {
	{.name = {"prompt", "texto"},
	 .description = {"What should change", "Lo que debe cambiar"},
	 .type = OPTION_STRING, .required = true, .autocomplete = true,
	 .min_length = 1, .max_length = PROMPT_CHARS_MAX},
	{.name = {"image", "imagen"},
	 .description = {"The picture to edit; without one, your last picture",
	                 "La imagen que editar; sin ella, tu última imagen"},
	 .type = OPTION_ATTACHMENT},
	{.name = {"model", "modelo"},
	 .description = {"The model that edits: type to search",
	                 "El modelo que edita: escribe para buscar"},
	 .type = OPTION_STRING, .autocomplete = true, .only_with_several_edits = true},
	END,
};

static const struct option_row cancel_options[] = {
	{.name = {"picture", "imagen"},
	 .description = {"Which one: pick it from the list", "Cuál: elígela de la lista"},
	 .type = OPTION_STRING, .autocomplete = true, .max_length = 100},
	END,
};

static const struct option_row privacy_options[] = {
	{.name = {"export", "exportar"},
	 .description = {"Gives you everything that is stored about you, as a file",
	                 "Te da todo lo que hay guardado sobre ti, en un archivo"},
	 .type = OPTION_SUBCOMMAND},
	{.name = {"erase", "borrar"},
	 .description = {"Erases everything that is stored about you",
	                 "Borra todo lo que hay guardado sobre ti"},
	 .type = OPTION_SUBCOMMAND},
	END,
};

static const struct option_row admin_user[] = {
	{.name = {"user", "usuario"},
	 .description = {"The member", "El miembro"},
	 .type = OPTION_USER, .required = true},
	END,
};

static const struct option_row admin_limits[] = {
	{.name = {"cap", "tope"},
	 .description = {"Pictures a member may have at a time (0: as the settings say)",
	                 "Imágenes a la vez por miembro (0: lo que digan los ajustes)"},
	 .type = OPTION_INTEGER, .bounded = true, .min = 0, .max = 100},
	{.name = {"quota", "cuota"},
	 .description = {"Pictures a member may make in a day (0: no limit)",
	                 "Imágenes por miembro y día (0: sin límite)"},
	 .type = OPTION_INTEGER, .bounded = true, .min = 0, .max = 100000},
	{.name = {"role", "rol"},
	 .description = {"Only for members with this role; without cap and quota: as for everybody",
	                 "Solo para quien tenga este rol; sin tope ni cuota: como para todos"},
	 .type = OPTION_ROLE},
	END,
};

static const struct option_row admin_card[] = {
	{.name = {"card", "tarjeta"},
	 .description = {"Only this card, by its number in /status or its address (without: the whole line)",
	                 "Solo esta tarjeta, por su número en /estado o su dirección (sin ella: toda la cola)"},
	 .type = OPTION_STRING, .autocomplete = true, .max_length = 100},
	{.name = {NULL}},
};
static const struct option_row admin_options[] = {
	{.name = {"sync", "sincronizar"},
	 .description = {"Registers the commands anew", "Registra de nuevo los comandos"},
	 .type = OPTION_SUBCOMMAND},
	{.name = {"clear", "limpiar"},
	 .description = {"Removes all commands; !sync in #admin-tools or a restart brings them back",
	                 "Quita todos los comandos; !sync en #admin-tools o reiniciar los devuelve"},
	 .type = OPTION_SUBCOMMAND},
	{.name = {"id", "id"},
	 .description = {"The id of this server", "El id de este servidor"},
	 .type = OPTION_SUBCOMMAND},
	{.name = {"pause", "pausar"},
	 .description = {"No new picture is begun; requests wait",
	                 "No empieza ninguna imagen; los pedidos esperan"},
	 .type = OPTION_SUBCOMMAND, .options = admin_card},
	{.name = {"resume", "reanudar"},
	 .description = {"Goes on after pause or drain", "Sigue tras pausar o vaciar"},
	 .type = OPTION_SUBCOMMAND, .options = admin_card},
	{.name = {"drain", "vaciar"},
	 .description = {"Takes no new requests and finishes what waits",
	                 "No acepta pedidos nuevos y termina lo que espera"},
	 .type = OPTION_SUBCOMMAND, .options = admin_card},
	{.name = {"ban", "vetar"},
	 .description = {"A member may not ask for pictures any more",
	                 "Un miembro ya no puede pedir imágenes"},
	 .type = OPTION_SUBCOMMAND, .options = admin_user},
	{.name = {"unban", "readmitir"},
	 .description = {"A banned member may ask again", "Un miembro vetado puede pedir otra vez"},
	 .type = OPTION_SUBCOMMAND, .options = admin_user},
	{.name = {"limits", "límites"},
	 .description = {"Shows the limits, or sets them", "Muestra los límites, o los cambia"},
	 .type = OPTION_SUBCOMMAND, .options = admin_limits},
	END,
};

const struct command_row command_table[] = {
	{.id = COMMAND_IMAGINE, .type = COMMAND_SLASH,
	 .name = {"imagine", "imaginar"},
	 .description = {"Make a picture from a description",
	                 "Crea una imagen a partir de una descripción"},
	 .help = {"Choose a model from the list and write what you would like to see. The picture "
	          "comes in a private channel that only you can see.",
	          "Elige un modelo de la lista y escribe lo que quieres ver. La imagen llega a un "
	          "canal privado que solo ves tú."},
	 .options = imagine_options},
	{.id = COMMAND_EDIT, .type = COMMAND_SLASH,
	 .name = {"edit", "editar"},
	 .description = {"Change a picture by saying how", "Cambia una imagen diciendo cómo"},
	 .help = {"Attach a picture and write what should change. Without a picture, your last one "
	          "is edited.",
	          "Adjunta una imagen y escribe qué debe cambiar. Sin imagen, se edita la última "
	          "tuya."},
	 .options = edit_options},
	{.id = COMMAND_EDIT_THIS, .type = COMMAND_MESSAGE,
	 .name = {"Edit this picture", "Editar esta imagen"},
	 .help = {"In the menu of a message, below Apps: edits the picture in that message.",
	          "En el menú de un mensaje, en Aplicaciones: edita la imagen de ese mensaje."}},
	{.id = COMMAND_QUEUE, .type = COMMAND_SLASH,
	 .name = {"queue", "cola"},
	 .description = {"Your pictures in the line", "Tus imágenes en la cola"},
	 .help = {"Shows where your pictures stand and how many wait in all.",
	          "Muestra por dónde van tus imágenes y cuántas esperan en total."}},
	{.id = COMMAND_CANCEL, .type = COMMAND_SLASH,
	 .name = {"cancel", "cancelar"},
	 .description = {"Cancel a picture of yours", "Cancela una imagen tuya"},
	 .help = {"Cancels a picture that waits or is being made. Administrators can cancel "
	          "anybody's.",
	          "Cancela una imagen que espera o se está haciendo. Quien administra puede "
	          "cancelar la de cualquiera."},
	 .options = cancel_options},
	{.id = COMMAND_MODELS, .type = COMMAND_SLASH,
	 .name = {"models", "modelos"},
	 .description = {"The models to choose from", "Los modelos para elegir"},
	 .help = {"Lists the models and what can be chosen for each.",
	          "Enumera los modelos y lo que se puede elegir en cada uno."}},
	{.id = COMMAND_STATUS, .type = COMMAND_SLASH,
	 .name = {"status", "estado"},
	 .description = {"How the bot and its cards are doing", "Cómo están el bot y sus tarjetas"},
	 .help = {"Shows the cards, the line, the version and how long the bot has been up.",
	          "Muestra las tarjetas, la cola, la versión y cuánto lleva el bot en marcha."}},
	{.id = COMMAND_HELP, .type = COMMAND_SLASH,
	 .name = {"help", "ayuda"},
	 .description = {"What I can do", "Lo que sé hacer"},
	 .help = {"This list.", "Esta lista."}},
	{.id = COMMAND_PRIVACY, .type = COMMAND_SLASH,
	 .name = {"privacy", "privacidad"},
	 .description = {"What is stored about you", "Lo que hay guardado sobre ti"},
	 .help = {"export gives you everything that is stored about you as a file; erase deletes "
	          "it.",
	          "exportar te da en un archivo todo lo que hay guardado sobre ti; borrar lo "
	          "elimina."},
	 .options = privacy_options},
	{.id = COMMAND_ADMIN, .type = COMMAND_SLASH,
	 .name = {"admin", "admin"},
	 .description = {"For administrators of this server", "Para quien administra este servidor"},
	 .help = {"Registers commands, pauses the line, bans members, sets limits.",
	          "Registra comandos, pausa la cola, veta a miembros, fija límites."},
	 .permissions = "0", .options = admin_options},
};
/* clang-format on */

const size_t command_table_len = countof(command_table);
