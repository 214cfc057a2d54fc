// SPDX-License-Identifier: Apache-2.0
// The sandbox's page: one member's view of the pretended Discord, kept fresh by events.
import { Composer } from './composer.js';
import { catchFiles } from './files.js';
import { openMenu } from './menu.js';
import { continues, draw, drawPending, fingerprint, replace } from './message.js';
import { Modal } from './modal.js';
import { isPrivate, isRoom, Side, sign, TEXT } from './side.js';
import { Tools } from './tools.js';
import { element, language, locale, localised, say } from './text.js';

const $ = (id) => document.getElementById(id);

const state = {
	user: '',
	view: null,
	channel: '',
	drawn: new Map(), // message id -> {print, node}
	dismissed: new Set(),
	read: new Map(), // channel id -> last message seen
	known: null, // channel ids seen before, so that a new one may shine
	fetching: false,
	again: false,
	asked: new Set(), // interactions of this page: theirs are the windows it opens
	modal: null,
	comfy: false,
};

async function post(path, body) {
	try {
		const response = await fetch(path, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ user: state.user, ...body }),
		});
		return await response.json();
	} catch (error) {
		return { error: say('failed', { why: error.message }) };
	}
}

// The same for what the bot may answer with a window.
async function ask(path, body) {
	const answer = await post(path, body);
	if (answer.id) {
		state.asked.add(answer.id);
		openModal();
	}
	return answer;
}

const channels = () => (state.view ? state.view.channels : []);
const users = () => (state.view ? state.view.users : []);
const channelOf = (id) => channels().find((channel) => channel.id === id);
const userOf = (id) => users().find((user) => user.id === String(id));
const messagesOf = (id) => state.view.messages.filter((m) => m.channel_id === id && !state.dismissed.has(m.id));
const roles = () => (state.view ? state.view.guild.roles : []);

const context = {
	userId: '',
	state,
	names: {
		channel: (id) => (channelOf(id) || {}).name,
		user: (id) => (userOf(id) || {}).global_name || (userOf(id) || {}).username,
		role: (id) => (roles().find((role) => role.id === id) || {}).name,
		who: (id) => userOf(id),
		bot: () => userOf(state.view.guild.bot_id),
		command,
		go: (id) => go(id),
	},
	enlarge,
	dismiss(id) {
		state.dismissed.add(id);
		drawMessages();
		remember();
		$('say')?.focus();
	},
	async press(message, customId, values) {
		const answer = await ask('/api/press', { channel: message.channel_id, message: message.id, custom_id: customId, values });
		if (answer.error)
			composer.notice(answer.error);
	},
	menu: (message, from, point) => openMenu(message, from, point, context),
	async choose(message, entry) {
		const answer = await ask('/api/menu', { message: message.id, name: entry.name });
		if (answer.error)
			composer.notice(answer.error);
	},
	closed() {
		state.modal = null;
		$('say')?.focus({ preventScroll: true });
	},
	post,
	ask,
	view: () => state.view,
	me: () => userOf(state.user),
	comfy: () => state.comfy,
	channel: () => channelOf(state.channel),
	channelOf,
	messagesOf,
	go: (id) => go(id),
	become: (id) => become(id),
	commands: () => (state.view && state.view.commands) || [],
	// Members; the bot too when it is spoken to.
	people: (bots = false) => users().filter((user) => user.member && (bots || !user.bot)),
	roles: () => roles().filter((role) => !state.view || role.id !== state.view.guild.id),
	rooms: () => channels().filter(isRoom),
};

// "/imagine" or "/admin ban" in the member's language, as the menu shows it.
function command(name) {
	let within = context.commands();
	return `/${(name || '').split(' ').map((word) => {
		const known = (within || []).find((one) => one.name === word);
		within = known && known.options;
		return known ? localised(known, 'name') : word;
	}).join(' ')}`;
}

// ---- what outlives a reload: each member's place and what was read and dismissed ----

function remember() {
	try {
		sessionStorage.setItem('member', state.user);
		sessionStorage.setItem(`place ${state.user}`, JSON.stringify({
			channel: state.channel, read: [...state.read], dismissed: [...state.dismissed],
		}));
	} catch {
		// Without storage it lasts as long as the page.
	}
}

function recall(user) {
	let place = {};
	try {
		place = JSON.parse(sessionStorage.getItem(`place ${user}`)) || {};
	} catch {
		// As above, or written by another version.
	}
	state.channel = place.channel || '';
	state.read = new Map(place.read || []);
	state.dismissed = new Set(place.dismissed || []);
}

