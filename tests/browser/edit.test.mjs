// SPDX-License-Identifier: Apache-2.0
// Pictures that members bring: chosen, dropped, pasted, shared; /edit, the menu of a message and its window.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { browse, Sandbox, Visitor } from './lab.mjs';

let sandbox, browser, visitor, page;

// A real PNG of one colour, made by the browser, which is sure to know how.
async function png(name, colour) {
	const base64 = await page.evaluate((fill) => {
		const canvas = document.createElement('canvas');
		canvas.width = canvas.height = 64;
		const paint = canvas.getContext('2d');
		paint.fillStyle = fill;
		paint.fillRect(0, 0, 64, 64);
		return canvas.toDataURL('image/png').split(',')[1];
	}, colour);
	return { name, mimeType: 'image/png', buffer: Buffer.from(base64, 'base64') };
}

// Gives the page a file as the mouse or the clipboard would.
function bring(kind, file) {
	return page.evaluate(([event, name, base64]) => {
		const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)), data = new DataTransfer();
		data.items.add(new File([bytes], name, { type: 'image/png' }));
		const init = { bubbles: true, cancelable: true };
		if (event === 'paste')
			document.activeElement.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: data }));
		else
			for (const one of ['dragenter', 'dragover', 'drop'])
				document.body.dispatchEvent(new DragEvent(one, { ...init, dataTransfer: data }));
	}, [kind, file.name, file.buffer.toString('base64')]);
}

const done = (text) => page.locator('.message.pinged').filter({ hasText: text });

