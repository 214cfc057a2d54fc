// SPDX-License-Identifier: Apache-2.0
// The way from /imagine to the picture, in the browser, with a ComfyUI slow enough to watch.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { browse, Sandbox, Visitor } from './lab.mjs';

let sandbox, browser, visitor, page;

const live = () => page.locator('#messages .message').filter({ has: page.locator('.button.danger') });
const focus = () => page.evaluate(() => {
	const node = document.activeElement;
	return node.dataset.customId || node.name || node.id || node.className;
});

// Presses a key until what has the focus fits; a page that cannot be reached so fails.
async function keyTo(key, fits) {
	for (let i = 0; i < 20; i++) {
		await page.keyboard.press(key);
		if (fits(await focus()))
			return;
	}
	assert.fail(`${key} does not lead there, but to ${await focus()}`);
}

describe('from /imagine to the picture', () => {
	before(async () => {
		sandbox = await Sandbox.start({ SANDBOX_STEP_MS: 250, SANDBOX_LOAD_MS: 250 });
		browser = await browse();
	});
	after(async () => {
		await browser?.close();
		await sandbox?.stop();
	});
	beforeEach(async () => {
		visitor = await Visitor.come(browser, sandbox);
		page = visitor.page;
	});
	afterEach(() => visitor.leave());

	it('goes all the way by keyboard, third in the line', async () => {
		const { keyboard } = page;
		// One picture of somebody else is being made, two are waiting, and none moves until we have
		// looked.
		await sandbox.fault('comfy_stall');
		for (const user of ['ben', 'ben', 'carmen'])
			await sandbox.post('/control/command', { user, name: 'imagine', options: { model: 'flux_image', prompt: 'a harbour' } });
		await sandbox.until((state) => state.comfy.prompts.length > 0 &&
			state.messages.filter((m) => /Queued \(Pos: [12]\)$/.test(m.content)).length === 2, 'two in the line');

		await keyboard.type('/im');
		await page.locator('#menu-list [role=option]', { hasText: '/imagine' }).waitFor();
		assert.equal(await focus(), 'say', 'typing anywhere goes to the field');
		await keyboard.press('Enter');
		const choices = page.locator('#menu-list [role=option]');
		await choices.nth(2).waitFor();
		const titles = await choices.allTextContents();
		assert.ok(titles.includes('Flux (Schnell)') && titles.includes('Z-Image (Turbo)'), titles.join());
		assert.ok(!titles.some((title) => /edit/i.test(title)), titles.join());
		assert.equal(await focus(), 'model');
		await keyboard.type('turbo');
		await page.waitForFunction(() => document.querySelectorAll('#menu-list [role=option]').length === 1);
		await keyboard.press('Enter');
		assert.equal(await page.locator('input[name=model]').inputValue(), 'Z-Image (Turbo)');
		assert.equal(await focus(), 'prompt');
		await keyboard.type('a fox in the snow, late light');
		await visitor.screenshot('command');
		await keyboard.press('Enter');

		const answer = visitor.message('Only you can see this');
		await answer.locator('.mention').waitFor();
		assert.match(await answer.locator('.text').textContent(), /^Queued \(Pos: 3\) in #session-ana/);
		await visitor.screenshot('queued');
		await keyTo('Shift+Tab', (where) => where === 'mention');
		await keyboard.press('Enter');
		await page.locator('h1', { hasText: 'session-ana' }).waitFor();
		await live().filter({ hasText: 'Z-Image (Turbo)' }).filter({ hasText: 'Queued (Pos: 3)' }).waitFor();

		await sandbox.fault('clear');
		await page.waitForFunction(() => window.seen.some((s) => s.startsWith('preview')));
		await page.waitForFunction(() => window.seen.some((s) => / \d+ %/.test(s)));
		await visitor.screenshot('progress');

		const done = page.locator('.message.pinged');
		const [width, height] = await visitor.picture(done);
		assert.match(await done.locator('.text').textContent(),
			new RegExp(`^@ana Z-Image \\(Turbo\\) · seed \\d+ · ${width}×${height} · \\d+\\.\\d s\\na fox in the snow, late light$`));
		assert.equal(await done.locator('.picture img').getAttribute('alt'), 'a fox in the snow, late light');
		await visitor.message('Done in').waitFor();
		assert.equal(await live().count(), 0, 'the cancel button is gone');
		await visitor.screenshot('picture');
		await visitor.assertFits();

		const seen = await page.evaluate(() => window.seen);
		const positions = seen.map((s) => /Z-Image.*\nQueued \(Pos: (\d+)\)$/s.exec(s.replace(' (edited)', ''))).filter(Boolean)
			.map((found) => Number(found[1]));
		assert.deepEqual(positions, [3, 2, 1].slice(0, positions.length), `the position counts down: ${seen.join('\n')}`);
		assert.ok(positions.length >= 2, `the position counts down: ${seen.join('\n')}`);
		const percents = seen.map((s) => / (\d+) %/.exec(s)).filter(Boolean).map((found) => Number(found[1]));
		assert.ok(percents.length > 0 && percents.every((p, i) => i === 0 || p > percents[i - 1]),
			`the progress rises: ${seen.join('\n')}`);

		// Large, and back.
		await keyTo('Shift+Tab', (where) => where === 'picture');
		await keyboard.press('Enter');
		await page.locator('#large[open] img').waitFor();
		await page.waitForFunction(() => document.querySelector('#large-picture').naturalWidth > 0);
		await visitor.screenshot('large');
		await keyboard.press('Escape');
		await page.locator('#large[open]').waitFor({ state: 'detached' });
	});

	it('cancels one that waits and one that is being made, by keyboard', async () => {
		await sandbox.fault('comfy_stall');
		await visitor.arrive('cora');
		for (const prompt of ['first to go', 'second to go'])
			await visitor.imagine('schnell', prompt);
		await visitor.channel('session-cora').click();
		await page.locator('h1', { hasText: 'session-cora' }).waitFor();
		for (const [prompt, state] of [['second to go', 'Queued'], ['first to go', '']]) {
			await live().filter({ hasText: prompt }).filter({ hasText: state }).waitFor();
			const id = await live().filter({ hasText: prompt }).locator('.button').getAttribute('data-custom-id');
			await page.locator('#say').focus();
			await keyTo('Shift+Tab', (where) => where === id);
			await page.keyboard.press('Enter');
			await live().filter({ hasText: prompt }).waitFor({ state: 'detached' });
			await visitor.message(prompt).filter({ hasText: 'No picture' }).waitFor();
		}
		await page.waitForFunction(() => [...document.querySelectorAll('.message.pinged')]
			.filter((m) => m.textContent.includes('Cancelled, as you asked')).length === 2);
		await visitor.screenshot('cancelled');
		await sandbox.fault('clear');
	});

	it('shows nobody else the private channel, and administrators alone', async () => {
		await visitor.arrive('dana');
		const other = await Visitor.come(browser, sandbox), chief = await Visitor.come(browser, sandbox);
		const third = await other.arrive('emil');
		await chief.become('carmen (administrator)');
		await visitor.imagine('schnell', 'a secret garden');
		await visitor.message('Only you can see this').locator('.mention').click();
		await visitor.picture(page.locator('.message.pinged'));

		await chief.channel('session-dana').click();
		await chief.picture(chief.message('a secret garden').last());
		// What the third one's page was given, after the same news as the chief's.
		const version = (await sandbox.get('/control/state')).version;
		await sandbox.post('/control/say', { user: 'carmen', channel: 'general', text: `now at ${version}` });
		await other.message(`now at ${version}`).waitFor();
		assert.equal(await other.channel('session-').count(), 0);
		assert.equal(await other.message('Queued').count(), 0);
		const view = JSON.stringify(await sandbox.get(`/api/view?user=${third}`));
		assert.ok(view.includes(`now at ${version}`));
		assert.ok(!/secret garden|session-dana|Queued/.test(view), view);
		await other.leave();
		await chief.leave();
	});
});
