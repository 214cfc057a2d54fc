// SPDX-License-Identifier: Apache-2.0
// Administrators in the page, members who come and go, channels that change, and troubles on purpose.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { browse, Sandbox, Visitor } from './lab.mjs';

let sandbox, browser, visitor, page;

const CHIEF = 'carmen (administrator)';

async function tools() {
	await page.locator('#tools').click();
	return page.getByRole('dialog', { name: 'Sandbox tools' });
}

describe('administrators and the server', () => {
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

	it('have /admin with its sub-commands', async () => {
		await visitor.become(CHIEF);
		await visitor.use('/admin id');
		const { guild } = await sandbox.get('/control/state');
		await visitor.answer(guild.id).waitFor();
		assert.equal(await visitor.answer(guild.id).locator('.used .command').textContent(), '/admin id');
		await visitor.use('/admin pause');
		await visitor.answer('Paused').waitFor();
		await visitor.use('/admin resume');
		await visitor.message('Only you can see this').nth(2).waitFor();
		await visitor.use('/admin limits', { cap: '3', role: 'Artists' });
		await visitor.answer('@Artists').filter({ hasText: 'at a time: 3' }).waitFor();
		await visitor.screenshot('admin');
	});

	it('ban a member whom they pick from a list, and take him back', async () => {
		await visitor.arrive('lars');
		await visitor.become(CHIEF);
		await page.locator('#say').fill('/admin ban ');
		await page.locator('input[name=user]:focus').waitFor();
		await page.keyboard.type('nobody like this');
		await page.locator('#menu-list', { hasText: 'Nothing fits' }).waitFor();
		await page.keyboard.press('Enter');
		await page.locator('#notice', { hasText: 'user: Choose one from the list' }).waitFor();
		await page.locator('input[name=user]').fill('lar');
		await page.locator('#menu-list [role=option]', { hasText: 'lars' }).waitFor();
		await page.keyboard.press('Enter');
		await page.keyboard.press('Enter');
		await visitor.answer('That member may not ask for pictures any more').waitFor();
		await visitor.become('lars');
		await visitor.use('/imagine', { model: 'flux_image', prompt: 'let me' });
		const refused = visitor.message('Only you can see this');
		await refused.waitFor();
		assert.equal(await refused.locator('.mention').count(), 0);
		await visitor.become(CHIEF);
		await visitor.use('/admin unban', { user: 'lars' });
		await visitor.answer('may ask for pictures again').waitFor();
	});

	it('are heard in #admin-tools by ! and by mention', async () => {
		await visitor.become(CHIEF);
		await visitor.channel('admin-tools').click();
		await page.locator('h1', { hasText: 'admin-tools' }).waitFor();
		await page.locator('#say:focus').waitFor();
		await page.keyboard.type('!sync');
		await page.keyboard.press('Enter');
		const answers = page.locator('#messages .message').filter({ has: page.locator('.tag') });
		await answers.first().waitFor();
		await page.locator('#say').fill('');
		await page.keyboard.type('@ful');
		await page.locator('#menu-list [role=option]', { hasText: '@FuLLet' }).waitFor();
		await page.keyboard.press('Enter');
		await page.keyboard.type('getid');
		assert.equal(await page.locator('#say').inputValue(), '@FuLLet getid');
		await page.keyboard.press('Enter');
		await visitor.message('getid').locator('.mention', { hasText: '@FuLLet' }).waitFor();
		const { guild } = await sandbox.get('/control/state');
		await visitor.message(guild.id).waitFor();
		await visitor.screenshot('admin-tools');
	});

	it('are not who writes the same as a member: no command, no channel', async () => {
		await visitor.arrive('mia');
		assert.equal(await visitor.channel('admin-tools').count(), 0);
		await page.keyboard.type('/admin');
		await page.locator('#menu-list', { hasText: 'There is no such command.' }).waitFor();
	});

	it('leave, come back, get a role and another name with the tools', async () => {
		const id = await visitor.arrive('vito');
		let box = await tools();
		await box.getByLabel('Has the role Artists').check();
		await box.getByRole('status').filter({ hasText: 'Done' }).waitFor();
		await sandbox.until((state) => state.users.find((user) => user.id === id).role, 'the role');
		await box.getByLabel('New name').fill('victor');
		await box.getByRole('button', { name: 'Rename' }).click();
		await page.locator('#member option:checked', { hasText: 'victor' }).waitFor({ state: 'attached' });
		await visitor.screenshot('tools');
		await box.getByRole('button', { name: 'Leave the server' }).click();
		await box.getByRole('button', { name: 'Come back' }).waitFor();
		await page.keyboard.press('Escape');
		await page.locator('.welcome', { hasText: 'You are no longer in this server' }).waitFor();
		assert.equal(await page.locator('#channels .channel').count(), 0);
		assert.equal(await page.locator('#composer').isVisible(), false);
		await page.locator('.welcome .button', { hasText: 'Come back' }).click();
		await visitor.channel('general').waitFor();
		await page.locator('#say').waitFor();
		box = await tools();
		await box.getByLabel('Name', { exact: true }).fill('zoe');
		await box.getByLabel('Administrator').check();
		await box.getByRole('button', { name: 'Add' }).click();
		await page.locator('#member option:checked', { hasText: 'zoe (administrator)' }).waitFor({ state: 'attached' });
		await visitor.channel('admin-tools').waitFor();
	});

	it('see channels come, be restricted and go, also under one\'s feet', async () => {
		const { id: category } = await sandbox.post('/control/channels', { name: 'Rooms', type: 4 });
		const { id } = await sandbox.post('/control/channels', { name: 'studio', parent: category, type: 0 });
		await page.locator('#channels h2', { hasText: 'Rooms' }).waitFor();
		await visitor.channel('studio').click();
		await page.locator('h1', { hasText: 'studio' }).waitFor();
		const box = await tools();
		await box.getByLabel('Age-restricted channel').check();
		await visitor.channel('studio').locator('.adult').waitFor();
		await page.locator('#head.adult').waitFor();
		const remove = box.getByRole('button', { name: 'Delete this channel' });
		await remove.click();
		await box.getByRole('button', { name: 'Really? Click again' }).click();
		await visitor.channel('studio').waitFor({ state: 'detached' });
		await page.locator('h1', { hasText: 'general' }).waitFor();
		await page.keyboard.press('Escape');
		await sandbox.post('/control/act', { kind: 'delete_channel', channel: category });
		await page.locator('#channels h2', { hasText: 'Rooms' }).waitFor({ state: 'detached' });
		assert.ok(id);
	});

	it('meet trouble on purpose, and try again', async () => {
		await visitor.arrive('tess');
		const box = await tools();
		for (const name of ['Discord cuts the connection', 'A node fails (once)', 'End of all troubles', 'Video memory runs out (once)']) {
			await box.getByRole('button', { name }).click();
			await box.getByRole('status').filter({ hasText: `Done: ${name}` }).waitFor();
		}
		await page.keyboard.press('Escape');
		await visitor.imagine(null, 'in spite of all');
		await visitor.answer('#session-').locator('.mention').click();
		const sorry = page.locator('.message.pinged', { hasText: 'ran out of memory' });
		await sorry.locator('.button', { hasText: 'Try again' }).click();
		await visitor.picture(page.locator('.message.pinged', { hasText: 'in spite of all' }));
	});

	it('have private threads below a channel once the server is full', async () => {
		await sandbox.post('/control/act', { kind: 'fill' });
		await visitor.arrive('thea');
		await visitor.imagine(null, 'a last corner');
		const link = page.locator('.message.mine-only .mention').last();
		await link.click();
		await visitor.picture(page.locator('.message.pinged'));
		const thread = page.locator('.channel[aria-current=page]');
		if (await page.locator('.channel.thread').count())
			assert.match(await thread.getAttribute('aria-label'), /thread, private/);
		await visitor.screenshot('thread');
	});
});
