// SPDX-License-Identifier: Apache-2.0
// One option of a command: where it is written, what it is worth, what is wrong with it.
import { FileField } from './files.js';
import { element, localised, say } from './text.js';

const STRING = 3, INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9, NUMBER = 10, ATTACHMENT = 11;
// A text that may be longer than this gets a field of several lines.
const SHORT_MAX = 100;
const LINE_PX = 22;

export class Field {
	// composer: key(event, option), changed(option), entered(option), leave(option), notice(text)
	constructor(option, composer, context) {
		this.option = option;
		this.context = context;
		this.name = localised(option, 'name');
		this.chosen = undefined; // the value behind the words, when one was taken from a list
		this.text = option.type === STRING && !(option.choices || []).length &&
			(!option.autocomplete || option.max_length > SHORT_MAX);
		const what = localised(option, 'description');
		if (option.type === ATTACHMENT) {
			this.box = element('span', 'option wide', element('span', '', this.name));
			this.files = new FileField({
				name: option.name, max: 1, notice: (text) => composer.notice(text), changed: () => composer.changed(this),
			});
			this.input = this.files.input;
			this.box.append(this.files.node);
			this.input.setAttribute('aria-label', `${this.name}: ${what}`);
		} else {
			this.box = element('label', 'option', element('span', '', this.name));
			this.input = element(this.text ? 'textarea' : 'input');
			this.input.name = option.name;
			this.input.placeholder = what;
			this.box.append(this.input);
		}
		this.box.title = what;
		this.box.classList.toggle('wide', this.text || !!this.files);
		if (this.text)
			this.input.rows = 1;
		if (option.type === INTEGER || option.type === NUMBER)
			this.input.inputMode = option.type === INTEGER ? 'numeric' : 'decimal';
		if (option.max_length)
			this.input.maxLength = option.max_length;
		this.input.required = !!option.required;
		this.input.addEventListener('focus', () => composer.entered(this));
		this.input.addEventListener('input', () => {
			this.chosen = undefined;
			this.grow();
			composer.changed(this);
		});
		this.input.addEventListener('keydown', (event) => composer.key(event, this));
		if (!option.required) {
			const remove = element('button', 'remove', '✕');
			remove.type = 'button';
			remove.title = say('removeOption');
			remove.setAttribute('aria-label', say('remove', { name: this.name }));
			remove.addEventListener('click', (event) => {
				event.preventDefault();
				composer.leave(this);
			});
			this.box.append(remove);
		}
	}

	get isAsked() {
		return !!this.option.autocomplete;
	}

	get isEmpty() {
		return this.files ? this.files.files.length === 0 : this.input.value.trim() === '';
	}

	// What can be chosen without asking the bot; null: the option has no list.
	choices() {
		const { type } = this.option;
		const person = (user) => ({ name: user.global_name || user.username, value: user.id, user });
		const people = () => this.context.people().map(person);
		const roles = () => this.context.roles().map((role) => ({ name: role.name, value: role.id }));
		if ((this.option.choices || []).length)
			return this.option.choices;
		if (type === BOOLEAN)
			return [{ name: say('yes'), value: true }, { name: say('no'), value: false }];
		if (type === USER)
			return people();
		if (type === ROLE)
			return roles();
		if (type === MENTIONABLE)
			return [...people(), ...roles()];
		if (type === CHANNEL)
			return this.context.rooms().map((channel) => ({ name: `#${channel.name}`, value: channel.id }));
		return null;
	}

	// Takes what was chosen from a list.
	take(choice) {
		this.input.value = localised(choice, 'name');
		this.chosen = choice.value;
		this.grow();
		this.mark(false);
	}

	grow() {
		if (!this.text)
			return;
		this.input.rows = 1;
		this.input.rows = Math.min(8, Math.max(1, Math.floor(this.input.scrollHeight / LINE_PX)));
	}

	mark(bad) {
		this.box.classList.toggle('bad', bad);
		this.input.setAttribute('aria-invalid', String(bad));
	}

	// What is sent; undefined when it is left out. Files are encoded apart.
	value() {
		const { type } = this.option, typed = this.input.value;
		if (this.isEmpty || this.files)
			return undefined;
		if (this.chosen !== undefined)
			return this.chosen;
		const list = this.choices();
		const same = list && list.find((choice) => localised(choice, 'name').toLowerCase() === typed.trim().toLowerCase());
		if (list)
			return same && same.value;
		return type === INTEGER || type === NUMBER ? Number(typed.trim().replace(',', '.')) : typed;
	}

	// A sentence, or ''. As Discord's client, before anything is sent.
	problem() {
		const { option } = this, value = this.value();
		if (this.isEmpty)
			return option.required ? say('required') : '';
		if (this.files)
			return '';
		if (this.choices() && value === undefined)
			return say('notListed');
		if (option.type === INTEGER || option.type === NUMBER)
			return this.numberProblem(value);
		if (option.type === STRING && this.chosen === undefined) {
			if (value.length < (option.min_length || 0))
				return say('tooShort', { min: option.min_length });
			if (value.length > (option.max_length || 6000))
				return say('tooLong', { n: value.length, max: option.max_length || 6000 });
		}
		return '';
	}

	numberProblem(value) {
		const { type, min_value: min, max_value: max } = this.option;
		if (!Number.isFinite(value))
			return say('needNumber');
		if (type === INTEGER && !Number.isSafeInteger(value))
			return say('needWhole');
		if (min !== undefined && value < min)
			return say('atLeast', { min });
		return max !== undefined && value > max ? say('atMost', { max }) : '';
	}
}
