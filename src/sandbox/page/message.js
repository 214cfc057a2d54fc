// SPDX-License-Identifier: Apache-2.0
// A message as Discord shows it.
import { element, language, markdown, say } from './text.js';

const EPHEMERAL = 64, LOADING = 128;
const styles = { 1: 'primary', 2: '', 3: 'success', 4: 'danger' };

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

// The pretended CDN is reached through the page's own address.
function local(address) {
	try {
		const url = new URL(address);
		return url.pathname.startsWith('/cdn/') ? url.pathname + url.search : '';
	} catch {
		return '';
	}
}

function picture(file, context) {
	const source = local(file.url);
	const button = element('button', 'picture'), image = document.createElement('img');
	button.type = 'button';
	button.setAttribute('aria-label', say('open', { name: file.filename }));
	image.alt = file.description || file.filename;
	if (file.width && file.height) {
		image.width = file.width;
		image.height = file.height;
	}
	image.src = source;
	button.append(image);
	button.addEventListener('click', () => context.enlarge(source, image.alt));
	return button;
}

function attachment(file, context) {
	if (/^image\//.test(file.content_type || '') || file.width)
		return picture(file, context);
	const link = element('a', 'file', `${file.filename} (${Math.ceil(file.size / 1024)} KiB)`);
	link.href = local(file.url);
	link.download = file.filename;
	return link;
}

function embed(data, files, context) {
	const box = element('article', 'embed');
	if (Number.isInteger(data.color))
		box.style.borderLeftColor = `#${data.color.toString(16).padStart(6, '0')}`;
	if (data.author && data.author.name)
		box.append(element('p', 'used', data.author.name));
	if (data.title)
		box.append(element('h3', '', data.title));
	if (data.description)
		box.append(markdown(data.description, context.names));
	if (data.fields && data.fields.length) {
		const list = element('dl');
		for (const field of data.fields)
			list.append(element('dt', '', field.name), element('dd', '', markdown(field.value, context.names)));
		box.append(list);
	}
	if (data.image && data.image.url)
		box.append(picture({
			url: data.image.proxy_url || data.image.url, filename: data.title || 'embed',
			width: data.image.width, height: data.image.height,
		}, context));
	if (data.footer && data.footer.text)
		box.append(element('footer', '', data.footer.text));
	return box;
}

function buttons(rows, message, context) {
	const box = element('div', 'buttons');
	const add = (component) => {
		if (component.type === 2) {
			const emoji = component.emoji && component.emoji.name ? `${component.emoji.name} ` : '';
			const node = element('button', `button ${styles[component.style] || ''}`, emoji + (component.label || ''));
			node.type = 'button';
			node.disabled = !!component.disabled;
			node.dataset.customId = component.custom_id || '';
			node.addEventListener('click', async () => {
				node.disabled = true;
				await context.press(message, component.custom_id);
				node.disabled = !!component.disabled;
			});
			box.append(node);
		}
		(component.components || []).forEach(add);
	};
	rows.forEach(add);
	return box.childElementCount ? box : null;
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
	for (const file of message.attachments || [])
		body.append(attachment(file, context));
	for (const data of message.embeds || [])
		body.append(embed(data, message.attachments || [], context));
	const row = buttons(message.components || [], message, context);
	if (row)
		body.append(row);
	if (ephemeral) {
		const dismiss = element('button', '', say('dismiss'));
		dismiss.type = 'button';
		dismiss.addEventListener('click', () => context.dismiss(message.id));
		body.append(element('p', 'only-you', `${say('onlyYou')} · `, dismiss));
	}
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

// A command that the bot has not answered yet, as its sender sees it.
export function drawPending(interaction, context) {
	const failed = interaction.expired || Date.now() - interaction.created_ms > 3500;
	const bot = context.names.bot();
	const body = element('div', 'body', usedLine(context.names.who(interaction.user_id), context.names.command(interaction.command)),
		element('div', 'by', element('span', 'author', bot ? bot.global_name || bot.username : ''), element('span', 'tag', say('app'))),
		element('p', failed ? 'failed' : 'thinking', say(failed ? 'noAnswer' : 'sending')));
	return element('li', 'message mine-only reply', avatar(bot), body);
}
