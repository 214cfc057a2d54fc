// SPDX-License-Identifier: Apache-2.0
// Names, roles and focus: what a screen reader and a keyboard need, in both languages.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { browse, Sandbox, Visitor } from './lab.mjs';

let sandbox, browser, visitor, page;

// Controls that a screen reader could not name, and ids that stand there twice.
const faults = () => page.evaluate(() => {
	const named = (node) => node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') || node.textContent.trim() ||
		node.title || node.placeholder || (node.labels && [...node.labels].some((label) => label.textContent.trim()));
	const seen = (node) => node.getClientRects().length > 0;
	const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
	return [
		...[...document.querySelectorAll('button, a, input, select, textarea, [role=option], [role=menuitem], dialog[open]')]
			.filter((node) => seen(node) && !named(node)).map((node) => `no name: ${node.outerHTML.slice(0, 120)}`),
		...[...document.images].filter((image) => !image.hasAttribute('alt')).map((image) => `no alt: ${image.outerHTML.slice(0, 120)}`),
		...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice: #${id}`),
		...[...document.querySelectorAll('[aria-controls], [aria-activedescendant]')].flatMap((node) =>
			['aria-controls', 'aria-activedescendant'].map((name) => node.getAttribute(name)))
			.filter((id) => id && !document.getElementById(id)).map((id) => `leads nowhere: ${id}`),
	];
});

describe('access to the page', () => {
	before(async () => {
		sandbox = await Sandbox.start({ SANDBOX_STEP_MS: 20, SANDBOX_LOAD_MS: 20 }, ['--no-rate-limits']);
		browser = await browse();
	});
	after(async () => {
		await browser?.close();
		await sandbox?.stop();
	});
	afterEach(() => visitor.leave());

	for (const locale of ['en-US', 'es-ES'])
		it(`has a name for everything (${locale})`, async () => {
			visitor = await Visitor.come(browser, sandbox, { locale });
			page = visitor.page;
			await visitor.arrive(`kim-${locale}`);
			assert.deepEqual(await faults(), []);
			await page.keyboard.type('/');
			await page.locator('#menu-list [role=option]').first().waitFor();
			assert.deepEqual(await faults(), []);
			await page.locator('#menu-list [role=option]').nth(1).click();
			await page.locator('#fields .option').first().waitFor();
			await page.locator('#fields .more').click();
			assert.deepEqual(await faults(), []);
			await page.keyboard.press('Escape');
			await page.keyboard.press('Escape');
			await visitor.imagine(null, 'a door');
			await page.locator('.message.mine-only .mention').click();
			await visitor.picture(page.locator('.message.pinged'));
			await page.locator('.message.pinged .more-menu').focus();
			await page.keyboard.press('Enter');
			await page.locator('#message-menu').waitFor();
			assert.deepEqual(await faults(), []);
			await page.keyboard.press('Enter');
			await page.locator('dialog.modal').waitFor();
			assert.deepEqual(await faults(), []);
			await page.keyboard.press('Escape');
			await page.locator('#tools').click();
			await page.locator('#tools-box[open]').waitFor();
			assert.deepEqual(await faults(), []);
		});

	it('keeps the focus in its windows and gives it back', async () => {
		visitor = await Visitor.come(browser, sandbox);
		page = visitor.page;
		await page.locator('#tools').focus();
		await page.keyboard.press('Enter');
		await page.locator('#tools-box[open]').waitFor();
		for (let i = 0; i < 30; i++) {
			await page.keyboard.press('Tab');
			const where = await page.evaluate(() => !!document.activeElement.closest('dialog') || document.activeElement === document.body);
			assert.ok(where, 'Tab leads out of the window');
		}
		await page.keyboard.press('Escape');
		await page.locator('#tools:focus').waitFor();
	});

	it('announces what the bot says and what went wrong', async () => {
		visitor = await Visitor.come(browser, sandbox);
		page = visitor.page;
		assert.equal(await page.locator('#scroller').getAttribute('aria-live'), 'polite');
		await visitor.use('/imagine', { model: 'flux_image', prompt: 'x', steps: 'no' });
		await page.getByRole('alert').filter({ hasText: 'steps: Input a number' }).waitFor();
		assert.equal(await page.locator('[name=steps]').getAttribute('aria-invalid'), 'true');
	});
});
