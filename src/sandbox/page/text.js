// SPDX-License-Identifier: Apache-2.0
// The page's own words in two languages, and the part of Discord's Markdown that the bot uses.

const words = {
	en: {
		banner: 'Sandbox: nothing leaves this computer',
		bannerComfy: 'Sandbox: this Discord is pretended, the pictures come from your own ComfyUI',
		channels: 'Channels',
		openMenu: 'Show the channels',
		member: 'You are',
		addMember: 'Add a member',
		memberName: 'Name of the new member',
		admin: 'administrator',
		app: 'APP',
		edited: '(edited)',
		onlyYou: 'Only you can see this',
		dismiss: 'Dismiss message',
		thinking: '{name} is thinking…',
		sending: 'Sending command…',
		noAnswer: 'The application did not respond',
		used: '{user} used {command}',
		people: 'Members: {n}',
		bots: 'Applications: {n}',
		placeholder: 'Message #{channel}, or / for a command',
		readOnly: 'You cannot write in this channel',
		send: 'Send',
		commands: 'Commands',
		noCommands: 'The bot has registered no command yet. Is it connected?',
		noChoices: 'Nothing fits. Keep typing, or delete a few letters.',
		loading: 'Asking the bot…',
		required: 'This option is required',
		more: '+ {name}',
		welcome: 'Welcome to #{channel}!',
		welcomeText: 'Type / below, choose {command}, choose a model, write what you want to see, and press Enter.',
		privateText: 'Your private channel: your pictures appear here. Only you, the bot and administrators can see it.',
		lost: 'Connection lost, trying again…',
		close: 'Close',
		open: 'Show {name} large',
		private: 'private',
		failed: 'That did not work: {why}',
		unknownChannel: 'unknown channel',
		unknownUser: 'unknown member',
		new: '{n} new',
		yes: 'True',
		no: 'False',
		today: 'Today at {time}',
	},
	es: {
		banner: 'Sandbox: nada sale de este ordenador',
		bannerComfy: 'Sandbox: este Discord es de mentira, las imágenes vienen de tu ComfyUI',
		channels: 'Canales',
		openMenu: 'Mostrar los canales',
		member: 'Eres',
		addMember: 'Añadir un miembro',
		memberName: 'Nombre del nuevo miembro',
		admin: 'administra',
		app: 'APP',
		edited: '(editado)',
		onlyYou: 'Solo tú puedes ver esto',
		dismiss: 'Descartar mensaje',
		thinking: '{name} está pensando…',
		sending: 'Enviando el comando…',
		noAnswer: 'La aplicación no ha respondido',
		used: '{user} ha usado {command}',
		people: 'Miembros: {n}',
		bots: 'Aplicaciones: {n}',
		placeholder: 'Mensaje en #{channel}, o / para un comando',
		readOnly: 'No puedes escribir en este canal',
		send: 'Enviar',
		commands: 'Comandos',
		noCommands: 'El bot aún no ha registrado ningún comando. ¿Está conectado?',
		noChoices: 'Nada coincide. Sigue escribiendo o borra unas letras.',
		loading: 'Preguntando al bot…',
		required: 'Esta opción es obligatoria',
		more: '+ {name}',
		welcome: '¡Te damos la bienvenida a #{channel}!',
		welcomeText: 'Escribe / abajo, elige {command}, elige un modelo, escribe lo que quieres ver y pulsa Intro.',
		privateText: 'Tu canal privado: aquí aparecen tus imágenes. Solo lo veis tú, el bot y quien administra.',
		lost: 'Conexión perdida, reintentando…',
		close: 'Cerrar',
		open: 'Ver {name} en grande',
		private: 'privado',
		failed: 'No ha funcionado: {why}',
		unknownChannel: 'canal desconocido',
		unknownUser: 'miembro desconocido',
		new: '{n} nuevos',
		yes: 'Verdadero',
		no: 'Falso',
		today: 'Hoy a las {time}',
	},
};

export const language = (navigator.language || 'en').toLowerCase().startsWith('es') ? 'es' : 'en';
// What the member's Discord would tell the bot.
export const locale = language === 'es' ? 'es-ES' : 'en-US';