describe('pictures that members bring', () => {
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

	it('are edited with /edit, and the last one again without a file', async () => {
		await visitor.arrive('edda');
		await visitor.use('/edit', { prompt: 'make it blue', image: await png('red.png', 'red') });
		await visitor.answer('#session-').locator('.mention').click();
		await visitor.picture(done('make it blue'));
		await visitor.use('/edit', { prompt: 'now a hat' });
		await visitor.picture(done('now a hat'));
		await visitor.assertFits();
		await visitor.screenshot('edited');
	});

	it('are missing where there is none, and no picture at all is said so', async () => {
		await visitor.arrive('nick');
		await visitor.use('/edit', { prompt: 'a hat' });
		await visitor.answer('You have no picture of the last 24 hours').waitFor();
		await visitor.use('/edit', { prompt: 'a hat', image: { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no picture') } });
		await page.locator('.message').filter({ hasText: /picture/ }).filter({ hasText: /cannot|not a|no picture|could not/i }).last().waitFor();
	});

	it('are dropped and pasted into the option, or into a message', async () => {
		await visitor.arrive('dora');
		const red = await png('red.png', 'red'), blue = await png('blue.png', 'blue');
		await page.locator('#say').focus();
		await bring('paste', red);
		await page.locator('#attached .chip', { hasText: 'red.png' }).waitFor();
		await bring('drop', blue);
		await page.locator('#attached .chip', { hasText: 'blue.png' }).waitFor();
		await page.getByRole('button', { name: 'Remove red.png' }).click();
		await page.locator('#attached .chip', { hasText: 'red.png' }).waitFor({ state: 'detached' });
		await bring('drop', red);
		await page.locator('#say').fill('two pictures of mine');
		await page.keyboard.press('Enter');
		await visitor.message('two pictures of mine').locator('.gallery.of2 img').nth(1).waitFor();
		assert.equal(await page.locator('#attached').isVisible(), false);

		await page.locator('#say').fill('/edit ');
		await page.locator('textarea[name=prompt]:focus').waitFor();
		await page.keyboard.type('greener');
		await bring('drop', blue);
		await page.locator('.option .chip', { hasText: 'blue.png' }).waitFor();
		// A second one takes the first one's place: the option takes one.
		await bring('paste', red);
		await page.locator('.option .chip', { hasText: 'red.png' }).waitFor();
		assert.equal(await page.locator('.option .chip').count(), 1);
		assert.equal(await page.locator('body.dropping').count(), 0);
		await page.locator('#send').click();
		await visitor.answer('#session-').locator('.mention').click();
		await visitor.picture(done('greener'));
	});

	it('are edited from the menu of a message, by keyboard, in a window', async () => {
		await visitor.arrive('mona');
		const shared = await visitor.share('my holiday', await png('beach.png', 'yellow'));
		await shared.locator('.more-menu').focus();
		await page.keyboard.press('Enter');
		const entry = page.getByRole('menuitem', { name: 'Edit this picture' });
		await entry.waitFor();
		assert.ok(await entry.evaluate((node) => node === document.activeElement));
		await visitor.screenshot('message-menu');
		// Escape leads back to where one was.
		await page.keyboard.press('Escape');
		await page.locator('#message-menu').waitFor({ state: 'detached' });
		assert.ok(await shared.locator('.more-menu').evaluate((node) => node === document.activeElement));
		await page.keyboard.press('Enter');
		await page.keyboard.press('Enter');
		const modal = page.getByRole('dialog', { name: 'Edit this picture' });
		await modal.waitFor();
		const field = modal.getByLabel('What should change');
		assert.ok(await field.evaluate((node) => node === document.activeElement));
		await visitor.screenshot('modal');
		await modal.getByRole('button', { name: 'Submit' }).click();
		await modal.getByRole('alert').filter({ hasText: 'This option is required' }).waitFor();
		await field.fill('add a palm tree');
		await modal.getByRole('button', { name: 'Submit' }).click();
		await modal.waitFor({ state: 'detached' });
		await visitor.answer('#session-').locator('.mention').click();
		await visitor.picture(done('add a palm tree'));
	});

	it('stay as they are when the window is closed', async () => {
		const id = await visitor.arrive('otto');
		const shared = await visitor.share('leave it', await png('tree.png', 'green'));
		for (const way of ['Escape', 'Cancel']) {
			await shared.click({ button: 'right', position: { x: 200, y: 8 } });
			await page.getByRole('menuitem', { name: 'Edit this picture' }).click();
			const modal = page.getByRole('dialog', { name: 'Edit this picture' });
			await modal.waitFor();
			if (way === 'Escape')
				await page.keyboard.press('Escape');
			else
				await modal.getByRole('button', { name: 'Cancel' }).click();
			await modal.waitFor({ state: 'detached' });
		}
		await page.locator('#say:focus').waitFor();
		// The bot hears nothing of a window that is closed.
		const { interactions } = await sandbox.get('/control/state');
		assert.deepEqual(interactions.filter((i) => i.user_id === id && i.type === 5), []);
		assert.deepEqual(interactions.filter((i) => i.modal), []);
		assert.equal(await visitor.channel('session-otto').count(), 0);
	});

	it('are needed: a message without one says so', async () => {
		await visitor.arrive('lena');
		await page.locator('#say').fill('only words');
		await page.keyboard.press('Enter');
		await visitor.message('only words').click({ button: 'right', position: { x: 200, y: 8 } });
		await page.getByRole('menuitem', { name: 'Edit this picture' }).click();
		await visitor.answer('There is no picture in this message').waitFor();
	});

	it('are edited on a phone, in Spanish', async () => {
		await visitor.leave();
		visitor = await Visitor.come(browser, sandbox, {
			viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, locale: 'es-ES',
		});
		page = visitor.page;
		const shared = await visitor.share('mi perro', await png('perro.png', 'brown'));
		await shared.locator('.more-menu').tap();
		await page.getByRole('menuitem', { name: 'Editar esta imagen' }).tap();
		const modal = page.getByRole('dialog', { name: 'Editar esta imagen' });
		await modal.getByLabel('Qué debe cambiar').fill('con gafas');
		await visitor.screenshot('phone-modal');
		await modal.getByRole('button', { name: 'Enviar' }).tap();
		await visitor.answer('#session-').locator('.mention').tap();
		await visitor.picture(done('con gafas'));
		await visitor.assertFits();
	});
});
