// SPDX-License-Identifier: Apache-2.0
// Where a member writes: plain words, or a command with its options.
import { element, localised, say } from './text.js';

const STRING = 3, INTEGER = 4, BOOLEAN = 5, NUMBER = 10;
const SHOWN_MAX = 25;
// A text that may be longer than this gets a field of several lines.
const SHORT_MAX = 100;
const $ = (id) => document.getElementById(id);

export class Composer {
	// context: post(path, body), channel() -> object or null, commands() -> list
	constructor(context) {
		this.context = context;
		this.command = null;
		this.inputs = new Map();
		this.items = [];
		this.at = 0;
		this.asked = 0;
		$('form').addEventListener('submit', (event) => {
			event.preventDefault();
			this.submit();
		});
		$('send').textContent = '➤';
		$('send').setAttribute('aria-label', say('send'));
		document.addEventListener('mousedown', (event) => {
			if (!$('composer').contains(event.target))
				this.closeMenu();
		});
		this.plain();
	}

	// ---- the menu above the field ----

	// at: the item that Enter takes; -1: none, until an arrow key goes there.
	openMenu(title, items, choose, empty, at = 0) {
		const list = $('menu-list');
		this.items = items;
		this.choose = choose;
		$('menu-title').textContent = title;
		list.replaceChildren(...items.map((item, i) => {
			const node = element('li', '', ...item.show);
			node.id = `choice-${i}`;
			node.setAttribute('role', 'option');
			node.addEventListener('mousedown', (event) => event.preventDefault());
			node.addEventListener('click', () => this.pick(i));
			node.addEventListener('mousemove', () => this.mark(i));
			return node;
		}));
		if (!items.length)
			list.append(element('li', '', element('span', 'what', empty)));
		$('menu-box').hidden = false;
		this.mark(at);
	}

	closeMenu() {
		$('menu-box').hidden = true;
		this.items = [];
		if (this.active)
			this.active.setAttribute('aria-expanded', 'false');
	}

	mark(i) {
		this.at = i;
		[...$('menu-list').children].forEach((node, k) => {
			node.setAttribute('aria-selected', String(this.items.length > 0 && k === i));
			if (k === i && this.items.length)
				node.scrollIntoView({ block: 'nearest' });
		});
		if (this.active) {
			this.active.setAttribute('aria-expanded', 'true');
			this.active.setAttribute('aria-activedescendant', this.items.length && i >= 0 ? `choice-${i}` : '');
		}
	}

	pick(i) {
		const item = this.items[i];
		this.closeMenu();
		if (item)
			this.choose(item);
	}

	// True when the menu took the key.
	menuKey(event) {
		if ($('menu-box').hidden)
			return false;
		const n = this.items.length;
		if (event.key === 'Escape') {
			this.asked++;
			this.closeMenu();
		} else if (event.key === 'ArrowDown' && n)
			this.mark((this.at + 1) % n);
		else if (event.key === 'ArrowUp' && n)
			this.mark((Math.max(this.at, 0) + n - 1) % n);
		else if ((event.key === 'Enter' || event.key === 'Tab') && n && this.at >= 0 && !event.shiftKey)
			this.pick(this.at);
		else
			return false;
		event.preventDefault();
		return true;
	}

	combobox(input) {
		input.setAttribute('role', 'combobox');
		input.setAttribute('aria-controls', 'menu-list');
		input.setAttribute('aria-expanded', 'false');
		input.setAttribute('aria-autocomplete', 'list');
		input.addEventListener('focus', () => {
			this.active = input;
		});
	}

	// ---- plain words ----

	plain(text = '') {
		const input = element('input');
		input.id = 'say';
		input.maxLength = 2000;
		input.value = text;
		this.combobox(input);
		this.command = null;
		this.inputs.clear();
		this.closeMenu();
		input.addEventListener('input', () => this.typed(input));
		input.addEventListener('keydown', (event) => this.menuKey(event));
		$('fields').replaceChildren(input);
		this.refresh();
	}

	refresh() {
		const input = $('say'), channel = this.context.channel();
		if (!input || !channel)
			return;
		const may = channel.may_send !== false;
		input.disabled = !may;
		input.placeholder = say(may ? 'placeholder' : 'readOnly', { channel: channel.name });
		input.setAttribute('aria-label', input.placeholder);
	}

	typed(input) {
		this.notice('');
		if (!input.value.startsWith('/')) {
			this.closeMenu();
			return;
		}
		const word = input.value.slice(1).toLowerCase();
		const fits = this.context.commands().filter((command) => (command.type || 1) === 1 &&
			(command.name.includes(word) || localised(command, 'name').toLowerCase().includes(word)));
		this.openMenu(say('commands'), fits.map((command) => ({
			command,
			show: [
				element('strong', '', `/${localised(command, 'name')}`),
				...(command.options || []).map((o) => element('span', 'arg', localised(o, 'name'))),
				element('span', 'what', localised(command, 'description')),
				element('span', 'whose', 'FuLLet'),
			],
		})), (item) => this.start(item.command), say('noCommands'));
	}

	// ---- a command ----

	start(command) {
		this.command = command;
		this.inputs.clear();
		this.notice('');
		const fields = $('fields');
		fields.replaceChildren(element('span', 'command-name', `/${localised(command, 'name')}`));
		for (const option of command.options || [])
			if (option.required)
				fields.append(this.field(option));
		for (const option of command.options || [])
			if (!option.required)
				fields.append(this.moreButton(option));
		const first = fields.querySelector('input, textarea, select');
		(first || $('send')).focus();
	}