export function say(key, values = {}) {
	return words[language][key].replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

// A name or description of a command or option in the page's language.
export function localised(thing, what) {
	const all = thing[`${what}_localizations`] || {};
	return all[locale] || all[language] || thing[what] || '';
}

export function element(tag, className, ...children) {
	const node = document.createElement(tag);
	if (className)
		node.className = className;
	for (const child of children)
		if (child !== null && child !== undefined && child !== '')
			node.append(child);
	return node;
}

// The sign of a private channel.
export function lock() {
	const space = 'http://www.w3.org/2000/svg';
	const node = document.createElementNS(space, 'svg'), path = document.createElementNS(space, 'path');
	node.setAttribute('class', 'lock');
	node.setAttribute('viewBox', '0 0 24 24');
	node.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', 'M17 9V7A5 5 0 0 0 7 7v2a3 3 0 0 0-3 3v7a3 3 0 0 0 3 3h10a3 3 0 0 0 3-3v-7a3 3 0 0 0-3-3zM9 7a3 3 0 0 1 6 0v2H9z');
	node.append(path);
	return node;
}

const pairs = [
	['**', 'strong'],
	['__', 'u'],
	['~~', 's'],
	['*', 'em'],
	['_', 'em'],
];

// The place of an unescaped `mark` at or after `from`, or -1.
function closing(text, mark, from) {
	for (let i = from; i <= text.length - mark.length; i++) {
		if (text[i] === '\\')
			i++;
		else if (text.startsWith(mark, i) && i > from)
			return i;
	}
	return -1;
}

function mention(kind, id, names) {
	if (kind === '#') {
		const name = names.channel(id);
		const node = element('button', 'mention', `#${name || say('unknownChannel')}`);
		node.type = 'button';
		node.disabled = !name;
		node.addEventListener('click', () => names.go(id));
		return node;
	}
	return element('span', 'mention', `@${names.user(id) || say('unknownUser')}`);
}

function link(address) {
	const node = element('a', '', address);
	node.href = address;
	node.target = '_blank';
	node.rel = 'noopener noreferrer';
	return node;
}

function inline(text, names, into, depth = 0) {
	let plain = '';
	const flush = () => {
		if (plain)
			into.append(plain);
		plain = '';
	};
	for (let i = 0; i < text.length;) {
		const rest = text.slice(i);
		let found;
		if (text[i] === '\\' && i + 1 < text.length && /[!-/:-@[-`{-~]/.test(text[i + 1])) {
			plain += text[i + 1];
			i += 2;
		} else if ((found = /^<(#|@!?)(\d{1,20})>/.exec(rest))) {
			flush();
			into.append(mention(found[1][0], found[2], names));
			i += found[0].length;
		} else if (text[i] === '`' && closing(text, '`', i + 1) > 0) {
			const end = closing(text, '`', i + 1);
			flush();
			into.append(element('code', '', text.slice(i + 1, end)));
			i = end + 1;
		} else if ((found = /^https?:\/\/[^\s<>"')\]]+/.exec(rest))) {
			flush();
			into.append(link(found[0]));
			i += found[0].length;
		} else {
			const pair = depth < 8 && pairs.find(([mark]) => text.startsWith(mark, i) &&
				(mark !== '_' || !/\w/.test(text[i - 1] || '')) &&
				closing(text, mark, i + mark.length) > 0);
			if (!pair) {
				plain += text[i++];
				continue;
			}
			const [mark, tag] = pair;
			const end = closing(text, mark, i + mark.length);
			const node = document.createElement(tag);
			flush();
			inline(text.slice(i + mark.length, end), names, node, depth + 1);
			into.append(node);
			i = end + mark.length;
		}
	}
	flush();
}

// Text nodes and elements only: what people and the bot write never becomes markup.
export function markdown(text, names) {
	const box = element('div', 'text');
	text.split('\n').forEach((line, i) => {
		let into = box, rest = line;
		if (line.startsWith('-# ')) {
			into = element('span', 'sub');
			rest = line.slice(3);
		} else if (line.startsWith('> ')) {
			into = element('blockquote');
			rest = line.slice(2);
		}
		if (i > 0)
			box.append('\n');
		inline(rest, names, into);
		if (into !== box)
			box.append(into);
	});
	return box;
}
