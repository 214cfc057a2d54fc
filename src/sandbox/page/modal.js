// SPDX-License-Identifier: Apache-2.0
// A window that the bot opened: labels, each with a field, and what is written there.
import { FileField } from './files.js';
import { chosen, isMenu, menu } from './parts.js';
import { element, markdown, say } from './text.js';

const ROW = 1, TEXT_INPUT = 4, TEXT = 10, FILES = 19;
const PARAGRAPH = 2;

// {node, input, value(), problem()} for a field of the window.
function textField(field) {
	const input = element(field.style === PARAGRAPH ? 'textarea' : 'input');
	input.value = field.value || '';
	input.placeholder = field.placeholder || '';
	input.maxLength = field.max_length || 4000;
	if (field.style === PARAGRAPH)
		input.rows = 4;
	return {
		node: input, input,
		value: () => input.value,
		problem() {
			const n = input.value.length;
			if (!input.value.trim())
				return field.required === false ? '' : say('required');
			return n < (field.min_length || 0) ? say('tooShort', { min: field.min_length }) : '';
		},
	};
}

function menuField(field, context) {
	const input = menu(field, context);
	return {
		node: input, input,
		value: () => chosen(input),
		problem: () => (field.required !== false && chosen(input).length < (field.min_values ?? 1) ? say('required') : ''),
	};
}

function fileField(field, notice) {
	const files = new FileField({ name: field.custom_id, max: field.max_values || 1, notice });
	return {
		node: files.node, input: files.input, files,
		value: () => files.encoded(),
		problem: () => (field.required !== false && files.files.length < (field.min_values ?? 1) ? say('required') : ''),
	};
}

export class Modal {
	// context: post(path, body), ask(path, body), names, people(), roles(), rooms()
	constructor(interaction, context) {
		const { modal } = interaction;
		this.interaction = interaction;
		this.context = context;
		this.fields = [];
		this.dialog = element('dialog', 'modal');
		this.notice = element('p', 'notice');
		this.notice.setAttribute('role', 'alert');
		this.notice.hidden = true;
		const title = element('h2', '', modal.title), form = element('form'), cancel = element('button', 'button link', say('cancel'));
		title.id = 'modal-title';
		this.dialog.setAttribute('aria-labelledby', title.id);
		this.send = element('button', 'button primary', say('submit'));
		this.send.type = 'submit';
		cancel.type = 'button';
		form.noValidate = true;
		form.autocomplete = 'off';
		form.append(title, ...(modal.components || []).map((row) => this.row(row)), this.notice,
			element('div', 'actions', cancel, this.send));
		this.dialog.append(form);
		cancel.addEventListener('click', () => this.cancel());
		this.dialog.addEventListener('cancel', (event) => {
			event.preventDefault();
			this.cancel();
		});
		form.addEventListener('submit', (event) => {
			event.preventDefault();
			this.submit();
		});
		form.addEventListener('keydown', (event) => {
			if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
				this.submit();
		});
	}

	open() {
		document.body.append(this.dialog);
		this.dialog.showModal();
		this.fields[0]?.input.focus();
	}

	row(row) {
		if (row.type === TEXT)
			return markdown(row.content, this.context.names);
		const field = row.type === ROW ? (row.components || [])[0] : row.component;
		if (!field)
			return '';
		const made = field.type === TEXT_INPUT ? textField(field)
			: field.type === FILES ? fileField(field, (text) => this.say(text))
				: isMenu(field) ? menuField(field, this.context) : null;
		if (!made)
			return '';
		const label = row.label || field.label || '', must = field.required !== false;
		made.id = field.custom_id;
		made.label = label;
		made.input.name = field.custom_id;
		made.input.required = must;
		// The field for files has a label of its own inside: two would take each other's clicks.
		made.box = element(made.files ? 'div' : 'label', 'field', element('span', 'title', label, must ? element('span', 'must', ' *') : null),
			row.description ? element('span', 'what', row.description) : null, made.node);
		if (made.files)
			made.input.setAttribute('aria-label', label);
		made.input.addEventListener('input', () => this.mark(made, ''));
		this.fields.push(made);
		return made.box;
	}

	say(text) {
		this.notice.textContent = text;
		this.notice.hidden = !text;
	}

	mark(field, problem) {
		field.box.classList.toggle('bad', !!problem);
		field.input.setAttribute('aria-invalid', String(!!problem));
		this.say(problem && `${field.label}: ${problem}`);
	}

	async submit() {
		const bad = this.fields.find((field) => field.problem());
		if (this.send.disabled)
			return;
		if (bad) {
			this.mark(bad, bad.problem());
			bad.input.focus();
			return;
		}
		this.send.disabled = true;
		const values = {};
		for (const field of this.fields)
			values[field.id] = await field.value();
		const answer = await this.context.ask('/api/modal', { interaction: this.interaction.id, fields: values });
		this.send.disabled = false;
		if (answer.error)
			this.say(answer.error);
		else
			this.close();
	}

	cancel() {
		this.context.post('/api/close', { interaction: this.interaction.id });
		this.close();
	}

	close() {
		this.fields.forEach((field) => field.files && field.files.clear());
		this.dialog.close();
		this.dialog.remove();
		this.closed = true;
		this.context.closed();
	}

	// Files that were dropped or pasted while the window is open.
	take(files) {
		this.fields.find((field) => field.files)?.files.add(files);
	}
}
