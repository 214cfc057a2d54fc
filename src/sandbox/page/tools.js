// SPDX-License-Identifier: Apache-2.0
// What happens elsewhere in Discord (leaving, roles, a channel's settings), and troubles on purpose.
import { element, say } from './text.js';

const $ = (id) => document.getElementById(id);
const ADMINISTRATOR = 8n;

const discordTroubles = [
	['drop', { kind: 'gateway_drop', code: 4000 }],
	['discord500', { kind: 'status', side: 'discord', status: 500, count: 5 }],
	['slow', { kind: 'hang', side: 'discord', ms: 5000 }],
];
const comfyTroubles = [
	['oom', { kind: 'comfy_oom', count: 1 }],
	['nodeError', { kind: 'comfy_error', count: 1 }],
	['stall', { kind: 'comfy_stall' }],
	['restart', { kind: 'comfy_restart', down_ms: 10000 }],
];

function button(text, act, className = 'button') {
	const node = element('button', className, text);
	node.type = 'button';
	node.addEventListener('click', act);
	return node;
}

function check(text, checked, act) {
	const input = element('input');
	input.type = 'checkbox';
	input.checked = checked;
	input.addEventListener('change', () => act(input.checked));
	return element('label', 'check', input, element('span', '', text));
}

function field(label, name) {
	const input = element('input');
	input.name = name;
	input.maxLength = 32;
	input.required = true;
	return { input, node: element('label', 'field', element('span', 'title', label), input) };
}

function group(title, ...children) {
	return element('section', '', element('h3', '', title), ...children);
}

export class Tools {
	// context: post, view(), channel(), me(), become(id), comfy() -> the sandbox's own ComfyUI is there
	constructor(context) {
		this.context = context;
		this.dialog = $('tools-box');
		this.status = element('p', 'notice');
		this.status.setAttribute('role', 'status');
		this.body = element('div');
		this.cards = element('div');
		const close = element('button', 'close', '✕'), title = element('h2', '', say('tools'));
		close.type = 'button';
		close.setAttribute('aria-label', say('close'));
		close.addEventListener('click', () => this.dialog.close());
		title.id = 'tools-title';
		this.dialog.setAttribute('aria-labelledby', title.id);
		this.dialog.append(close, title, element('p', 'what', say('toolsText')), this.status, this.body, this.cards);
		this.dialog.addEventListener('click', (event) => {
			if (event.target === this.dialog)
				this.dialog.close();
		});
	}

	open() {
		this.say('');
		this.drawn = '';
		this.draw();
		this.dialog.showModal();
	}

	say(text) {
		this.status.textContent = text;
		this.status.hidden = !text;
	}

	async act(path, body, what) {
		const answer = await this.context.post(path, body);
		this.say(answer.error || say('done', { what }));
		return answer;
	}

	// Called with every change of the world; what is being typed stays.
	refresh() {
		if (this.dialog.open)
			this.draw();
	}

	// What each card's memory holds: other programs', weights by file, what a picture needs just now.
	drawCards() {
		const cards = this.context.view().cards || [];
		const gb = (mb) => (mb / 1024).toFixed(1);
		this.cards.replaceChildren(cards.length ? group(say('cards'), ...cards.map((card, i) => {
			const used = element('meter');
			used.max = card.vram_mb;
			used.value = card.used_mb + card.foreign_mb;
			used.setAttribute('aria-label', say('card', { n: i + 1 }));
			return element('div', 'card', element('strong', '', say('card', { n: i + 1 })), used,
				element('span', '', say('cardUse', { used: gb(card.used_mb + card.foreign_mb), all: gb(card.vram_mb), n: card.queue_remaining })),
				element('small', '', card.resident.map((w) => `${w.file} ${gb(w.mb)}`).join(' · ')));
		})) : '');
	}

	draw() {
		this.drawCards();
		const me = this.context.me(), channel = this.context.channel();
		const print = JSON.stringify([me, channel && [channel.id, channel.nsfw, channel.name]]);
		if (print === this.drawn)
			return;
		this.drawn = print;
		this.body.replaceChildren(this.member(me), channel ? this.room(channel) : '', this.trouble(), this.newMember());
	}

	member(me) {
		const name = me.global_name || me.username, rename = field(say('rename'), 'rename');
		const roles = this.context.view().guild.roles.filter((role) => !role.managed && role.id !== this.context.view().guild.id &&
			!(BigInt(role.permissions) & ADMINISTRATOR));
		const form = element('form', 'line', rename.node, element('button', 'button', say('doRename')));
		form.addEventListener('submit', (event) => {
			event.preventDefault();
			this.act('/control/act', { kind: 'rename', name: rename.input.value.trim() }, say('doRename'));
		});
		return group(say('toolsMember', { name }),
			...(me.admin || !me.member ? [] : roles.map((role) => check(say('hasRole', { role: role.name }), me.role === role.id,
				(on) => this.act('/control/act', { kind: 'role', role: on ? role.id : '0' }, say('hasRole', { role: role.name }))))),
			me.member ? button(say('leave'), () => this.act('/control/leave', {}, say('leave')), 'button danger')
				: button(say('comeBack'), () => this.act('/control/act', { kind: 'join' }, say('comeBack')), 'button success'),
			form);
	}

	room(channel) {
		const remove = button(say('deleteChannel'), () => {
			if (remove.textContent === say('really'))
				this.act('/control/act', { kind: 'delete_channel', channel: channel.id }, say('deleteChannel'));
			else
				remove.textContent = say('really');
		}, 'button danger');
		return group(say('toolsChannel', { channel: channel.name }),
			channel.type === 0 ? check(say('isRestricted'), !!channel.nsfw,
				(restricted) => this.act('/control/restrict', { channel: channel.id, restricted }, say('isRestricted'))) : null,
			remove);
	}

	trouble() {
		const all = [...discordTroubles, ...(this.context.comfy() ? comfyTroubles : [])];
		return group(say('toolsTrouble'), element('div', 'buttons',
			...all.map(([name, fault]) => button(say(name), () => this.act('/control/fault', fault, say(name)))),
			button(say('clear'), () => this.act('/control/fault', { kind: 'clear' }, say('clear')), 'button success')));
	}

	newMember() {
		const name = field(say('name'), 'new-member'), admin = check(say('isAdmin'), false, () => {});
		const form = element('form', 'line', name.node, admin, element('button', 'button primary', say('add')));
		form.addEventListener('submit', async (event) => {
			event.preventDefault();
			const answer = await this.act('/api/users', {
				username: name.input.value.trim(), admin: admin.querySelector('input').checked,
			}, say('add'));
			if (answer.error)
				return;
			this.dialog.close();
			await this.context.become(answer.id);
		});
		return group(say('toolsNew'), form);
	}
}
