// SPDX-License-Identifier: Apache-2.0
// The menu of a message: what applications offer for it.
import { element, localised, say } from './text.js';

const MESSAGE_COMMAND = 3;
let open = null;

function close(back) {
	if (!open)
		return;
	const { box, from } = open;
	open = null;
	box.remove();
	from.setAttribute('aria-expanded', 'false');
	if (back)
		from.focus();
}

function key(event) {
	const items = [...open.box.querySelectorAll('[role=menuitem]')], at = items.indexOf(document.activeElement);
	const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
	if (event.key === 'Escape' || event.key === 'Tab')
		close(true);
	else if (to !== undefined && items.length)
		items[to % items.length].focus();
	else
		return;
	event.preventDefault();
	event.stopPropagation();
}

// Inside the window, whatever was clicked.
function place(box, point) {
	const { width, height } = box.getBoundingClientRect();
	box.style.left = `${Math.max(8, Math.min(point.x, window.innerWidth - width - 8))}px`;
	box.style.top = `${Math.max(8, Math.min(point.y, window.innerHeight - height - 8))}px`;
}

// from: the button that gets the focus back; point: where the mouse is, else below the button.
export function openMenu(message, from, point, context) {
	close(false);
	const commands = context.commands().filter((command) => command.type === MESSAGE_COMMAND);
	const box = element('div', '', element('p', 'what', say(commands.length ? 'apps' : 'noApps')));
	box.id = 'message-menu';
	box.setAttribute('role', 'menu');
	box.setAttribute('aria-label', say('openMessageMenu'));
	for (const command of commands) {
		const item = element('button', '', element('span', '', localised(command, 'name')), element('span', 'whose', 'FuLLet'));
		item.type = 'button';
		item.setAttribute('role', 'menuitem');
		item.addEventListener('click', () => {
			close(true);
			context.choose(message, command);
		});
		box.append(item);
	}
	box.tabIndex = -1;
	box.addEventListener('keydown', key);
	document.body.append(box);
	open = { box, from };
	from.setAttribute('aria-expanded', 'true');
	const under = from.getBoundingClientRect();
	place(box, point || { x: under.right - 220, y: under.bottom + 4 });
	(box.querySelector('[role=menuitem]') || box).focus();
}

document.addEventListener('pointerdown', (event) => {
	if (open && !open.box.contains(event.target))
		close(false);
});
window.addEventListener('resize', () => close(false));
