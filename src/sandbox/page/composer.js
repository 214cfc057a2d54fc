// SPDX-License-Identifier: Apache-2.0
// Where a member writes: plain words with files, or a command with its options.
import { FileField } from './files.js';
import { Field } from './option.js';
import { avatar } from './message.js';
import { element, localised, say } from './text.js';

const SUBCOMMAND = 1, GROUP = 2;
const SHOWN_MAX = 25, FILES_MAX = 10;
const $ = (id) => document.getElementById(id);

// A command and each of its sub-commands, as Discord's menu lists them: {command, path, options, ...}
function entries(commands) {
	return commands.filter((command) => (command.type || 1) === 1).flatMap((command) => {
		const all = command.options || [];
		const inner = all.filter((option) => option.type === SUBCOMMAND || option.type === GROUP);
		const entry = (path, options, what) => ({
			command, options, path: path.map((one) => one.name),
			title: `/${path.map((one) => localised(one, 'name')).join(' ')}`,
			names: path.map((one) => one.name).join(' '), what: localised(what, 'description'),
		});
		return inner.length ? inner.map((sub) => entry([command, sub], sub.options || [], sub)) : [entry([command], all, command)];
	});
}

export class Composer {
	// context: post(path, body), channel() -> object or null, commands(), people(), roles(), rooms() -> lists
	constructor(context) {
		this.context = context;
		this.entry = null;
		this.options = [];
		this.items = [];
		this.at = 0;
		this.asked = 0;
		this.files = new FileField({
			name: 'files', label: '+', max: FILES_MAX, notice: (text) => this.notice(text), changed: () => this.drawFiles(),
		});
		this.files.choose.title = say('attach');
		this.files.input.setAttribute('aria-label', say('attach'));
		$('attach').replaceChildren(this.files.choose);
		$('attached').replaceChildren(this.files.chips);
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
		$('menu-box').scrollTop = 0;
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
	}

	// ---- plain words ----

	plain(text = '') {
		const input = element('input');
		input.id = 'say';
		input.maxLength = 2000;
		input.value = text;
		this.combobox(input);
		this.entry = null;
		this.options = [];
		this.closeMenu();
		input.addEventListener('focus', () => {
			this.active = input;
		});
		input.addEventListener('input', () => this.typed(input));
		input.addEventListener('keydown', (event) => this.menuKey(event));
		$('fields').replaceChildren(input);
		this.refresh();
	}

	refresh() {
		const input = $('say'), channel = this.context.channel();
		this.drawFiles();
		if (!input || !channel)
			return;
		const may = channel.may_send !== false;
		input.disabled = !may;
		input.placeholder = say(may ? 'placeholder' : 'readOnly', { channel: channel.name });
		input.setAttribute('aria-label', input.placeholder);
	}

	// The field for files stands beside plain words only; an option has its own.
	drawFiles() {
		const channel = this.context.channel();
		$('attach').hidden = !!this.entry || !channel || channel.may_send === false;
		$('attached').hidden = !!this.entry || !this.files || !this.files.files.length;
	}

