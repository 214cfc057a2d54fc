// SPDX-License-Identifier: Apache-2.0
// A sandbox as a process, a browser that tells of everything that goes wrong in it, and raw HTTP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.dirname(path.dirname(HERE));
const FULLET = path.resolve(HERE, process.env.FULLET_BIN || process.env.FULLET || '../../build-test/src/fullet');
const SCREENSHOTS = path.join(ROOT, 'screenshots');
// How long anything may take before a test fails: generous, for a busy machine with sanitizers.
export const PATIENCE_MS = Number(process.env.BROWSER_PATIENCE_MS || 30000);

// The lines of a stream, and promises of those to come.
class Lines {
	constructor(stream) {
		this.all = [];
		this.waiting = [];
		let rest = '';
		stream.setEncoding('utf8');
		stream.on('data', (text) => {
			const parts = (rest + text).split('\n');
			rest = parts.pop();
			for (const line of parts) {
				this.all.push(line);
				this.waiting = this.waiting.filter((w) => !w(line));
			}
		});
	}

	wait(pattern, process) {
		const seen = this.all.map((line) => pattern.exec(line)).find(Boolean);
		if (seen)
			return seen;
		return new Promise((resolve, reject) => {
			const fail = (why) => reject(new Error(`${why} without /${pattern.source}/:\n${this.all.join('\n')}`));
			const timer = setTimeout(() => fail(`${PATIENCE_MS} ms went by`), PATIENCE_MS);
			const ended = () => fail('the sandbox ended');
			process.once('exit', ended);
			this.waiting.push((line) => {
				const found = pattern.exec(line);
				if (found) {
					clearTimeout(timer);
					process.off('exit', ended);
					resolve(found);
				}
				return !!found;
			});
		});
	}
}

export class Sandbox {
	// settings: of the program, e.g. {SANDBOX_STEP_MS: 20}
	static async start(settings = {}, options = []) {
		const sandbox = new Sandbox();
		const kept = ['PATH', 'LD_LIBRARY_PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'];
		// An empty folder: neither an .env nor a database of the person who runs this.
		sandbox.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fullet browser '));
		sandbox.child = spawn(FULLET, ['sandbox', ...options], {
			cwd: sandbox.folder,
			stdio: ['ignore', 'ignore', 'pipe'],
			env: {
				...Object.fromEntries(kept.filter((k) => k in process.env).map((k) => [k, process.env[k]])),
				FLUJOS_DIR: path.join(ROOT, 'flujos'),
				SANDBOX_PORT: '0',
				NO_COLOR: '1',
				...Object.fromEntries(Object.entries(settings).map(([k, v]) => [k, String(v)])),
			},
		});
		sandbox.exit = once(sandbox.child, 'exit');
		sandbox.lines = new Lines(sandbox.child.stderr);
		sandbox.closed = once(sandbox.child.stderr, 'close');
		try {
			await once(sandbox.child, 'spawn');
			sandbox.url = (await sandbox.lines.wait(/the sandbox is at (http:\S+)/, sandbox.child))[1];
			await sandbox.lines.wait(/the commands were registered/, sandbox.child);
		} catch (error) {
			sandbox.child.kill('SIGKILL');
			fs.rmSync(sandbox.folder, { recursive: true });
			throw error;
		}
		return sandbox;
	}

	get port() {
		return Number(new URL(this.url).port);
	}

	async get(where) {
		return (await fetch(this.url + where)).json();
	}