	moreButton(option) {
		const button = element('button', 'more', say('more', { name: localised(option, 'name') }));
		button.type = 'button';
		button.title = localised(option, 'description');
		button.addEventListener('click', () => {
			const field = this.field(option);
			button.replaceWith(field);
			field.querySelector('input, textarea, select').focus();
		});
		return button;
	}

	field(option) {
		const box = element('label', 'option', element('span', '', localised(option, 'name')));
		const text = option.type === STRING && !(option.choices || []).length &&
			(!option.autocomplete || option.max_length > SHORT_MAX);
		const input = element(option.type === BOOLEAN ? 'select' : text ? 'textarea' : 'input');
		const entry = { option, input, box, text, value: undefined };
		box.title = localised(option, 'description');
		box.classList.toggle('wide', text);
		input.name = option.name;
		input.placeholder = localised(option, 'description');
		input.required = !!option.required;
		if (option.type === BOOLEAN)
			input.append(...['true', 'false'].map((v) => new Option(say(v === 'true' ? 'yes' : 'no'), v)));
		if (text)
			input.rows = 1;
		if (option.max_length)
			input.maxLength = option.max_length;
		this.inputs.set(option.name, entry);
		if (option.autocomplete || (option.choices || []).length) {
			this.combobox(input);
			input.addEventListener('focus', () => {
				this.closeMenu();
				this.suggest(entry);
			});
		} else {
			input.addEventListener('focus', () => this.closeMenu());
		}
		input.addEventListener('input', () => this.changed(entry));
		input.addEventListener('keydown', (event) => this.key(event, entry));
		box.append(input);
		return box;
	}

	changed(entry) {
		entry.value = undefined;
		entry.box.classList.remove('bad');
		this.notice('');
		this.grow(entry.input);
		if (entry.option.autocomplete || (entry.option.choices || []).length)
			this.suggest(entry);
	}

	grow(input) {
		if (input.tagName !== 'TEXTAREA')
			return;
		input.rows = 1;
		input.rows = Math.min(8, Math.max(1, Math.floor(input.scrollHeight / 22)));
	}

	key(event, entry) {
		if (this.menuKey(event))
			return;
		if (event.key === 'Enter' && !event.shiftKey) {
			event.preventDefault();
			this.submit();
		} else if (event.key === 'Escape') {
			this.plain();
			$('say').focus();
		} else if (event.key === 'Backspace' && entry.input.value === '' &&
			[...this.inputs.values()].every((other) => other.input.value === '')) {
			event.preventDefault();
			this.plain(`/${this.command.name}`);
			$('say').focus();
			this.typed($('say'));
		}
	}

	show(entry, choices) {
		// What one writes freely needs no list, and Enter sends it as it is.
		if (entry.text && !choices.length) {
			this.closeMenu();
			return;
		}
		this.openMenu(localised(entry.option, 'description'), choices.slice(0, SHOWN_MAX).map((choice) => ({
			choice,
			show: [element('span', '', localised(choice, 'name'))],
		})), (item) => {
			entry.input.value = localised(item.choice, 'name');
			entry.value = item.choice.value;
			entry.box.classList.remove('bad');
			this.grow(entry.input);
			this.next(entry);
		}, say('noChoices'), entry.text ? -1 : 0);
	}

	next(entry) {
		const all = [...this.inputs.values()];
		const after = all.slice(all.indexOf(entry) + 1).find((other) => other.input.value === '');
		if (after)
			after.input.focus();
	}

	async suggest(entry) {
		const typed = entry.input.value.toLowerCase();
		if (!entry.option.autocomplete) {
			this.show(entry, entry.option.choices.filter((c) => localised(c, 'name').toLowerCase().includes(typed)));
			return;
		}
		const mine = ++this.asked;
		if (!entry.text && $('menu-box').hidden)
			this.openMenu(localised(entry.option, 'description'), [], () => {}, say('loading'));
		const answer = await this.context.post('/api/autocomplete', {
			channel: this.context.channel().id,
			name: this.command.name,
			focused: entry.option.name,
			options: { ...this.values(), [entry.option.name]: entry.input.value },
		});
		// A newer question, another field or a choice made meanwhile: this answer is stale.
		if (mine === this.asked && document.activeElement === entry.input && entry.value === undefined)
			this.show(entry, answer.choices || []);
	}

	values() {
		const values = {};
		for (const [name, { option, input, value }] of this.inputs) {
			if (input.value === '')
				continue;
			if (value !== undefined)
				values[name] = value;
			else if (option.type === BOOLEAN)
				values[name] = input.value === 'true';
			else if (option.type === INTEGER || option.type === NUMBER)
				values[name] = Number(input.value);
			else
				values[name] = input.value;
		}
		return values;
	}

	// ---- sending ----

	notice(text) {
		$('notice').textContent = text;
		$('notice').hidden = !text;
	}

	async submit() {
		const channel = this.context.channel();
		if (!channel)
			return;
		this.closeMenu();
		if (!this.command) {
			await this.submitText($('say'), channel);
			return;
		}
		const missing = [...this.inputs.values()].find(({ option, input }) => option.required && !input.value.trim());
		if (missing) {
			missing.box.classList.add('bad');
			missing.input.focus();
			this.notice(`${localised(missing.option, 'name')}: ${say('required')}`);
			return;
		}
		const answer = await this.context.post('/api/command', {
			channel: channel.id, name: this.command.name, options: this.values(),
		});
		if (answer.error) {
			this.notice(answer.error);
			return;
		}
		this.plain();
		$('say').focus();
	}

	async submitText(input, channel) {
		const text = input.value.trim();
		if (!text || text.startsWith('/')) {
			if (text)
				this.typed(input);
			return;
		}
		const answer = await this.context.post('/api/say', { channel: channel.id, text });
		if (answer.error)
			this.notice(answer.error);
		else
			input.value = '';
	}
}