// ---- the room ----

// How to try it, as long as nothing is in the way: at the beginning of the first channel.
function advice() {
	const admin = context.people().find((user) => user.admin && user.username !== 'owner') || context.people().find((user) => user.admin);
	const names = { imagine: command('imagine'), edit: command('edit'), command: command('admin'),
		admin: admin ? admin.global_name || admin.username : '' };
	return ['try1', 'try2', 'try3', 'try4'].map((key) => element('p', '', say(key, names)));
}

function welcome(channel) {
	const secret = isPrivate(channel, state.view.guild);
	const mark = element('span', 'sign', sign(channel, state.view.guild));
	mark.setAttribute('aria-hidden', 'true');
	return element('li', 'welcome', mark, element('h2', '', say('welcome', { channel: channel.name })),
		...(channel.name === 'general' ? advice() : secret ? [element('p', '', say(/admin/.test(channel.name) ? 'adminText' : 'privateText'))] : []));
}

// A member who has left sees nothing of the server.
function drawLeft() {
	const me = context.me(), back = element('button', 'button success', say('comeBack'));
	back.type = 'button';
	back.addEventListener('click', () => post('/control/act', { kind: 'join' }));
	$('messages').replaceChildren(element('li', 'welcome', element('h2', '', say('left')),
		element('p', '', say('leftText', { name: me.global_name || me.username })), element('p', '', back)));
	state.drawn.clear();
}

function drawMessages() {
	const channel = context.channel(), list = $('messages'), scroller = $('scroller');
	const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 120;
	const focused = document.activeElement && list.contains(document.activeElement)
		? [document.activeElement.closest('.message')?.dataset.id, document.activeElement.dataset.customId]
		: null;
	if (!channel) {
		drawLeft();
		return;
	}
	const nodes = [welcome(channel)], kept = new Map();
	let previous = null;
	for (const message of messagesOf(channel.id)) {
		const print = fingerprint(message), before = state.drawn.get(message.id);
		let node = before && before.node;
		if (!before || before.print !== print) {
			node = draw(message, context);
			if (before && before.node.isConnected)
				replace(before.node, node);
		}
		node.classList.toggle('again', continues(previous, message));
		previous = message;
		kept.set(message.id, { print, node });
		nodes.push(node);
	}
	for (const interaction of state.view.interactions || [])
		if (interaction.channel_id === channel.id && !interaction.acked_ms && Date.now() - interaction.created_ms < 60000)
			nodes.push(drawPending(interaction, context) || '');
	state.drawn = kept;
	sync(list, nodes.filter(Boolean));
	if (focused && focused[0] && !list.contains(document.activeElement))
		kept.get(focused[0])?.node.querySelector(focused[1] ? `[data-custom-id="${CSS.escape(focused[1])}"]` : '.more-menu')?.focus();
	const last = messagesOf(channel.id).at(-1);
	if (last)
		state.read.set(channel.id, last.id);
	if (atEnd)
		toEnd();
}

// Puts the nodes in place without touching those that are there already.
function sync(list, nodes) {
	nodes.forEach((node, i) => {
		if (list.children[i] !== node)
			list.insertBefore(node, list.children[i] || null);
	});
	while (list.children.length > nodes.length)
		list.lastElementChild.remove();
}

function toEnd() {
	const scroller = $('scroller');
	scroller.scrollTop = scroller.scrollHeight;
	// Pictures of unknown size push once more when they are there.
	scroller.querySelectorAll('img').forEach((image) => {
		if (!image.complete)
			image.addEventListener('load', () => { scroller.scrollTop = scroller.scrollHeight; }, { once: true });
	});
}

function go(id) {
	if (!channelOf(id))
		return;
	state.channel = id;
	state.drawn.clear();
	$('messages').replaceChildren();
	closeSide();
	drawAll();
	toEnd();
	$('say')?.focus({ preventScroll: true });
}

function drawAll() {
	const texts = channels().filter((c) => c.type === TEXT);
	const had = state.channel;
	if (!channelOf(state.channel))
		state.channel = (texts.find((c) => c.name === 'general') || texts[0] || {}).id || '';
	const channel = context.channel();
	if (state.channel !== had)
		state.drawn.clear();
	$('title').textContent = channel ? channel.name : '';
	$('topic').textContent = $('topic').title = (channel && channel.topic) || '';
	document.title = `${channel ? `#${channel.name} · ` : ''}FuLLet sandbox`;
	$('head').classList.toggle('adult', !!(channel && channel.nsfw));
	$('composer').hidden = !channel;
	drawMessages();
	side.draw();
	composer.refresh();
	tools.refresh();
	openModal();
	remember();
}