	async post(where, body) {
		const response = await fetch(this.url + where, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify(body),
		});
		const answer = await response.json();
		assert.equal(response.status, 200, `${where} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
		return answer;
	}

	fault(kind, more = {}) {
		return this.post('/control/fault', { kind, ...more });
	}

	// The world as soon as `fits` finds something in it, with what was found.
	async until(fits, what) {
		const deadline = Date.now() + PATIENCE_MS;
		for (;;) {
			const state = await this.get('/control/state');
			const found = fits(state);
			if (found)
				return found;
			if (Date.now() > deadline)
				throw new Error(`the sandbox never came to: ${what || fits}`);
			await this.get(`/control/wait?version=${state.version}`);
		}
	}

	// Ends it, as Ctrl-C would: nothing may have gone wrong in it, and no rule of Discord's or
	// ComfyUI's may have been broken.
	async stop() {
		const broken = await this.get('/control/violations').catch((error) => error);
		this.child.kill('SIGTERM');
		const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MS);
		const [status, signal] = await this.exit;
		clearTimeout(timer);
		await this.closed;
		fs.rmSync(this.folder, { recursive: true });
		const said = this.lines.all.join('\n');
		assert.deepEqual(broken, { count: 0, violations: [] });
		assert.deepEqual([status, signal], [0, null], said);
		assert.doesNotMatch(said, /Sanitizer|runtime error:/);
		assert.doesNotMatch(said, /^\S+ error /m);
	}
}

// ---- the browser ----

const CHROMIUM = process.env.CHROMIUM ||
	['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((f) => fs.existsSync(f)) ||
	'/usr/bin/chromium';

// A fresh profile each time (playwright makes one and removes it).
export function browse() {
	return chromium.launch({
		executablePath: CHROMIUM,
		args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--no-first-run',
			'--disable-component-update', '--disable-sync'],
	});
}

// A visitor of the page: a context of its own, which keeps account of all that must not be.
export class Visitor {
	static async come(browser, sandbox, options = {}) {
		const visitor = new Visitor();
		visitor.sandbox = sandbox;
		visitor.wrongs = [];
		visitor.context = await browser.newContext({
			viewport: { width: 1280, height: 800 }, locale: 'en-US', serviceWorkers: 'block', ...options,
		});
		visitor.context.setDefaultTimeout(PATIENCE_MS);
		visitor.context.on('request', (request) => {
			const url = new URL(request.url());
			if (url.protocol !== 'data:' && url.origin !== sandbox.url)
				visitor.wrongs.push(`a request to ${url}`);
		});
		visitor.context.on('response', (response) => {
			if (response.status() >= 400)
				visitor.wrongs.push(`${response.status()} from ${response.url()}`);
		});
		visitor.context.on('console', (message) => {
			if (message.type() === 'error' || message.type() === 'warning')
				visitor.wrongs.push(`console: ${message.text()}`);
		});
		visitor.context.on('weberror', (error) => visitor.wrongs.push(`uncaught: ${error.error().stack}`));
		// The policy's breaches and the progress of jobs, which passes quickly, are noted as they come.
		await visitor.context.addInitScript(() => {
			window.breaches = [];
			window.seen = [];
			document.addEventListener('securitypolicyviolation', (event) =>
				window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`));
			document.addEventListener('load', (event) => {
				if (event.target.matches?.('.embed img') && event.target.naturalWidth > 0)
					window.seen.push(`preview ${event.target.naturalWidth}`);
			}, true);
			new MutationObserver(() => {
				document.querySelectorAll('#messages .message .text').forEach((node) => {
					if (!window.seen.includes(node.textContent))
						window.seen.push(node.textContent);
				});
			}).observe(document, { childList: true, subtree: true, characterData: true });
		});
		visitor.page = await visitor.context.newPage();
		await visitor.open();
		return visitor;
	}

	// The page, once it shows messages' place and the member's name.
	async open() {
		await this.page.goto(this.sandbox.url);
		await this.page.locator('#messages .welcome').waitFor();
	}

	async become(name) {
		await this.page.locator('#member').selectOption({ label: name });
		await this.page.locator('#messages .welcome').waitFor();
	}

	// A new member for one test, so that tests do not meet each other's jobs.
	async arrive(name) {
		const { id } = await this.sandbox.post('/control/users', { username: name });
		await this.page.locator(`#member option[value="${id}"]`).waitFor({ state: 'attached' });
		await this.page.locator('#member').selectOption(id);
		await this.page.locator(`#member option[value="${id}"]:checked`).waitFor({ state: 'attached' });
		await this.page.locator('#messages .welcome').waitFor();
		return id;
	}

	// Types a whole /imagine with the keyboard; model: what to type for it, or null to take the first.
	async imagine(model, prompt) {
		const { keyboard } = this.page;
		await this.page.locator('#say').focus();
		await keyboard.type('/imagine');
		await this.page.locator('#menu-list [role=option]').first().waitFor();
		await keyboard.press('Enter');
		await this.page.locator('input[name=model]:focus').waitFor();
		if (model !== null)
			await keyboard.type(model);
		await this.page.locator('#menu-list [role=option]').first().waitFor();
		await keyboard.press('Enter');
		await this.page.locator('textarea[name=prompt]:focus').waitFor();
		await keyboard.insertText(prompt);
		await keyboard.press('Enter');
	}

	// Any command, as a person would with the mouse: options: {name: text or a file}.
	async use(command, options = {}) {
		const choices = this.page.locator('#menu-list [role=option]');
		await this.page.locator('#say').fill(command);
		await choices.filter({ has: this.page.getByText(command, { exact: true }) }).click();
		for (const [name, value] of Object.entries(options)) {
			const field = this.page.locator(`.option [name="${name}"]`);
			if (!(await field.count()))
				await this.add(name);
			if (typeof value === 'string')
				await field.fill(value);
			else
				await field.setInputFiles(value);
		}
		await this.page.locator('#send').click();
	}

	// One of the options that need not be there.
	async add(name) {
		const more = this.page.locator('#fields .more');
		const only = (await more.textContent()) === `+ ${name}`;
		await more.click();
		if (!only)
			await this.page.locator('#menu-list [role=option]')
				.filter({ has: this.page.locator('strong').getByText(name, { exact: true }) }).click();
		await this.page.locator(`.option [name="${name}"]`).waitFor();
	}

	// The bot's newest answer that only this member sees, once it says something that fits.
	answer(text) {
		return this.page.locator('#messages .message.mine-only').filter({ hasText: text }).last();
	}

	// A message of a member with a picture in it.
	async share(text, file) {
		await this.page.locator('#attach input').setInputFiles(file);
		await this.page.locator('#say').fill(text);
		await this.page.locator('#send').click();
		await this.picture(this.message(text));
		return this.message(text);
	}

	message(text) {
		return this.page.locator('#messages .message').filter({ hasText: text });
	}

	// The private channel's button at the side.
	channel(name) {
		return this.page.locator('#channels .channel').filter({ hasText: name });
	}

	async picture(message) {
		await message.locator('.picture img').first().waitFor();
		await this.page.waitForFunction((image) => image.complete && image.naturalWidth > 0,
			await message.locator('.picture img').first().elementHandle());
		return message.locator('.picture img').first().evaluate((image) => [image.naturalWidth, image.naturalHeight]);
	}

	screenshot(name) {
		fs.mkdirSync(SCREENSHOTS, { recursive: true });
		// Playwright hides the caret by a style element, which the page's policy forbids.
		return this.page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), caret: 'initial' });
	}

	// Nothing sticks out at the sides or lies under something else.
	async assertFits() {
		const out = await this.page.evaluate(() => {
			const wide = document.documentElement.clientWidth;
			return [...document.querySelectorAll('#room *')].filter((node) => {
				const box = node.getBoundingClientRect();
				return box.width > 0 && box.height > 0 && (box.right > wide + 1 || box.left < -1);
			}).map((node) => node.outerHTML.slice(0, 120)).concat(
				document.documentElement.scrollWidth > wide ? ['the page scrolls sideways'] : []);
		});
		assert.deepEqual(out, []);
	}

	async leave() {
		const breaches = await this.page.evaluate(() => window.breaches);
		await this.context.close();
		assert.deepEqual(breaches, []);
		assert.deepEqual(this.wrongs, []);
	}
}

