/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/text_in.h"

/*
 * {number}, {channel}, {text} and {name} stand for the arguments; a part in square brackets
 * is left out when an argument in it is missing.
 */
/* clang-format off */
const struct sentence text_sentences[TEXT_COUNT] = {
	[TEXT_NONE] = {"", ""},
	[TEXT_QUEUED] = {
		"Queued[ (Pos: {number})][ in {channel}][, about {text}]",
		"En cola[ (Pos: {number})][ en {channel}][, aprox. {text}]"},
	[TEXT_CAP_REACHED] = {
		"You already have {number} pictures waiting or being made, which is as many as "
		"fit. Wait for one to finish, or cancel one, and ask again.",
		"Ya tienes {number} imágenes en espera o en marcha, y no caben más. Espera a que "
		"termine una, o cancela una, y vuelve a pedirla."},
	[TEXT_QUEUE_FULL] = {
		"The line is full right now. Please try again in a few minutes.",
		"La cola está llena ahora mismo. Inténtalo de nuevo en unos minutos."},
	[TEXT_UNKNOWN_MODEL] = {
		"I don't know the model[ “{text}”]. Type the command again and pick one from the "
		"list.",
		"No conozco el modelo[ «{text}»]. Escribe el comando otra vez y elige uno de la "
		"lista."},
	[TEXT_NO_MODELS] = {
		"There is no model to choose from right now. Please tell an administrator of this "
		"server.",
		"Ahora mismo no hay ningún modelo para elegir. Avisa a quien administra este "
		"servidor."},
	[TEXT_EMPTY_PROMPT] = {
		"The prompt is empty. Write what you would like to see and try again.",
		"La descripción está vacía. Escribe lo que quieres ver e inténtalo de nuevo."},
	[TEXT_PROMPT_TOO_LONG] = {
		"That prompt is too long[: {number} characters is the most]. Please shorten it "
		"and try again.",
		"La descripción es demasiado larga[: caben {number} caracteres]. Acórtala e "
		"inténtalo de nuevo."},
	[TEXT_STOPPING] = {
		"I'm about to restart. Please try again in a minute.",
		"Estoy a punto de reiniciarme. Inténtalo de nuevo en un minuto."},
	[TEXT_NOT_READY] = {
		"I'm still starting. Please try again in a few seconds.",
		"Todavía estoy arrancando. Inténtalo de nuevo en unos segundos."},
	[TEXT_QUOTA] = {
		"You have asked for all[ {number}] of today's pictures. The day begins anew at "
		"midnight UTC; please come back then.",
		"Ya pediste todas las imágenes de hoy[: {number}]. El día vuelve a empezar a "
		"medianoche UTC; vuelve entonces."},
	[TEXT_QUOTA_LEFT] = {
		"Of today's pictures only {number} are left for you. Ask for fewer, or come back "
		"after midnight UTC.",
		"De las imágenes de hoy solo te quedan {number}. Pide menos, o vuelve después de "
		"medianoche UTC."},
	[TEXT_BANNED] = {
		"An administrator of this server has barred you from asking for pictures. Only "
		"they can lift that.",
		"Quien administra este servidor no te deja pedir imágenes. Solo esa persona puede "
		"cambiarlo."},
	[TEXT_AGE_RESTRICTED] = {
		"This model can only be used from an age-restricted channel. Type the command in one.",
		"Este modelo solo se puede usar desde un canal con restricción de edad. Escribe el "
		"comando en uno."},
	[TEXT_RESTRICTED_PICTURE] = {
		"This picture is age-restricted, so it can only be edited from an age-restricted "
		"channel. Type the command in one.",
		"Esta imagen tiene restricción de edad y solo se puede editar desde un canal que "
		"también la tenga. Escribe el comando en uno."},
	[TEXT_MODEL_ROLES] = {
		"The model[ “{text}”] is only for some roles of this server, and you have none of "
		"them. Pick another one from the list.",
		"El modelo[ «{text}»] es solo para algunos roles de este servidor, y no tienes "
		"ninguno. Elige otro de la lista."},
	[TEXT_OPTION_NO_INPUT] = {
		"The model “{text}” does not take the option {name}. Leave it out, or pick another "
		"model: /models shows what each one takes.",
		"El modelo «{text}» no admite la opción {name}. Quítala o elige otro modelo: "
		"/modelos muestra lo que admite cada uno."},
	[TEXT_OPTION_RANGE] = {
		"{name} for this model: {text}.",
		"{name} para este modelo: {text}."},
	[TEXT_RANGE] = {"{text} to {name}", "de {text} a {name}"},
	[TEXT_RANGE_SIZE] = {
		"a ratio such as 16:9, or pixels from {text} to {name}",
		"una proporción como 16:9, o píxeles de {text} a {name}"},
	[TEXT_RANGE_LENGTH] = {
		"at most {number} characters",
		"{number} caracteres como mucho"},
	[TEXT_LORA_UNKNOWN] = {
		"There is no LoRA[ “{text}”] for this model. Pick one from the list that appears "
		"while you type.",
		"No hay ningún LoRA[ «{text}»] para este modelo. Elige uno de la lista que aparece "
		"al escribir."},
	[TEXT_LORA_SEVERAL] = {
		"Several LoRAs fit[ “{text}”]. Pick one from the list that appears while you type.",
		"Hay varios LoRA que encajan[ con «{text}»]. Elige uno de la lista que aparece al "
		"escribir."},
	[TEXT_LORA_NO_LIST] = {
		"I can't see right now which LoRAs there are, because no ComfyUI answers. Try "
		"again in a minute, or leave lora out.",
		"Ahora no puedo ver qué LoRA hay, porque no responde ningún ComfyUI. Inténtalo en "
		"un minuto, o quita lora."},
	[TEXT_TOO_LARGE_FOR_CARDS] = {
		"That model needs {text} of graphics memory, and the largest card here has {name}. "
		"Please choose a smaller model.",
		"Ese modelo necesita {text} de memoria gráfica y la tarjeta más grande de aquí "
		"tiene {name}. Elige un modelo más pequeño."},
	[TEXT_DRAINING] = {
		"No new pictures are taken right now: an administrator lets the line run empty. "
		"Please try again later.",
		"Ahora no se aceptan imágenes nuevas: quien administra está dejando vaciar la "
		"cola. Inténtalo más tarde."},
	[TEXT_ERASING] = {
		"Everything of yours is being erased. Please ask again in a minute.",
		"Se está borrando todo lo tuyo. Vuelve a pedirlo en un minuto."},
	[TEXT_CANCEL_TOO_LATE] = {
		"It is too late to cancel this one: it is finished or being sent. You can ask for "
		"a new picture any time.",
		"Ya es tarde para cancelarla: está terminada o enviándose. Puedes pedir otra "
		"imagen cuando quieras."},
	[TEXT_CANCELLING] = {
		"Cancelling. You can ask for a new picture right away.",
		"Cancelando. Puedes pedir otra imagen cuando quieras."},
	[TEXT_NOT_YOURS] = {
		"This button belongs to somebody else's picture. Ask for your own with /imagine.",
		"Este botón es de la imagen de otra persona. Pide la tuya con /imaginar."},
	[TEXT_CHANNEL_NOT_YOURS] = {
		"This is somebody else's private channel: only they or an administrator can keep it.",
		"Este canal privado es de otra persona: solo ella o quien administra puede conservarlo."},
	[TEXT_UNKNOWN_BUTTON] = {
		"I don't know this button any more. Please use /imagine again.",
		"Ya no conozco este botón. Usa /imaginar otra vez."},

	[TEXT_NO_EDIT_MODELS] = {
		"There is no model for editing right now. Please tell an administrator of this "
		"server.",
		"Ahora mismo no hay ningún modelo para editar. Avisa a quien administra este "
		"servidor."},
	[TEXT_NO_LAST] = {
		"You have no picture of the last 24 hours. Attach one to the command, or make one "
		"with /imagine first.",
		"No tienes ninguna imagen de las últimas 24 horas. Adjunta una al comando, o crea "
		"antes una con /imaginar."},
	[TEXT_NO_PICTURE] = {
		"There is no picture in this message that I can take. Choose a message with a "
		"picture that was uploaded to Discord.",
		"En este mensaje no hay ninguna imagen que yo pueda usar. Elige un mensaje con una "
		"imagen subida a Discord."},
	[TEXT_NO_VIEW] = {
		"I cannot see this channel. Ask an administrator to let me view it and read its "
		"history, or use /edit and attach the picture.",
		"No puedo ver este canal. Pide a quien administra que me deje verlo y leer su "
		"historial, o usa /editar y adjunta la imagen."},
	[TEXT_EDIT_TITLE] = {"Edit this picture", "Editar esta imagen"},
	[TEXT_EDIT_PROMPT] = {"What should change", "Qué debe cambiar"},
	[TEXT_EDIT_MODEL] = {"Model", "Modelo"},
	[TEXT_EDIT_WHICH] = {"Which picture", "Qué imagen"},
	[TEXT_EDIT_NTH] = {"Picture {number}", "Imagen {number}"},

	[TEXT_ADMINS_ONLY] = {
		"Only administrators of this server can do that.",
		"Solo puede hacerlo quien administra este servidor."},
	[TEXT_UNKNOWN_COMMAND] = {
		"I don't know this command any more. Please type it again; the list of "
		"commands was just changed.",
		"Ya no conozco este comando. Escríbelo otra vez; la lista de comandos "
		"acaba de cambiar."},
	[TEXT_NOTHING_WAITS] = {
		"Nothing of yours is waiting or being made. Ask for a picture with "
		"/imagine.",
		"No tienes nada en espera ni en marcha. Pide una imagen con /imaginar."},
	[TEXT_CANCEL_WHICH] = {
		"Several of your pictures are waiting or being made. Type /cancel again and "
		"pick one from the list.",
		"Tienes varias imágenes en espera o en marcha. Escribe /cancelar otra vez "
		"y elige una de la lista."},
	[TEXT_CANCEL_UNKNOWN] = {
		"I don't find that picture in the line: it is finished, or it is not yours. "
		"Pick one from the list.",
		"No encuentro esa imagen en la cola: ya terminó, o no es tuya. Elige una "
		"de la lista."},
	[TEXT_QUEUE_HEAD] = {
		"**Your pictures**",
		"**Tus imágenes**"},
	[TEXT_QUEUE_TOTAL] = {
		"Waiting in all: {number}",
		"En espera en total: {number}"},
	[TEXT_QUEUE_MADE] = {
		"Being made in all: {number}",
		"En marcha en total: {number}"},
	[TEXT_STATE_PREPARING] = {
		"preparing",
		"preparándose"},
	[TEXT_PAUSED] = {
		"The line is paused by an administrator; what waits goes on later.",
		"Quien administra ha pausado la cola; lo que espera seguirá más tarde."},
	[TEXT_DRAINS] = {
		"The line is running empty: no new requests are taken.",
		"La cola se está vaciando: no se aceptan pedidos nuevos."},
	[TEXT_MODELS_IMAGINE] = {
		"**Models for /imagine**",
		"**Modelos para /imaginar**"},
	[TEXT_MODELS_EDIT] = {
		"**Models for /edit**",
		"**Modelos para /editar**"},
	[TEXT_MODELS_NOTE] = {
		"In brackets: what it is when you choose nothing.",
		"Entre paréntesis: lo que vale si no eliges nada."},
	[TEXT_MODEL_TAKES] = {"usually {text}", "suele tardar {text}"},
	[TEXT_MORE] = {
		"… and {number} more",
		"… y {number} más"},
	[TEXT_STATUS_CARDS] = {
		"**Cards**",
		"**Tarjetas**"},
	[TEXT_STATUS_IDLE] = {
		"idle",
		"libre"},
	[TEXT_STATUS_BUSY] = {
		"busy, pictures: {number}",
		"ocupada, imágenes: {number}"},
	[TEXT_STATUS_DOWN] = {
		"does not answer",
		"no responde"},
	[TEXT_STATUS_PAUSED] = {
		"paused by an administrator[, pictures: {number}]",
		"pausada por quien administra[, imágenes: {number}]"},
	[TEXT_STATUS_DRAINING] = {
		"takes no more pictures, by an administrator[, still on it: {number}]",
		"no acepta más imágenes, por quien administra[, le quedan: {number}]"},
	[TEXT_STATUS_FAILING] = {
		"keeps failing; it is tried again in {text}",
		"falla una y otra vez; se prueba otra vez en {text}"},
	[TEXT_STATUS_TRIED] = {
		"keeps failing; it is tried with the next picture",
		"falla una y otra vez; se prueba con la próxima imagen"},
	[TEXT_STATUS_UPTIME] = {
		"up for {text}",
		"en marcha desde hace {text}"},
	[TEXT_HELP_HEAD] = {
		"**What I can do**",
		"**Lo que sé hacer**"},
	[TEXT_WORKFLOW_REFUSED] = {
		"A workflow file cannot be used. {text}",
		"Un archivo de flujo no se puede usar. {text}"},
	[TEXT_WORKFLOW_KEPT] = {
		"A workflow file was changed and cannot be used; the workflow of before goes on. "
		"{text}",
		"Un archivo de flujo ha cambiado y no se puede usar; sigue el flujo de antes. "
		"{text}"},
	[TEXT_WORKFLOW_MENDED] = {
		"This workflow file is in order again: {text}",
		"Este archivo de flujo vuelve a estar bien: {text}"},
	[TEXT_SYNC_DONE] = {
		"Commands registered: {number}",
		"Comandos registrados: {number}"},
	[TEXT_SYNC_FAILED] = {
		"Discord did not take the commands[: {text}]. Try again in a minute; the "
		"log says more.",
		"Discord no aceptó los comandos[: {text}]. Inténtalo en un minuto; el "
		"registro dice más."},
	[TEXT_CLEARED] = {
		"All commands are removed, globally and in this server. !sync in "
		"#admin-tools or a restart brings them back.",
		"Todos los comandos están quitados, globalmente y en este servidor. !sync "
		"en #admin-tools o un reinicio los devuelve."},
	[TEXT_EXPORT_DONE] = {
		"This is everything that I have stored about you.",
		"Esto es todo lo que tengo guardado sobre ti."},
	[TEXT_EXPORT_NO_PICTURE] = {
		"Your last picture is too large to be attached; you find it in your private "
		"channel.",
		"Tu última imagen es demasiado grande para adjuntarla; la tienes en tu canal "
		"privado."},
	[TEXT_EXPORT_LEFT_OUT] = {
		"It does not all fit: the records of your {number} oldest pictures are missing. "
		"Ask an administrator of this server for them.",
		"No cabe todo: faltan los registros de tus {number} imágenes más antiguas. Pídelos "
		"a quien administra este servidor."},
	[TEXT_EXPORT_FAILED] = {
		"I could not put together what is stored about you. Please try again in a minute.",
		"No he podido reunir lo que hay guardado sobre ti. Inténtalo de nuevo en un "
		"minuto."},
	[TEXT_ERASE_ASK] = {
		"This erases everything that I have stored about you: the records of your "
		"pictures with their prompts, your last picture, your private channel with all "
		"that is in it, and your entries in ComfyUI's history. What waits or is being "
		"made is cancelled. It cannot be undone; /privacy export gives you a copy first.",
		"Esto borra todo lo que tengo guardado sobre ti: los registros de tus imágenes con "
		"sus textos, tu última imagen, tu canal privado con todo lo que contiene y tus "
		"entradas en el historial de ComfyUI. Lo que espera o está en marcha se cancela. "
		"No se puede deshacer; /privacidad exportar te da antes una copia."},
	[TEXT_ERASE_BEGUN] = {
		"Everything of yours is being erased. It goes on by itself, also if I restart.",
		"Se está borrando todo lo tuyo. Sigue solo, también si me reinicio."},
	[TEXT_ERASE_UNSURE] = {
		"Everything of yours is being erased, but I could not write that down yet: if your "
		"private channel is still there in ten minutes, please ask again.",
		"Se está borrando todo lo tuyo, pero aún no he podido anotarlo: si tu canal "
		"privado sigue ahí dentro de diez minutos, vuelve a pedirlo."},
	[TEXT_ERASE_DONE] = {
		"Everything that I had stored about you is erased.",
		"Todo lo que tenía guardado sobre ti está borrado."},
	[TEXT_ERASE_HISTORY] = {
		"A ComfyUI did not answer: until it restarts, its history may still name your "
		"pictures.",
		"Un ComfyUI no ha respondido: hasta que se reinicie, su historial puede nombrar "
		"todavía tus imágenes."},
	[TEXT_ERASE_REMAINS] = {
		"What remains elsewhere, where I cannot erase it: the files on ComfyUI's disk, "
		"copies that the owner of this bot keeps (exports and backups), messages in "
		"public channels, and a ban, if an administrator has set one. Ask them about "
		"those.",
		"Lo que queda en otros sitios, donde no puedo borrarlo: los archivos en el disco "
		"de ComfyUI, las copias que guarda quien mantiene este bot (exportaciones y copias "
		"de seguridad), los mensajes en canales públicos y un veto, si quien administra lo "
		"ha puesto. Pregúntales por ello."},
	[TEXT_SERVER_ID] = {
		"The id of this server: {text}",
		"El id de este servidor: {text}"},
	[TEXT_MODE_RUN] = {
		"The line goes on.",
		"La cola sigue."},
	[TEXT_MODE_PAUSE] = {
		"Paused: requests are taken and wait; no new picture is begun until /admin "
		"resume.",
		"En pausa: se aceptan pedidos y esperan; no empieza ninguna imagen hasta "
		"/admin reanudar."},
	[TEXT_MODE_DRAIN] = {
		"Draining: no new requests until /admin resume. Still to be made: {number}",
		"Vaciando: sin pedidos nuevos hasta /admin reanudar. Quedan por hacer: "
		"{number}"},
	[TEXT_CARD_RUN] = {
		"Card {number} is used again.",
		"La tarjeta {number} se usa otra vez."},
	[TEXT_CARD_PAUSE] = {
		"Card {number} is paused: it finishes what it has and takes no new pictures until "
		"/admin resume with this card.",
		"La tarjeta {number} está en pausa: termina lo que tiene y no acepta imágenes nuevas "
		"hasta /admin reanudar con esta tarjeta."},
	[TEXT_CARD_DRAIN] = {
		"Card {number} takes no more pictures until /admin resume with this card. When it has "
		"finished what it has, #admin-tools hears it.",
		"La tarjeta {number} no acepta más imágenes hasta /admin reanudar con esta tarjeta. "
		"Cuando termine lo que tiene, lo digo en #admin-tools."},
	[TEXT_CARD_UNKNOWN] = {
		"I don't know a card “{text}”: choose one from the list, or its number in /status.",
		"No conozco ninguna tarjeta «{text}»: elige una de la lista, o su número en /estado."},
	[TEXT_CARD_FAILING] = {
		"The card {text} keeps failing. Last error: {name}\nIts pictures go to other cards, or "
		"wait; now and then I try it with one picture, and say so here when it works again. "
		"/admin resume with this card tries it at once.",
		"La tarjeta {text} falla una y otra vez. Último error: {name}\nSus imágenes van a otras "
		"tarjetas, o esperan; de vez en cuando la pruebo con una imagen, y aquí digo cuándo "
		"vuelve a funcionar. /admin reanudar con esta tarjeta la prueba enseguida."},
	[TEXT_CARD_WELL] = {
		"The card {text} works again.",
		"La tarjeta {text} vuelve a funcionar."},
	[TEXT_CARD_EMPTY] = {
		"The card {text} has finished what it had and is empty.",
		"La tarjeta {text} ha terminado lo que tenía y está vacía."},
	[TEXT_RELOAD_REFUSED] = {
		"The settings were not read again, and the old ones go on: {text}",
		"Los ajustes no se han vuelto a leer y siguen los de antes: {text}"},
	[TEXT_BAN_DONE] = {
		"That member may not ask for pictures any more; what waited is cancelled.",
		"Ese miembro ya no puede pedir imágenes; lo que esperaba queda cancelado."},
	[TEXT_BAN_ALREADY] = {
		"That member is banned already.",
		"Ese miembro ya estaba vetado."},
	[TEXT_UNBAN_DONE] = {
		"That member may ask for pictures again.",
		"Ese miembro puede pedir imágenes otra vez."},
	[TEXT_UNBAN_NOT] = {
		"That member is not banned.",
		"Ese miembro no está vetado."},
	[TEXT_LIMITS_FULL] = {
		"There is no room for more of these; remove one first.",
		"No caben más; quita uno antes."},
	[TEXT_LIMITS_HEAD] = {
		"**Limits**",
		"**Límites**"},
	[TEXT_LIMITS_EVERYBODY] = {
		"every member",
		"cada miembro"},
	[TEXT_LIMITS_CAP] = {
		"at a time: {number}",
		"a la vez: {number}"},
	[TEXT_LIMITS_QUOTA] = {
		"a day: {number}",
		"al día: {number}"},
	[TEXT_LIMITS_NO_QUOTA] = {
		"a day: no limit",
		"al día: sin límite"},
	[TEXT_LIMITS_BANNED] = {
		"Banned members: {number}",
		"Miembros vetados: {number}"},

	[TEXT_SORRY_THERE] = {
		"No picture this time: {channel} says why.",
		"Esta vez no hay imagen: {channel} dice por qué."},
	[TEXT_SORRY_CHANNEL] = {
		"Sorry, I could not make your private channel[: {text}]. Please tell an "
		"administrator of this server, then try again.",
		"Lo siento, no he podido crear tu canal privado[: {text}]. Avisa a quien "
		"administra este servidor y vuelve a intentarlo."},
	[TEXT_SORRY_STORE] = {
		"Sorry, I could not write your picture down, so nothing was started. Please try "
		"again in a minute.",
		"Lo siento, no he podido anotar tu imagen, así que no se ha empezado nada. "
		"Inténtalo de nuevo en un minuto."},
	[TEXT_SORRY_REFUSED] = {
		"Sorry, ComfyUI refused this workflow[: {text}]. Try another model, and please "
		"tell an administrator.",
		"Lo siento, ComfyUI ha rechazado este flujo[: {text}]. Prueba con otro modelo y "
		"avisa a quien administra el servidor."},
	[TEXT_SORRY_FAILED] = {
		"Sorry, something went wrong while drawing[: {text}]. Please try again, or try "
		"another model.",
		"Lo siento, algo ha fallado al dibujar[: {text}]. Inténtalo de nuevo o prueba con "
		"otro modelo."},
	[TEXT_SORRY_VRAM] = {
		"Sorry, this model needs {text} of graphics memory, and the largest card that is "
		"left here has {name}. Please choose a smaller model.",
		"Lo siento, este modelo necesita {text} de memoria gráfica y la tarjeta más grande "
		"que queda aquí tiene {name}. Elige un modelo más pequeño."},
	[TEXT_SORRY_MEMORY] = {
		"Sorry, the graphics card ran out of memory. Try again in a moment, or choose a "
		"smaller model.",
		"Lo siento, la tarjeta gráfica se ha quedado sin memoria. Inténtalo en un momento "
		"o elige un modelo más pequeño."},
	[TEXT_SORRY_INTERRUPTED] = {
		"Sorry, somebody stopped this picture at the ComfyUI. Please try again.",
		"Lo siento, alguien ha parado esta imagen en ComfyUI. Inténtalo de nuevo."},
	[TEXT_SORRY_LOST] = {
		"Sorry, ComfyUI lost this picture more than once, probably because it restarted. "
		"Please try again in a few minutes.",
		"Lo siento, ComfyUI ha perdido esta imagen más de una vez, seguramente porque se "
		"ha reiniciado. Inténtalo de nuevo en unos minutos."},
	[TEXT_SORRY_NOT_TAKEN] = {
		"Sorry, ComfyUI did not take this picture, though I asked several times. Please try "
		"again in a few minutes, and tell an administrator if it keeps happening.",
		"Lo siento, ComfyUI no ha aceptado esta imagen, aunque se la he pedido varias veces. "
		"Inténtalo de nuevo en unos minutos, y avisa a quien administra el servidor si sigue "
		"pasando."},
	[TEXT_SORRY_STALLED] = {
		"Sorry, ComfyUI gave no sign of life for too long, so I stopped waiting. Please "
		"try again in a few minutes.",
		"Lo siento, ComfyUI llevaba demasiado tiempo sin dar señales de vida y he dejado "
		"de esperar. Inténtalo de nuevo en unos minutos."},
	[TEXT_SORRY_NO_OUTPUT] = {
		"Sorry, it ended without a picture. Try again with another prompt or another "
		"model.",
		"Lo siento, ha terminado sin dar ninguna imagen. Inténtalo con otra descripción u "
		"otro modelo."},
	[TEXT_SORRY_DAMAGED] = {
		"Sorry, ComfyUI gave a damaged file instead of a picture. Please try again; if it "
		"happens again, tell an administrator.",
		"Lo siento, ComfyUI ha dado un archivo dañado en vez de una imagen. Inténtalo de "
		"nuevo; si se repite, díselo a un administrador."},
	[TEXT_SORRY_TOO_LARGE] = {
		"Sorry, the file is too large for this server[ ({text})]. Try another model, or a "
		"smaller picture.",
		"Lo siento, el archivo es demasiado grande para este servidor[ ({text})]. Prueba "
		"con otro modelo o con una imagen más pequeña."},
	[TEXT_SORRY_POST] = {
		"Sorry, Discord did not accept the picture[: {text}]. Try again with another "
		"prompt, or tell an administrator if it keeps happening.",
		"Lo siento, Discord no ha aceptado la imagen[: {text}]. Inténtalo con otra "
		"descripción, o avisa a quien administra el servidor si sigue pasando."},
	[TEXT_SORRY_MODEL_GONE] = {
		"Sorry, the model you chose[, “{text}”,] is no longer here. Please pick another "
		"one from the list.",
		"Lo siento, el modelo que elegiste[, «{text}»,] ya no está. Elige otro de la "
		"lista."},
	[TEXT_SORRY_LEFT] = {
		"Sorry, you left the server, so this picture was not made. If you are back, ask again.",
		"Lo siento, saliste del servidor, así que esta imagen no se hizo. Si has vuelto, pídela otra "
		"vez."},
	[TEXT_SORRY_PERMISSION] = {
		"Sorry, Discord does not let me do that[: {text}]. Ask an administrator of this server to "
		"give my role the permissions Manage Channels, View Channels, Send Messages, Embed "
		"Links, Attach Files and Read Message History.",
		"Lo siento, Discord no me deja hacerlo[: {text}]. Pide a quien administra este servidor que dé a mi "
		"rol los permisos de gestionar y ver canales, enviar mensajes, insertar enlaces, adjuntar "
		"archivos y leer el historial."},
	[TEXT_SORRY_RESTRICTED] = {
		"Sorry, this picture may only be shown in an age-restricted channel, and your private "
		"channel cannot be made one. Ask an administrator of this server for help.",
		"Lo siento, esta imagen solo se puede mostrar en un canal con restricción de edad, y tu canal "
		"privado no puede serlo. Pide ayuda a quien administra este servidor."},
	[TEXT_SORRY_ERASED] = {
		"Sorry, this picture was not made because you asked for everything of yours to be erased.",
		"Lo siento, esta imagen no se hizo porque pediste que se borrara todo lo tuyo."},
	[TEXT_SORRY_PICTURE_NOT] = {
		"Sorry, that file is not a picture. Send a PNG, JPEG, WebP, GIF, AVIF or HEIC.",
		"Lo siento, ese archivo no es una imagen. Envía un PNG, JPEG, WebP, GIF, AVIF o HEIC."},
	[TEXT_SORRY_PICTURE_KIND] = {
		"Sorry, I cannot open this kind of picture. Save it as a PNG, JPEG or WebP and send that.",
		"Lo siento, no puedo abrir este tipo de imagen. Guárdala como PNG, JPEG o WebP y envía esa."},
	[TEXT_SORRY_PICTURE_LARGE] = {
		"Sorry, that file is too large[: {number} MB is the most]. Send a smaller PNG, JPEG or WebP.",
		"Lo siento, ese archivo es demasiado grande[: caben {number} MB]. Envía un PNG, JPEG o WebP "
		"más pequeño."},
	[TEXT_SORRY_PICTURE_PIXELS] = {
		"Sorry, that picture has too many pixels[: {number} megapixels is the most]. Make it smaller "
		"and send it again.",
		"Lo siento, esa imagen tiene demasiados píxeles[: caben {number} megapíxeles]. Redúcela y "
		"envíala otra vez."},
	[TEXT_SORRY_PICTURE_DAMAGED] = {
		"Sorry, that picture is damaged or cut off. Send it again, or save it anew as a PNG or JPEG.",
		"Lo siento, esa imagen está dañada o incompleta. Envíala otra vez, o guárdala de nuevo como "
		"PNG o JPEG."},
	[TEXT_SORRY_PICTURE_HARD] = {
		"Sorry, I could not open that picture. Save it anew as a PNG or JPEG and send that.",
		"Lo siento, no he podido abrir esa imagen. Guárdala de nuevo como PNG o JPEG y envía esa."},
	[TEXT_SORRY_PICTURE_GONE] = {
		"Sorry, the picture that you wanted to edit is not there any more. Send it again with "
		"/edit.",
		"Lo siento, la imagen que querías editar ya no está. Envíala otra vez con /editar."},
	[TEXT_SORRY_PICTURE_UNREACHED] = {
		"Sorry, Discord did not give me the picture that you wanted to edit, though I asked "
		"several times. Try again in a minute.",
		"Lo siento, Discord no me ha dado la imagen que querías editar, aunque se la he pedido "
		"varias veces. Inténtalo de nuevo en un minuto."},
	[TEXT_SORRY_PICTURE_FOREIGN] = {
		"Sorry, I take pictures only from Discord itself. Attach the picture to /edit.",
		"Lo siento, solo uso imágenes que estén en Discord. Adjunta la imagen a /editar."},
	[TEXT_SORRY_PICTURE_BUSY] = {
		"Sorry, I cannot look at pictures right now. Try again in a minute.",
		"Lo siento, ahora mismo no puedo mirar imágenes. Inténtalo de nuevo en un minuto."},
	[TEXT_SORRY_OPTIONS] = {
		"Sorry, the model was changed and no longer takes what you chose[. {text}]. Please "
		"ask again.",
		"Lo siento, el modelo ha cambiado y ya no admite lo que elegiste[. {text}]. Pídela "
		"otra vez."},
	[TEXT_SESSION_WARNING] = {
		"Nobody has used this channel for a while. It will be removed <t:{number}:R> with "
		"everything in it; press the button or write something here to keep it.",
		"Nadie ha usado este canal en un rato. Se borrará <t:{number}:R> con todo lo que "
		"contiene; pulsa el botón o escribe algo aquí para conservarlo."},
	[TEXT_SESSION_KEPT] = {
		"Done: this channel stays.",
		"Hecho: este canal se queda."},
	[TEXT_SESSION_GONE] = {
		"It is too late to keep this channel. Ask for a picture and you get a new one.",
		"Ya es tarde para conservar este canal. Pide una imagen y tendrás otro."},
	[TEXT_SORRY_CANCELLED] = {
		"Cancelled, as you asked. Use /imagine whenever you want a new picture.",
		"Cancelada, como pediste. Usa /imaginar cuando quieras otra imagen."},

	[TEXT_LIVE_QUEUED] = {"Queued[ (Pos: {number})][, about {text}]",
		"En cola[ (Pos: {number})][, aprox. {text}]"},
	[TEXT_LIVE_NO_GPU] = {
		"Queued[ (Pos: {number})] · no graphics card answers right now; it goes on by "
		"itself as soon as one does",
		"En cola[ (Pos: {number})] · ahora no responde ninguna tarjeta gráfica; seguirá "
		"sola en cuanto responda una"},
	[TEXT_LIVE_NO_MEMORY] = {
		"Queued[ (Pos: {number})] · it waits for a card with enough memory",
		"En cola[ (Pos: {number})] · espera una tarjeta con memoria suficiente"},
	[TEXT_LIVE_PAUSED] = {
		"Queued[ (Pos: {number})] · an administrator has paused the graphics cards; it goes "
		"on by itself later",
		"En cola[ (Pos: {number})] · quien administra ha pausado las tarjetas gráficas; "
		"seguirá sola más tarde"},
	[TEXT_LIVE_STARTING] = {"Starting…", "Empezando…"},
	[TEXT_LIVE_DRAWING] = {"Drawing…", "Dibujando…"},
	[TEXT_LIVE_SENDING] = {"Sending…", "Enviando…"},
	[TEXT_LIVE_DONE] = {"Done[ in {text}]", "Lista[ en {text}]"},
	[TEXT_LIVE_SORRY] = {"No picture", "Sin imagen"},

	[TEXT_BUTTON_CANCEL] = {"Cancel", "Cancelar"},
	[TEXT_BUTTON_KEEP] = {"Keep", "Conservar"},
	[TEXT_BUTTON_ERASE] = {"Erase everything", "Borrar todo"},
	[TEXT_BUTTON_EDIT] = {"Edit", "Editar"},
	[TEXT_BUTTON_AGAIN] = {"Try again", "Reintentar"},
	[TEXT_SEED] = {"seed {text}", "semilla {text}"},
	[TEXT_STEPS] = {"{text} steps", "{text} pasos"},
	[TEXT_CHANNEL_TOPIC] = {
		"private channel, removed when it has not been used for a while",
		"canal privado, se borra cuando lleva un rato sin usarse"},
};
/* clang-format on */