// The window that the bot answered with, once.
function openModal() {
	const open = ((state.view && state.view.interactions) || []).find((it) => it.modal && state.asked.has(it.id));
	if (!open || state.modal)
		return;
	state.asked.delete(open.id);
	state.modal = new Modal(open, context);
	state.modal.open();
}

// ---- keeping fresh ----

async function refresh() {
	if (state.fetching) {
		state.again = true;
		return;
	}
	state.fetching = true;
	do {
		state.again = false;
		const user = state.user;
		try {
			const response = await fetch(`/api/view?user=${encodeURIComponent(user)}`);
			if (response.ok && user === state.user) {
				state.view = await response.json();
				drawAll();
			} else if (response.status === 404 && user === state.user) {
				// Another sandbox than before has taken its place, with other members.
				state.fetching = false;
				await choose();
				return;
			}
		} catch {
			// The event stream tells of a lost connection and brings us back here.
		}
	} while (state.again);
	state.fetching = false;
}

function listen() {
	const events = new EventSource('/api/events');
	events.onmessage = () => {
		$('lost').hidden = true;
		refresh();
	};
	events.onerror = () => {
		$('lost').textContent = say('lost');
		$('lost').hidden = false;
	};
}

async function become(id) {
	state.user = context.userId = id;
	state.view = null;
	state.known = null;
	state.drawn.clear();
	recall(id);
	$('messages').replaceChildren();
	composer.plain();
	await post('/api/locale', { locale });
	await refresh();
	toEnd();
}

// ---- the rest ----

function enlarge(source, text) {
	$('large-picture').src = source;
	$('large-picture').alt = text;
	$('large-text').textContent = text;
	$('large').showModal();
}

function closeSide() {
	document.body.classList.remove('side-open');
	$('menu').setAttribute('aria-expanded', 'false');
}

const composer = new Composer(context), side = new Side(context), tools = new Tools(context);

function prepare() {
	document.documentElement.lang = language;
	$('side').setAttribute('aria-label', say('channels'));
	$('people').setAttribute('aria-label', say('people', { n: '' }).replace(/\W+$/, ''));
	$('menu').textContent = '☰';
	$('menu').setAttribute('aria-label', say('openMenu'));
	$('me-label').textContent = say('member');
	$('tools').title = say('tools');
	$('tools').setAttribute('aria-label', say('tools'));
	$('large-close').setAttribute('aria-label', say('close'));
	$('menu').addEventListener('click', () => {
		const open = document.body.classList.toggle('side-open');
		$('menu').setAttribute('aria-expanded', String(open));
	});
	$('shade').addEventListener('click', closeSide);
	$('member').addEventListener('change', () => become($('member').value));
	$('tools').addEventListener('click', () => {
		closeSide();
		tools.open();
	});
	$('drop').textContent = say('dropHere');
	catchFiles((files) => (state.modal || composer).take(files));
	$('large').addEventListener('click', (event) => {
		if (event.target !== $('large-text'))
			$('large').close();
	});
	document.addEventListener('keydown', (event) => {
		// Like Discord: typing anywhere goes to the field.
		const field = $('say');
		if (event.key === 'Escape')
			closeSide();
		if (field && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey &&
			!/^(INPUT|TEXTAREA|SELECT|BUTTON|A)$/.test(document.activeElement.tagName) &&
			!document.querySelector('dialog[open], #message-menu'))
			field.focus();
	});
	// A command that nobody answers is shown as failed after three seconds.
	setInterval(() => {
		if (state.view && (state.view.interactions || []).some((it) => !it.acked_ms))
			drawMessages();
	}, 1000);
}

// The member of last time, if he is still there.
async function choose() {
	const info = await (await fetch('/api/info')).json();
	state.comfy = !!info.comfy;
	$('banner').textContent = say(info.comfy ? 'banner' : 'bannerComfy');
	let wanted = '';
	try {
		wanted = sessionStorage.getItem('member') || '';
	} catch {
		// See remember().
	}
	const user = info.users.find((u) => u.id === wanted) || info.users[0];
	await become(user.id);
}

async function begin() {
	prepare();
	await choose();
	$('say')?.focus({ preventScroll: true });
	listen();
}

begin();