// ---- raw HTTP ----

// Sends bytes as they are; resolves with {status, headers, body} of the first answer.
export function raw(port, text) {
	return new Promise((resolve, reject) => {
		const socket = net.connect(port, '127.0.0.1');
		const chunks = [];
		const done = () => {
			socket.destroy();
			const answer = Buffer.concat(chunks).toString('latin1');
			const end = answer.indexOf('\r\n\r\n');
			const [first, ...lines] = answer.slice(0, Math.max(end, 0)).split('\r\n');
			const found = /^HTTP\/1\.1 (\d{3})/.exec(first || '');
			if (!found) {
				reject(new Error(`no answer to ${JSON.stringify(text.slice(0, 80))}: ${JSON.stringify(answer)}`));
				return;
			}
			const headers = Object.fromEntries(lines.map((line) => [
				line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
			resolve({ status: Number(found[1]), headers, body: answer.slice(end + 4) });
		};
		socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the server does not answer')));
		socket.on('error', (error) => (chunks.length ? done() : reject(error)));
		socket.on('data', (data) => {
			chunks.push(data);
			const answer = Buffer.concat(chunks).toString('latin1'), end = answer.indexOf('\r\n\r\n');
			const length = /^content-length: *(\d+)/im.exec(answer.slice(0, end + 2));
			if (end >= 0 && length && answer.length >= end + 4 + Number(length[1]))
				done();
		});
		socket.on('end', done);
		socket.write(text);
	});
}
