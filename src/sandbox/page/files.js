// SPDX-License-Identifier: Apache-2.0
// Files that a member chooses, drops or pastes, until they are sent.
import { element, say } from './text.js';

const MIB = 1024 * 1024;
// More than Discord takes from members without a subscription, so that the bot's own limit can be met.
const FILE_MAX_MIB = 64;

// {"filename", "base64"}, as the sandbox takes it.
async function encode(file) {
	const address = await new Promise((resolve, reject) => {
		const reader = new FileReader();
		reader.onload = () => resolve(reader.result);
		reader.onerror = () => reject(reader.error);
		reader.readAsDataURL(file);
	});
	return { filename: file.name || 'image.png', base64: address.slice(address.indexOf(',') + 1) };
}

export const size = (bytes) => (bytes < MIB ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`);

// A place for files: what was chosen as chips, and a way to choose more.
export class FileField {
	// name: of the input; max: how many; notice(text): what is wrong; changed(): something was added or removed
	constructor({ name, label, max, notice, changed }) {
		this.max = max;
		this.notice = notice;
		this.changed = changed || (() => {});
		this.files = [];
		this.chips = element('span', 'chips');
		this.input = element('input');
		this.input.type = 'file';
		this.input.name = name;
		this.input.multiple = max > 1;
		this.choose = element('label', 'choose', this.input, element('span', '', label || say('chooseFile')));
		this.node = element('span', 'files', this.chips, this.choose);
		this.input.addEventListener('change', () => {
			this.add([...this.input.files]);
			this.input.value = '';
		});
	}

	add(files) {
		for (const file of files) {
			if (file.size > FILE_MAX_MIB * MIB) {
				this.notice(say('fileTooLarge', { name: file.name, max: FILE_MAX_MIB }));
				continue;
			}
			if (this.max === 1)
				this.clear();
			if (this.files.length >= this.max) {
				this.notice(say('tooManyFiles', { max: this.max }));
				break;
			}
			this.files.push(file);
			this.chips.append(this.chip(file));
		}
		this.update();
	}

	chip(file) {
		const remove = element('button', 'remove', '✕'), node = element('span', 'chip');
		remove.type = 'button';
		remove.setAttribute('aria-label', say('remove', { name: file.name }));
		if (/^image\/(png|jpeg|gif|webp|avif|svg)/.test(file.type)) {
			const image = element('img');
			image.alt = '';
			image.src = URL.createObjectURL(file);
			node.append(image);
		}
		node.append(element('span', 'name', file.name), element('span', 'what', size(file.size)), remove);
		node.file = file;
		remove.addEventListener('click', () => {
			this.files = this.files.filter((other) => other !== file);
			this.forget(node);
			this.update();
			this.input.focus();
		});
		return node;
	}

	forget(node) {
		const image = node.querySelector('img');
		if (image)
			URL.revokeObjectURL(image.src);
		node.remove();
	}

	clear() {
		this.files = [];
		[...this.chips.children].forEach((node) => this.forget(node));
		this.update();
	}

	update() {
		this.choose.hidden = this.max === 1 && this.files.length > 0;
		this.changed();
	}

	encoded() {
		return Promise.all(this.files.map(encode));
	}
}

// Takes files that are dropped or pasted anywhere: take(files) returns nothing.
export function catchFiles(take) {
	let depth = 0;
	const holds = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files');
	const mark = (change) => {
		depth = change ? Math.max(0, depth + change) : 0;
		document.body.classList.toggle('dropping', depth > 0);
	};
	document.addEventListener('dragenter', (event) => holds(event) && mark(1));
	document.addEventListener('dragleave', (event) => holds(event) && mark(-1));
	document.addEventListener('dragover', (event) => {
		if (holds(event))
			event.preventDefault();
	});
	document.addEventListener('drop', (event) => {
		mark(0);
		if (!holds(event))
			return;
		event.preventDefault();
		take([...event.dataTransfer.files]);
	});
	document.addEventListener('paste', (event) => {
		const files = [...(event.clipboardData ? event.clipboardData.files : [])];
		if (!files.length)
			return;
		event.preventDefault();
		take(files);
	});
}
