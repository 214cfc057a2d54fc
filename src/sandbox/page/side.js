// SPDX-License-Identifier: Apache-2.0
// The channels at the left, who one is below them, and who is in the channel at the right.
import { avatar, pings } from './message.js';
import { element, lock, say } from './text.js';

export const TEXT = 0, CATEGORY = 4, THREAD = 12;
const VIEW_CHANNEL = 1024n;
const $ = (id) => document.getElementById(id);

export const newer = (a, b) => BigInt(a || 0) > BigInt(b || 0);
export const isRoom = (channel) => channel.type === TEXT || channel.type === THREAD;

export function isPrivate(channel, guild) {
	return channel.type === THREAD ||
		(channel.permission_overwrites || []).some((o) => o.id === guild.id && (BigInt(o.deny) & VIEW_CHANNEL));
}

export function sign(channel, guild) {
	return isPrivate(channel, guild) ? lock() : element('span', 'hash', '#');
}

export class Side {
	// context: view(), state {user, channel, read, known}, messagesOf(id), channelOf(id), go(id)
	constructor(context) {
		this.context = context;
	}

	unread(id) {
		const { state } = this.context, seen = state.read.get(id);
		const fresh = this.context.messagesOf(id).filter((m) => newer(m.id, seen) && m.author.id !== state.user);
		return { n: fresh.length, pings: fresh.filter((m) => pings(m, state.user)).length };
	}

	button(channel) {
		const { state } = this.context, { guild } = this.context.view();
		const button = element('button', 'channel', channel.type === THREAD ? element('span', 'hash', '╰') : sign(channel, guild),
			element('span', 'name', channel.name), channel.nsfw ? element('span', 'adult', '18+') : null);
		const news = channel.id === state.channel ? { n: 0, pings: 0 } : this.unread(channel.id);
		const about = [channel.name, channel.type === THREAD ? say('thread') : '', isPrivate(channel, guild) ? say('private') : '',
			channel.nsfw ? say('ageRestricted') : '', news.n ? say('new', { n: news.n }) : ''].filter(Boolean);
		button.type = 'button';
		button.dataset.id = channel.id;
		button.classList.toggle('unread', news.n > 0);
		button.classList.toggle('thread', channel.type === THREAD);
		if (news.pings)
			button.append(element('span', 'badge', String(news.pings)));
		if (about.length > 1)
			button.setAttribute('aria-label', about.join(', '));
		if (channel.id === state.channel)
			button.setAttribute('aria-current', 'page');
		if (state.known && !state.known.has(channel.id))
			button.classList.add('fresh');
		button.addEventListener('click', () => this.context.go(channel.id));
		return button;
	}

	drawChannels() {
		const { state } = this.context, view = this.context.view();
		const all = [...view.channels].sort((a, b) => (a.position || 0) - (b.position || 0) || (newer(a.id, b.id) ? 1 : -1));
		const focused = document.activeElement && document.activeElement.dataset.id, drawn = new Set();
		// A channel and the threads below it.
		const room = (channel) => {
			drawn.add(channel.id);
			return [this.button(channel), ...all.filter((c) => c.type === THREAD && c.parent_id === channel.id).flatMap(room)];
		};
		const under = (parent) => all.filter((c) => c.type === TEXT && (c.parent_id || null) === parent).flatMap(room);
		const nodes = under(null);
		for (const category of all.filter((c) => c.type === CATEGORY))
			nodes.push(element('h2', '', category.name), ...under(category.id));
		// What stands below something that this member cannot see comes last.
		nodes.push(...all.filter((c) => isRoom(c) && !drawn.has(c.id)).flatMap(room));
		$('channels').replaceChildren(...nodes);
		if (focused)
			nodes.find((node) => node.dataset.id === focused)?.focus();
		state.known = new Set(all.map((c) => c.id));
		$('guild').textContent = view.guild.name;
	}

	drawMembers() {
		const { state } = this.context, view = this.context.view();
		const people = view.users.filter((user) => !user.bot);
		const about = (user) => (!user.member ? ` (${say('away')})` : user.admin ? ` (${say('admin')})` : '');
		$('member').replaceChildren(...people.map((user) => new Option(`${user.global_name || user.username}${about(user)}`,
			user.id, user.id === state.user, user.id === state.user)));
		const mark = avatar(view.users.find((user) => user.id === state.user));
		mark.id = 'me-avatar';
		$('me-avatar').replaceWith(mark);
	}

	maySee(user, channel) {
		const { guild } = this.context.view();
		if (!user.member)
			return false;
		if (channel.type === THREAD)
			return (channel.joined || []).includes(user.id);
		return user.admin || !isPrivate(channel, guild) ||
			channel.permission_overwrites.some((o) => o.id === user.id && (BigInt(o.allow) & VIEW_CHANNEL));
	}

	role(user) {
		return (this.context.view().guild.roles.find((role) => role.id === user.role) || {}).name;
	}

	// Who is in the channel, at the right of wide windows.
	drawPeople() {
		const channel = this.context.channel(), groups = [['bots', true], ['people', false]];
		$('people').replaceChildren(...(channel ? groups : []).flatMap(([title, bot]) => {
			const some = this.context.view().users.filter((user) => !!user.bot === bot && this.maySee(user, channel));
			return some.length ? [element('h2', '', say(title, { n: some.length })), ...some.map((user) =>
				element('p', 'person', avatar(user), element('span', 'name', user.global_name || user.username),
					bot ? element('span', 'tag', say('app')) : element('span', 'what', this.role(user))))] : [];
		}));
	}

	draw() {
		this.drawChannels();
		this.drawMembers();
		this.drawPeople();
	}
}
