// SPDX-License-Identifier: Apache-2.0
// What hangs below a message's words: files, embeds, buttons, menus, and the layouts of Components V2.
import { size } from './files.js';
import { element, markdown, say } from './text.js';

const ROW = 1, BUTTON = 2, STRING_MENU = 3, USER_MENU = 5, CHANNEL_MENU = 8, SECTION = 9, TEXT = 10, THUMBNAIL = 11,
	GALLERY = 12, FILE = 13, SEPARATOR = 14, CONTAINER = 17;
const LINK = 5;
const styles = { 1: 'primary', 2: '', 3: 'success', 4: 'danger', 5: 'link' };

// The pretended CDN is reached through the page's own address.
function local(address) {
	try {
		const url = new URL(address);
		return url.pathname.startsWith('/cdn/') ? url.pathname + url.search : '';
	} catch {
		return '';
	}
}

export function picture(file, context) {
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

const isPicture = (file) => /^image\//.test(file.content_type || '') || file.width > 0;

function fileLink(file) {
	const link = element('a', 'file', element('span', 'name', file.filename), element('span', 'what', size(file.size || 0)));
	link.href = local(file.url);
	link.download = file.filename;
	link.title = say('download', { name: file.filename });
	return link;
}

// Several pictures stand together, as one.
function gallery(pictures) {
	const box = element('div', 'gallery', ...pictures);
	box.classList.add(`of${Math.min(pictures.length, 4)}`);
	return box;
}

export function attachments(files, context) {
	const pictures = files.filter(isPicture).map((file) => picture(file, context));
	return [
		...(pictures.length > 1 ? [gallery(pictures)] : pictures),
		...files.filter((file) => !isPicture(file)).map(fileLink),
	];
}

const emoji = (thing) => (thing.emoji && thing.emoji.name ? `${thing.emoji.name} ` : '');
const colour = (number) => `#${number.toString(16).padStart(6, '0')}`;

export function embed(data, context) {
	const box = element('article', 'embed');
	if (Number.isInteger(data.color))
		box.style.borderLeftColor = colour(data.color);
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

// ---- components ----

function button(component, message, context) {
	const text = emoji(component) + (component.label || '');
	if (component.style === LINK) {
		const link = element('a', 'button link', text);
		link.href = component.url;
		link.target = '_blank';
		link.rel = 'noopener noreferrer';
		return link;
	}
	const node = element('button', `button ${styles[component.style] || ''}`, text);
	node.type = 'button';
	node.disabled = !!component.disabled;
	node.dataset.customId = component.custom_id || '';
	node.addEventListener('click', async () => {
		node.disabled = true;
		await context.press(message, component.custom_id);
		node.disabled = !!component.disabled;
	});
	return node;
}

// What a menu offers: [{label, value, description, default}].
function menuOptions(component, context) {
	const person = (user) => ({ label: user.global_name || user.username, value: user.id });
	const role = (one) => ({ label: `@${one.name}`, value: one.id });
	switch (component.type) {
	case STRING_MENU: return component.options || [];
	case USER_MENU: return context.people().map(person);
	case 6: return context.roles().map(role);
	case 7: return [...context.people().map(person), ...context.roles().map(role)];
	default: return context.rooms().map((room) => ({ label: `#${room.name}`, value: room.id }));
	}
}

export const isMenu = (component) => component.type === STRING_MENU ||
	(component.type >= USER_MENU && component.type <= CHANNEL_MENU);

// A menu as the browser has it; several may be chosen where max_values says so.
export function menu(component, context) {
	const node = element('select', 'menu');
	node.name = component.custom_id;
	node.disabled = !!component.disabled;
	node.multiple = (component.max_values || 1) > 1;
	node.setAttribute('aria-label', component.placeholder || say('choose'));
	const options = menuOptions(component, context);
	if (!node.multiple && !options.some((option) => option.default))
		node.append(new Option(component.placeholder || say('choose'), '', true, true));
	for (const option of options)
		node.append(new Option(emoji(option) + option.label + (option.description ? ` · ${option.description}` : ''),
			option.value, false, !!option.default));
	return node;
}

export const chosen = (node) => [...node.selectedOptions].map((option) => option.value).filter(Boolean);

function menuRow(component, message, context) {
	const node = menu(component, context);
	node.dataset.customId = component.custom_id;
	const send = () => context.press(message, component.custom_id, chosen(node));
	// Of several the choice is done when one goes on.
	node.addEventListener(node.multiple ? 'blur' : 'change', send);
	return node;
}

function media(item) {
	return { ...item.media, filename: item.description || (item.media.url || '').split('/').pop().split('?')[0], description: item.description };
}

function section(component, message, context) {
	const texts = element('div', 'texts', ...layout(component.components || [], message, context));
	return element('div', 'section', texts, ...layout([component.accessory].filter(Boolean), message, context));
}

function container(component, message, context) {
	const box = element('div', 'container', ...layout(component.components || [], message, context));
	if (Number.isInteger(component.accent_color))
		box.style.borderLeftColor = colour(component.accent_color);
	return box;
}

// Nodes for a list of components.
export function layout(list, message, context) {
	return list.flatMap((component) => {
		switch (component.type) {
		case ROW: return [element('div', 'buttons', ...layout(component.components || [], message, context))];
		case BUTTON: return [button(component, message, context)];
		case SECTION: return [section(component, message, context)];
		case TEXT: return [markdown(component.content, context.names)];
		case THUMBNAIL: return [element('span', 'thumbnail', picture(media(component), context))];
		case GALLERY: return attachments((component.items || []).map(media), context);
		case FILE: return [fileLink({ ...component.file, filename: component.name || component.file.url.split('/').pop().split('?')[0] })];
		case SEPARATOR: return [element('hr')];
		case CONTAINER: return [container(component, message, context)];
		default: return isMenu(component) ? [menuRow(component, message, context)] : [];
		}
	});
}
