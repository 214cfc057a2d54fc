// SPDX-License-Identifier: Apache-2.0
// Every command of a member once, as a new user would try it in the page, and nonsense for each kind of option.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { browse, Sandbox, Visitor } from './lab.mjs';

let sandbox, browser, visitor, page;

describe('a member\'s commands', () => {
	before(async () => {
		sandbox = await Sandbox.start({ SANDBOX_STEP_MS: 20, SANDBOX_LOAD_MS: 20 }, ['--no-rate-limits']);
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

	it('are explained to a new member and listed, those of administrators are not', async () => {
		const welcome = page.locator('.welcome');
		for (const word of ['/imagine', '/edit', '/admin', 'carmen'])
			assert.ok((await welcome.innerText()).includes(word), word);
		await page.keyboard.type('/');
		const list = page.locator('#menu-list [role=option] strong');
		await list.first().waitFor();
		const names = await list.allTextContents();
		assert.deepEqual(names, ['/imagine', '/edit', '/queue', '/cancel', '/models', '/status', '/help',
			'/privacy export', '/privacy erase']);
		await page.locator('#say').fill('/nothing of the kind');
		await page.locator('#menu-list', { hasText: 'There is no such command.' }).waitFor();
		// Sent like this it is no message.
		await page.keyboard.press('Enter');
		assert.equal(await page.locator('#messages .message').count(), 0);
	});

	it('make several pictures of one request, with options added one by one', async () => {
		await visitor.arrive('gala');
		await visitor.use('/imagine', { model: 'flux_image', prompt: 'four foxes', count: '4', size: '512x512', steps: '3', seed: '77' });
		await visitor.answer('#session-').locator('.mention').click();
		const done = page.locator('.message.pinged');
		await done.locator('.gallery.of4 .picture').nth(3).waitFor();
		await visitor.picture(done);
		assert.match(await done.locator('.text').textContent(), /seed 77 .*512×512/);
		await done.locator('.gallery .picture').nth(2).click();
		await page.locator('#large[open] img').waitFor();
		await page.keyboard.press('Escape');
		await visitor.assertFits();
		await visitor.screenshot('gallery');
	});

	it('are not sent with nonsense in their options', async () => {
		await visitor.arrive('nils');
		const asked = async () => (await sandbox.get('/control/state')).interactions.filter((i) => i.type === 2).length;
		const before = await asked();
		const nonsense = [
			['steps', 'abc', 'Input a number'], ['steps', '2.5', 'Input a whole number'], ['steps', '0', 'at least 1'],
			['count', '99', 'at most 4'], ['cfg', '-1', 'at least 0'], ['cfg', '1e9', 'at most'],
		];
		for (const [name, value, sentence] of nonsense) {
			await visitor.use('/imagine', { model: 'flux_image', prompt: 'x', [name]: value });
			await page.locator('#notice', { hasText: `${name}: ` }).filter({ hasText: sentence }).waitFor();
			await page.locator(`.option.bad [name="${name}"]:focus`).waitFor();
			await page.keyboard.press('Escape');
			await page.locator('#notice').waitFor({ state: 'hidden' });
			await page.locator('#say:focus').waitFor();
		}
		assert.equal(await asked(), before);
		// What the client cannot know the bot says.
		await visitor.use('/imagine', { model: 'flux_image', prompt: 'x', size: 'very big' });
		await visitor.answer('a ratio such as 16:9').waitFor();
	});

	it('lose an option again by its button or an empty Backspace', async () => {
		await visitor.arrive('odd');
		await page.locator('#say').fill('/imagine ');
		await page.locator('input[name=model]:focus').waitFor();
		await visitor.add('seed');
		await visitor.add('steps');
		await page.locator('.option .remove').first().click();
		await page.locator('.option [name=seed]').waitFor({ state: 'detached' });
		await page.locator('.option [name=steps]').focus();
		await page.keyboard.press('Backspace');
		await page.locator('.option [name=steps]').waitFor({ state: 'detached' });
		assert.equal(await page.locator('#fields .more').textContent(), '+ 7 more');
	});

	it('offer the member\'s own prompts again, and never in place of what is being typed', async () => {
		await visitor.arrive('rosa');
		await visitor.imagine('schnell', 'a harbour at night');
		await visitor.answer('#session-').locator('.mention').click();
		await visitor.picture(page.locator('.message.pinged'));
		await page.locator('#say').fill('/imagine ');
		await page.locator('input[name=model]:focus').waitFor();
		await page.keyboard.type('schnell');
		await page.waitForFunction(() => document.querySelectorAll('#menu-list [role=option]').length === 1);
		await page.keyboard.press('Enter');
		const offered = page.locator('#menu-list [role=option]', { hasText: 'a harbour at night' });
		await offered.waitFor();
		await page.keyboard.type('a harbour');
		await offered.waitFor();
		assert.equal(await offered.getAttribute('aria-selected'), 'false');
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('Enter');
		assert.equal(await page.locator('textarea[name=prompt]').inputValue(), 'a harbour at night');
		await page.locator('textarea[name=prompt]').fill('a harbour by day');
		await page.keyboard.press('Enter');
		await visitor.picture(page.locator('.message.pinged', { hasText: 'a harbour by day' }));
	});

	it('tell of the line, and cancel the picture that is picked', async () => {
		await sandbox.fault('comfy_stall');
		await visitor.arrive('celia');
		await visitor.use('/queue');
		await visitor.answer('Nothing of yours is waiting').waitFor();
		await visitor.imagine('schnell', 'the first one');
		await visitor.imagine('schnell', 'the second one');
		await visitor.use('/queue');
		await visitor.answer('Your pictures').filter({ hasText: 'the second one' }).waitFor();
		await page.locator('#say').fill('/cancel');
		await page.locator('#menu-list [role=option]').click();
		await visitor.add('picture');
		await page.locator('#menu-list [role=option]', { hasText: 'the second one' }).click();
		await page.locator('#send').click();
		await visitor.answer('ancel').waitFor();
		await visitor.channel('session-celia').click();
		await visitor.message('the second one').filter({ hasText: 'No picture' }).waitFor();
		await sandbox.fault('clear');
		await visitor.picture(page.locator('.message.pinged', { hasText: 'the first one' }));
	});

	it('tell of models, cards and themselves', async () => {
		await visitor.arrive('iris');
		for (const [command, words] of [['/models', ['Flux (Schnell)', 'Z-Image (Turbo)']], ['/status', ['Cards', 'up for']],
			['/help', ['/imagine', '/edit', '/privacy']]]) {
			await visitor.use(command);
			const said = visitor.answer(words[0])
				.filter({ has: page.locator('.used .command').getByText(command, { exact: true }) });
			await said.waitFor();
			const text = await said.innerText();
			for (const word of words)
				assert.ok(text.includes(word), `${command}: ${text}`);
		}
		await visitor.assertFits();
		await visitor.screenshot('answers');
	});

	it('give everything about the member as a file, and erase it', async () => {
		await visitor.arrive('pia');
		await visitor.imagine('schnell', 'a private picture');
		await visitor.answer('#session-').locator('.mention').click();
		await visitor.picture(page.locator('.message.pinged'));
		await visitor.use('/privacy export');
		const file = page.locator('.message.mine-only a.file').last();
		await file.waitFor();
		const [download] = await Promise.all([page.waitForEvent('download'), file.click()]);
		assert.match(fs.readFileSync(await download.path(), 'utf8'), /a private picture/);
		await visitor.screenshot('export');
		await visitor.channel('general').click();
		await visitor.use('/privacy erase');
		await page.locator('.message.mine-only .button', { hasText: 'Erase everything' }).last().click();
		await visitor.channel('session-pia').waitFor({ state: 'detached' });
	});
});
