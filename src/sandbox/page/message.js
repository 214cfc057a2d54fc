// SPDX-License-Identifier: Apache-2.0
// A message as Discord shows it.
import { attachments, embed, layout } from './parts.js';
import { element, language, markdown, say } from './text.js';

const EPHEMERAL = 64, LOADING = 128;

export function avatar(user) {
	const number = BigInt((user && user.id) || 0), tone = Number((number / 4194304n + number) % 6n);
	const name = user ? user.global_name || user.username : '?';
	const node = user && user.bot ? element('img', 'avatar') : element('span', `avatar tone${tone}`, name.slice(0, 2));
	if (user && user.bot) {
		node.src = '/icon.svg';
		node.alt = '';
	}
	node.setAttribute('aria-hidden', 'true');
	return node;
}

// "ana used /imagine", above the answer to it.
function usedLine(user, command) {
	const parts = {
		user: element('strong', '', user ? user.global_name || user.username : '?'),
		command: element('span', 'command', command),
	};
	// The sentence's order differs by language: cut it where the two belong.
	const words = say('used', { user: '\0user\0', command: '\0command\0' }).split('\0');
	return element('p', 'used', avatar(user), ...words.map((word) => parts[word] || word.trim()));
}

function when(iso) {
	const date = new Date(iso);
	const time = date.toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' });
	const node = element('time', '', date.toDateString() === new Date().toDateString()
		? say('today', { time })
		: `${date.toLocaleDateString(language)} ${time}`);
	node.dateTime = iso;
	return node;
}

export function isEphemeral(message) {
	return message.ephemeral || (message.flags & EPHEMERAL) !== 0;
}

export function pings(message, userId) {
	return (message.mentions || []).some((user) => String(user.id || user) === userId);
}

function used(message, context) {
	const about = message.interaction_metadata || message.interaction;
	if (!about || message.type !== 20)
		return null;
	const name = (message.interaction && message.interaction.name) || about.name || about.command_name;
	return usedLine(about.user || context.names.who(about.user_id), context.names.command(name));
}

// What a message shows; equal texts need no new drawing. Signed addresses change, files do not.
export function fingerprint(message) {
	return JSON.stringify([message.content, message.flags, message.edited_timestamp, message.embeds,
		message.components, (message.attachments || []).map((file) => file.id)]);
}

export function draw(message, context) {
	const author = message.author, name = author.global_name || author.username;
	const body = element('div', 'body'), ephemeral = isEphemeral(message);
	const item = element('li', 'message', avatar(author), body);
	item.dataset.id = message.id;
	item.classList.toggle('pinged', pings(message, context.userId));
	item.classList.toggle('mine-only', ephemeral);
	body.append(element('div', 'by', element('span', 'author', name),
		author.bot ? element('span', 'tag', say('app')) : null, when(message.timestamp)));
	const line = used(message, context);
	if (line) {
		item.classList.add('reply');
		body.prepend(line);
	}
	if (message.flags & LOADING)
		body.append(element('p', 'thinking', say('thinking', { name })));
	else if (message.content) {
		const text = markdown(message.content, context.names);
		if (message.edited_timestamp)
			text.append(' ', element('span', 'edited', say('edited')));
		body.append(text);
	}
	body.append(...attachments(message.attachments || [], context));
	for (const data of message.embeds || [])
		body.append(embed(data, context));
	body.append(...layout(message.components || [], message, context));
	if (ephemeral) {
		const dismiss = element('button', '', say('dismiss'));
		dismiss.type = 'button';
		dismiss.addEventListener('click', () => context.dismiss(message.id));
		body.append(element('p', 'only-you', `${say('onlyYou')} · `, dismiss));
	}
	const more = element('button', 'more-menu', '⋯');
	more.type = 'button';
	more.title = say('openMessageMenu');
	more.setAttribute('aria-label', say('openMessageMenu'));
	more.setAttribute('aria-haspopup', 'menu');
	more.addEventListener('click', () => context.menu(message, more));
	item.addEventListener('contextmenu', (event) => {
		// On links and chosen words the browser's own menu is of more use.
		if (event.target.closest('a') || String(getSelection()))
			return;
		event.preventDefault();
		context.menu(message, more, event.clientX || event.clientY ? { x: event.clientX, y: event.clientY } : null);
	});
	item.append(more);
	return item;
}

// A new picture takes the place of the old one only when it is there: no flicker.
export function replace(old, fresh) {
	const before = old.querySelector('.picture img'), after = fresh.querySelector('.picture img');
	if (!before || !after || after.complete) {
		old.replaceWith(fresh);
		return;
	}
	const keep = before.src;
	const wanted = after.src;
	const loader = new Image();
	after.src = keep;
	loader.onload = loader.onerror = () => {
		after.src = wanted;
	};
	loader.src = wanted;
	old.replaceWith(fresh);
}

const GROUP_MS = 7 * 60 * 1000;

// Like Discord: the next message of the same author, soon after, stands without his name.
export function continues(before, message) {
	return !!before && before.author.id === message.author.id && message.type !== 20 &&
		isEphemeral(before) === isEphemeral(message) &&
		Date.parse(message.timestamp) - Date.parse(before.timestamp) < GROUP_MS;
}

// A command that the bot has not answered yet, as its sender sees it; of a button or a window only the failure.
export function drawPending(interaction, context) {
	const failed = interaction.expired || Date.now() - interaction.created_ms > 3500;
	const bot = context.names.bot(), isCommand = interaction.type === 2;
	if (!failed && !isCommand)
		return null;
	const body = element('div', 'body', isCommand
		? usedLine(context.names.who(interaction.user_id), context.names.command(interaction.command)) : null,
	element('div', 'by', element('span', 'author', bot ? bot.global_name || bot.username : ''), element('span', 'tag', say('app'))),
	element('p', failed ? 'failed' : 'thinking', say(!failed ? 'sending' : isCommand ? 'noAnswer' : 'interactionFailed')));
	return element('li', `message mine-only${isCommand ? ' reply' : ''}`, avatar(bot), body);
}
