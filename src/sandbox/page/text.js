// SPDX-License-Identifier: Apache-2.0
// The page's words in the reader's language, and the part of Discord's Markdown that the bot uses.
import { words } from './words.js';

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
	return element('span', 'mention', `@${kind === '@&' ? names.role(id) || say('unknownRole') : names.user(id) || say('unknownUser')}`);
}

const formats = {
	t: { timeStyle: 'short' }, T: { timeStyle: 'medium' }, d: { dateStyle: 'short' }, D: { dateStyle: 'long' },
	f: { dateStyle: 'long', timeStyle: 'short' }, F: { dateStyle: 'full', timeStyle: 'short' },
};

// "in 5 minutes", for <t:1234:R>.
function relative(seconds) {
	const away = seconds - Date.now() / 1000;
	const [unit, length] = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]].find(([, n]) => Math.abs(away) >= n) || ['second', 1];
	return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.round(away / length), unit);
}

function moment(seconds, style) {
	const date = new Date(seconds * 1000), full = new Intl.DateTimeFormat(language, formats.F).format(date);
	const node = element('time', 'moment', style === 'R' ? relative(seconds) : new Intl.DateTimeFormat(language, formats[style] || formats.f).format(date));
	node.title = full;
	node.dateTime = date.toISOString();
	return node;
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
		} else if ((found = /^<(#|@[!&]?)(\d{1,20})>/.exec(rest))) {
			flush();
			into.append(mention(found[1].replace('!', ''), found[2], names));
			i += found[0].length;
		} else if ((found = /^<\/([^:<>]{1,100}):\d{1,20}>/.exec(rest))) {
			flush();
			into.append(element('span', 'mention', `/${found[1]}`));
			i += found[0].length;
		} else if ((found = /^<t:(-?\d{1,12})(?::([tTdDfFR]))?>/.exec(rest))) {
			flush();
			into.append(moment(Number(found[1]), found[2]));
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

const blocks = [
	['-# ', 'span', 'sub'], ['> ', 'blockquote', ''], ['### ', 'strong', 'heading small'], ['## ', 'strong', 'heading'],
	['# ', 'strong', 'heading large'],
];

// Text nodes and elements only: what people and the bot write never becomes markup.
export function markdown(text, names) {
	const box = element('div', 'text');
	const fence = /```(?:[\w+-]*\n)?([^]*?)```/.exec(text);
	if (fence) {
		const before = text.slice(0, fence.index).replace(/\n$/, ''), after = text.slice(fence.index + fence[0].length).replace(/^\n/, '');
		box.append(...(before ? [markdown(before, names)] : []), element('pre', '', fence[1].replace(/\n$/, '')),
			...(after ? [markdown(after, names)] : []));
		return box;
	}
	text.split('\n').forEach((line, i) => {
		const [mark, tag, className] = blocks.find(([begin]) => line.startsWith(begin)) || [];
		const into = mark ? element(tag, className) : box;
		if (i > 0)
			box.append('\n');
		inline(mark ? line.slice(mark.length) : line.replace(/^(\s*)[-*] (?=\S)/, '$1• '), names, into);
		if (into !== box)
			box.append(into);
	});
	return box;
}
