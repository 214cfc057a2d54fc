// SPDX-License-Identifier: Apache-2.0
// The sandbox's page: one member's view of the pretended Discord, kept fresh by events.
import { Composer } from './composer.js';
import { avatar, continues, draw, drawPending, fingerprint, pings, replace } from './message.js';
import { element, language, locale, localised, lock, say } from './text.js';

const TEXT = 0, CATEGORY = 4;
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

const channels = () => (state.view ? state.view.channels : []);
const channelOf = (id) => channels().find((channel) => channel.id === id);
const userOf = (id) => (state.view ? state.view.users : []).find((user) => user.id === String(id));
const messagesOf = (id) => state.view.messages.filter((m) => m.channel_id === id && !state.dismissed.has(m.id));

const context = {
	userId: '',
	names: {
		channel: (id) => (channelOf(id) || {}).name,
		user: (id) => (userOf(id) || {}).global_name || (userOf(id) || {}).username,
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
	async press(message, customId) {
		const answer = await post('/api/press', { channel: message.channel_id, message: message.id, custom_id: customId });
		if (answer.error)
			composer.notice(answer.error);
	},
	post,
	channel: () => channelOf(state.channel),
	commands: () => (state.view && state.view.commands) || [],
};

// "/imagine" in the member's language, as the menu shows it.
function command(name) {
	const known = context.commands().find((one) => one.name === name);
	return name ? `/${known ? localised(known, 'name') : name}` : '/';
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

// ---- the side ----

const newer = (a, b) => BigInt(a || 0) > BigInt(b || 0);

function unread(id) {
	const seen = state.read.get(id);
	const fresh = messagesOf(id).filter((m) => newer(m.id, seen) && m.author.id !== state.user);
	return { n: fresh.length, pings: fresh.filter((m) => pings(m, state.user)).length };
}

function isPrivate(channel) {
	return (channel.permission_overwrites || []).some((o) => o.id === state.view.guild.id && (BigInt(o.deny) & 1024n));
}

const sign = (channel) => (isPrivate(channel) ? lock() : element('span', 'hash', '#'));

function channelButton(channel) {
	const button = element('button', 'channel', sign(channel), element('span', 'name', channel.name));
	const news = channel.id === state.channel ? { n: 0, pings: 0 } : unread(channel.id);
	button.type = 'button';
	button.dataset.id = channel.id;
	button.classList.toggle('unread', news.n > 0);
	if (news.pings)
		button.append(element('span', 'badge', String(news.pings)));
	if (news.n)
		button.setAttribute('aria-label', `${channel.name}, ${say('new', { n: news.n })}`);
	if (channel.id === state.channel)
		button.setAttribute('aria-current', 'page');
	if (state.known && !state.known.has(channel.id))
		button.classList.add('fresh');
	button.addEventListener('click', () => go(channel.id));
	return button;
}

function drawSide() {
	const all = [...channels()].sort((a, b) => a.position - b.position || (newer(a.id, b.id) ? 1 : -1));
	const nodes = [];
	const under = (parent) => all.filter((c) => c.type === TEXT && (c.parent_id || null) === parent);
	const focused = document.activeElement && document.activeElement.dataset.id;
	nodes.push(...under(null).map(channelButton));
	for (const category of all.filter((c) => c.type === CATEGORY)) {
		nodes.push(element('h2', '', category.name), ...under(category.id).map(channelButton));
	}
	// A channel whose category this member cannot see stands at the end.
	nodes.push(...all.filter((c) => c.type === TEXT && c.parent_id && !channelOf(c.parent_id)).map(channelButton));
	$('channels').replaceChildren(...nodes);
	if (focused)
		nodes.find((node) => node.dataset.id === focused)?.focus();
	state.known = new Set(all.map((c) => c.id));
	$('guild').textContent = state.view.guild.name;
}

function drawMembers() {
	const people = state.view.users.filter((user) => !user.bot);
	const select = $('member');
	select.replaceChildren(...people.map((user) =>
		new Option(`${user.global_name || user.username}${user.admin ? ` (${say('admin')})` : ''}`, user.id,
			user.id === state.user, user.id === state.user)));
	const mark = avatar(userOf(state.user));
	mark.id = 'me-avatar';
	$('me-avatar').replaceWith(mark);
}

function maySee(user, channel) {
	return user.admin || !isPrivate(channel) ||
		channel.permission_overwrites.some((o) => o.id === user.id && (BigInt(o.allow) & 1024n));
}

// Who is in the channel, at the right of wide windows.
function drawPeople() {
	const channel = context.channel(), groups = [['bots', true], ['people', false]];
	if (!channel)
		return;
	$('people').replaceChildren(...groups.flatMap(([title, bot]) => {
		const some = state.view.users.filter((user) => !!user.bot === bot && maySee(user, channel));
		return some.length ? [element('h2', '', say(title, { n: some.length })), ...some.map((user) =>
			element('p', 'person', avatar(user), element('span', 'name', user.global_name || user.username),
				bot ? element('span', 'tag', say('app')) : null))] : [];
	}));
}

// ---- the room ----

function welcome(channel) {
	const text = isPrivate(channel) ? say('privateText') : say('welcomeText', { command: command('imagine') });
	const mark = element('span', 'sign', sign(channel));
	mark.setAttribute('aria-hidden', 'true');
	return element('li', 'welcome', mark, element('h2', '', say('welcome', { channel: channel.name })), element('p', '', text));
}

function drawMessages() {
	const channel = context.channel(), list = $('messages'), scroller = $('scroller');
	const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 120;
	const focused = document.activeElement && list.contains(document.activeElement)
		? [document.activeElement.closest('.message')?.dataset.id, document.activeElement.dataset.customId]
		: null;
	if (!channel)
		return;
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
		if (interaction.channel_id === channel.id && interaction.type === 2 && !interaction.acked_ms &&
			Date.now() - interaction.created_ms < 60000)
			nodes.push(drawPending(interaction, context));
	state.drawn = kept;
	sync(list, nodes);
	if (focused && focused[0])
		kept.get(focused[0])?.node.querySelector(`button[data-custom-id="${CSS.escape(focused[1] || '')}"]`)?.focus();
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
	if (!channelOf(state.channel))
		state.channel = (texts.find((c) => c.name === 'general') || texts[0] || {}).id || '';
	const channel = context.channel();
	$('title').textContent = channel ? channel.name : '';
	$('topic').textContent = $('topic').title = (channel && channel.topic) || '';
	document.title = `${channel ? `#${channel.name} · ` : ''}FuLLet sandbox`;
	drawMessages();
	drawSide();
	drawMembers();
	drawPeople();
	composer.refresh();
	remember();
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

async function addMember() {
	const name = window.prompt(say('memberName'));
	if (!name)
		return;
	const answer = await post('/api/users', { username: name.trim() });
	if (answer.error)
		composer.notice(answer.error);
	else
		await become(answer.id);
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

const composer = new Composer(context);

function prepare() {
	document.documentElement.lang = language;
	$('side').setAttribute('aria-label', say('channels'));
	$('people').setAttribute('aria-label', say('people', { n: '' }).replace(/\W+$/, ''));
	$('menu').textContent = '☰';
	$('menu').setAttribute('aria-label', say('openMenu'));
	$('me-label').textContent = say('member');
	$('add-member').title = say('addMember');
	$('add-member').setAttribute('aria-label', say('addMember'));
	$('large-close').setAttribute('aria-label', say('close'));
	$('menu').addEventListener('click', () => {
		const open = document.body.classList.toggle('side-open');
		$('menu').setAttribute('aria-expanded', String(open));
	});
	$('shade').addEventListener('click', closeSide);
	$('member').addEventListener('change', () => become($('member').value));
	$('add-member').addEventListener('click', addMember);
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
			!/^(INPUT|TEXTAREA|SELECT|BUTTON)$/.test(document.activeElement.tagName) && !$('large').open)
			field.focus();
	});
	// A command that nobody answers is shown as failed after three seconds.
	setInterval(() => {
		if (state.view && (state.view.interactions || []).some((it) => it.type === 2 && !it.acked_ms))
			drawMessages();
	}, 1000);
}

// The member of last time, if he is still there.
async function choose() {
	const info = await (await fetch('/api/info')).json();
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