	typed(input) {
		this.notice('');
		if (input.value.startsWith('/')) {
			this.typedCommand(input.value.slice(1));
			return;
		}
		const before = input.value.slice(0, input.selectionStart), found = /(^|\s)([@#])([^\s@#]*)$/.exec(before);
		if (found)
			this.mentions(input, found[2], found[3].toLowerCase(), before.length - found[3].length);
		else
			this.closeMenu();
	}

	typedCommand(word) {
		const all = entries(this.context.commands());
		const typed = word.toLowerCase().trimStart();
		const exact = typed.endsWith(' ') && all.find((one) => typed.trimEnd() === one.names || `/${typed.trimEnd()}` === one.title);
		if (exact) {
			this.start(exact);
			return;
		}
		const fits = all.filter((one) => one.names.includes(typed) || one.title.toLowerCase().includes(typed));
		// What begins so stands before what only holds it.
		const rank = (one) => (one.names.startsWith(typed) || one.title.toLowerCase().startsWith(`/${typed}`) ? 0 : 1);
		fits.sort((a, b) => rank(a) - rank(b));
		this.openMenu(say('commands'), fits.map((one) => ({
			one,
			show: [
				element('strong', '', one.title),
				...one.options.filter((o) => o.required).map((o) => element('span', 'arg', localised(o, 'name'))),
				element('span', 'what', one.what),
				element('span', 'whose', 'FuLLet'),
			],
		})), (item) => this.start(item.one), say(all.length ? 'noSuchCommand' : 'noCommands'));
	}

	mentions(input, sign, typed, from) {
		const things = sign === '#' ? this.context.rooms().map((room) => [room.name, []])
			: this.context.people(true).map((user) => [user.global_name || user.username, [avatar(user)]]);
		const fits = things.filter(([name]) => name.toLowerCase().includes(typed)).slice(0, SHOWN_MAX);
		// A name that is written to its end needs no help, and Enter sends.
		if (!fits.length || (fits.length === 1 && fits[0][0].toLowerCase() === typed)) {
			this.closeMenu();
			return;
		}
		this.openMenu(say(sign === '#' ? 'mentionChannel' : 'mentionUser'), fits.map(([name, mark]) => ({
			name, show: [...mark, element('span', '', `${sign}${name}`)],
		})), (item) => {
			const rest = input.value.slice(input.selectionStart);
			input.value = `${input.value.slice(0, from)}${item.name} ${rest}`;
			input.selectionStart = input.selectionEnd = from + item.name.length + 1;
			input.focus();
		});
	}

	// "@FuLLet" becomes the mention that it stands for, as Discord's client does.
	resolved(text) {
		const names = [
			...this.context.people(true).map((user) => [`@${user.global_name || user.username}`, `<@${user.id}>`]),
			...this.context.rooms().map((room) => [`#${room.name}`, `<#${room.id}>`]),
		].sort((a, b) => b[0].length - a[0].length);
		let out = '';
		for (let i = 0; i < text.length;) {
			const found = /[@#]/.test(text[i]) && !/\w/.test(text[i - 1] || '') &&
				names.find(([name]) => text.startsWith(name, i) && !/[\w-]/.test(text[i + name.length] || ''));
			out += found ? found[1] : text[i];
			i += found ? found[0].length : 1;
		}
		return out;
	}

	// ---- a command ----

	start(entry) {
		this.entry = entry;
		this.options = [];
		this.notice('');
		$('fields').replaceChildren(element('span', 'command-name', entry.title));
		for (const option of entry.options)
			if (option.required)
				this.addOption(option);
		this.drawMore();
		this.drawFiles();
		const [first] = this.options;
		(first ? first.input : $('send')).focus();
	}

	addOption(option) {
		const field = new Field(option, this, this.context);
		this.options.push(field);
		if (field.isAsked || field.choices())
			this.combobox(field.input);
		$('fields').insertBefore(field.box, $('fields').querySelector('.more'));
		return field;
	}

	left() {
		return this.entry.options.filter((option) => !this.options.some((field) => field.option === option));
	}

	// "+ 7 more": the options that one may add.
	drawMore() {
		const left = this.left();
		$('fields').querySelector('.more')?.remove();
		if (!left.length)
			return;
		const button = element('button', 'more', left.length === 1 ? `+ ${localised(left[0], 'name')}` : say('moreOptions', { n: left.length }));
		button.type = 'button';
		button.title = say('options');
		button.setAttribute('aria-haspopup', 'listbox');
		button.addEventListener('click', () => this.offerMore());
		button.addEventListener('keydown', (event) => {
			if (event.key === 'ArrowDown' && $('menu-box').hidden)
				this.offerMore();
			else if (!this.menuKey(event) && event.key === 'Escape')
				this.escape();
		});
		$('fields').append(button);
	}

	offerMore() {
		const left = this.left(), add = (option) => {
			const field = this.addOption(option);
			this.drawMore();
			field.input.focus();
		};
		if (left.length === 1) {
			add(left[0]);
			return;
		}
		this.active = $('fields').querySelector('.more');
		this.active.focus();
		this.openMenu(say('options'), left.map((option) => ({
			option,
			show: [element('strong', '', localised(option, 'name')), element('span', 'what', localised(option, 'description'))],
		})), (item) => add(item.option));
	}

	// Takes an option away that need not be there.
	leave(field) {
		const i = this.options.indexOf(field);
		this.options.splice(i, 1);
		if (field.files)
			field.files.clear();
		field.box.remove();
		this.closeMenu();
		this.notice('');
		this.drawMore();
		const next = this.options[Math.max(0, i - 1)];
		(next ? next.input : $('send')).focus();
	}

	escape() {
		this.options.forEach((field) => field.files && field.files.clear());
		this.plain();
		this.notice('');
		$('say').focus();
	}

	entered(field) {
		this.active = field.input;
		this.closeMenu();
		if (field.isAsked || field.choices())
			this.suggest(field);
	}

	changed(field) {
		field.mark(false);
		this.notice('');
		if (document.activeElement === field.input && (field.isAsked || field.choices()))
			this.suggest(field);
	}

	key(event, field) {
		if (event.isComposing || this.menuKey(event))
			return;
		if (event.key === 'Enter' && !event.shiftKey && !field.files) {
			event.preventDefault();
			this.submit();
		} else if (event.key === 'Escape') {
			this.escape();
		} else if (event.key === 'Backspace' && field.isEmpty && field.input.value === '') {
			if (!field.option.required) {
				event.preventDefault();
				this.leave(field);
			} else if (this.options.every((other) => other.isEmpty)) {
				event.preventDefault();
				this.plain(this.entry.title);
				$('say').focus();
				this.typed($('say'));
			}
		}
	}

	show(field, choices) {
		// What one writes freely needs no list, and Enter sends it as it is.
		if (field.text)
			choices = choices.filter((choice) => choice.value !== field.input.value);
		if (field.text && !choices.length) {
			this.closeMenu();
			return;
		}
		this.openMenu(localised(field.option, 'description'), choices.slice(0, SHOWN_MAX).map((choice) => ({
			choice,
			show: [choice.user ? avatar(choice.user) : null, element('span', '', localised(choice, 'name'))].filter(Boolean),
		})), (item) => {
			field.take(item.choice);
			this.next(field);
		}, say('noChoices'), field.text ? -1 : 0);
	}

	next(field) {
		const after = this.options.slice(this.options.indexOf(field) + 1).find((other) => other.isEmpty);
		if (after)
			after.input.focus();
	}

	async suggest(field) {
		const typed = field.input.value.toLowerCase(), list = field.choices();
		if (list) {
			this.show(field, list.filter((c) => field.chosen !== undefined || localised(c, 'name').toLowerCase().includes(typed)));
			return;
		}
		const mine = ++this.asked, entry = this.entry;
		if (!field.text && $('menu-box').hidden)
			this.openMenu(localised(field.option, 'description'), [], () => {}, say('loading'));
		const answer = await this.context.post('/api/autocomplete', {
			channel: this.context.channel().id,
			name: entry.command.name,
			focused: field.option.name,
			options: this.wrapped({ ...this.values(), [field.option.name]: field.input.value }),
		});
		// A newer question, another field or a choice made meanwhile: this answer is stale.
		if (mine === this.asked && document.activeElement === field.input && field.chosen === undefined)
			this.show(field, answer.choices || []);
	}

	values() {
		return Object.fromEntries(this.options.map((field) => [field.option.name, field.value()])
			.filter(([, value]) => value !== undefined));
	}

	// Options of a sub-command stand inside it.
	wrapped(values) {
		return this.entry.path.slice(1).reduceRight((inner, name) => ({ [name]: inner }), values);
	}

	// ---- sending ----

	notice(text) {
		$('notice').textContent = text;
		$('notice').hidden = !text;
	}

	async submit() {
		const channel = this.context.channel();
		if (!channel || this.sending)
			return;
		this.closeMenu();
		this.sending = true;
		try {
			await (this.entry ? this.submitCommand(channel) : this.submitText($('say'), channel));
		} finally {
			this.sending = false;
		}
	}

	async submitCommand(channel) {
		const entry = this.entry, bad = this.options.find((field) => field.problem());
		if (bad) {
			bad.mark(true);
			bad.input.focus();
			this.closeMenu();
			this.notice(`${bad.name}: ${bad.problem()}`);
			return;
		}
		const values = this.values();
		for (const field of this.options)
			if (field.files && !field.isEmpty)
				[values[field.option.name]] = await field.files.encoded();
		const answer = await this.context.ask('/api/command', {
			channel: channel.id, name: entry.command.name, options: this.wrapped(values),
		});
		if (this.entry !== entry)
			return;
		if (answer.error) {
			this.notice(answer.error);
			return;
		}
		this.escape();
	}

	async submitText(input, channel) {
		const text = this.resolved(input.value.trim()), { files } = this.files;
		if (text.startsWith('/')) {
			this.typed(input);
			return;
		}
		if (!text && !files.length)
			return;
		const answer = files.length
			? await this.context.post('/api/share', { channel: channel.id, text, files: await this.files.encoded() })
			: await this.context.post('/api/say', { channel: channel.id, text });
		if (answer.error) {
			this.notice(answer.error);
			return;
		}
		input.value = '';
		this.files.clear();
	}

	// Files that were dropped or pasted.
	take(files) {
		if (!this.entry) {
			this.files.add(files);
			$('say')?.focus();
			return;
		}
		const free = this.options.find((field) => field.files) ||
			this.left().filter((option) => option.type === 11).map((option) => {
				const field = this.addOption(option);
				this.drawMore();
				return field;
			})[0];
		if (free)
			free.files.add(files.slice(0, 1));
	}
}
