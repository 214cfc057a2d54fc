// SPDX-License-Identifier: Apache-2.0
// The page with what people really type, on a phone, in Spanish, after a reload.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { browse, Sandbox, Visitor } from './lab.mjs';

const QUICK = { SANDBOX_STEP_MS: 20, SANDBOX_LOAD_MS: 20 };
let sandbox, browser, visitor, page;

async function come(options) {
	visitor = await Visitor.come(browser, sandbox, options);
	page = visitor.page;
}

describe('the page', () => {
	before(async () => {
		sandbox = await Sandbox.start(QUICK, ['--no-rate-limits']);
		browser = await browse();
	});
	after(async () => {
		await browser?.close();
		await sandbox?.stop();
	});
	afterEach(() => visitor.leave());

	it('refuses a command without its prompt before it is sent', async () => {
		await come();
		await visitor.arrive('nora');
		for (const prompt of ['', '   ', '\n\n']) {
			const before = (await sandbox.get('/control/state')).interactions.filter((i) => i.type === 2).length;
			await visitor.imagine(null, prompt);
			await page.locator('#notice', { hasText: 'prompt: This option is required' }).waitFor();
			await page.locator('.option.bad textarea[name=prompt]:focus').waitFor();
			const now = (await sandbox.get('/control/state')).interactions.filter((i) => i.type === 2).length;
			assert.equal(now, before);
			await page.keyboard.press('Escape');
			await page.locator('#say:focus').waitFor();
		}
	});

	it('shows the bot\'s sentence about a model that is not there', async () => {
		await come();
		await visitor.arrive('olga');
		await page.keyboard.type('/imagine');
		await page.locator('#menu-list [role=option]').first().waitFor();
		await page.keyboard.press('Enter');
		await page.locator('input[name=model]:focus').waitFor();
		await page.keyboard.insertText('<b>none</b>');
		await page.locator('#menu-list', { hasText: 'Nothing fits' }).waitFor();
		await page.locator('textarea[name=prompt]').click();
		await page.keyboard.type('a fox');
		await page.keyboard.press('Enter');
		const text = await visitor.message('Only you can see this').locator('.text').textContent();
		assert.match(text, /^I don't know the model “<b>none<\/b>”\./);
		await page.getByRole('button', { name: 'Dismiss message' }).click();
		await visitor.message('Only you can see this').waitFor({ state: 'detached' });
	});

	const prompts = [
		['markup', '<script>window.pwned = 1</script><img src=x onerror="window.pwned=1"><b>bold</b> &lt;i&gt; &amp;'],
		['Discord\'s own markup', '**no** __no__ ~~no~~ `no` ||no|| # no > no -# no \\*no\\*'],
		['mentions', '@everyone @here <@1> <@&2> <#3> </imagine:4> <t:5> <:a:6>'],
		['addresses', '[click](javascript:window.pwned=1) javascript:alert(1) https://example.org/?q=<b>'],
		['emoji', '🦊 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 in the snow'],
		['right to left', 'ثعلب في الثلج – שועל בשלג'],
		['marks upon marks', 'z̷̢̛͔a̸͎̓l̴̰͝g̵̙̎o̶̦͝ text'],
		['a very long word', 'x'.repeat(250)],
	];
	it('shows whatever is written as it was written', async () => {
		await come();
		await visitor.arrive('petra');
		await visitor.imagine(null, 'a first one');
		await visitor.message('Only you can see this').locator('.mention').click();
		await visitor.picture(visitor.message('a first one').last());
		for (const [what, prompt] of prompts) {
			await visitor.imagine(null, prompt);
			const picture = page.locator('.message.pinged').filter({ hasText: prompt.slice(0, 40) });
			await visitor.picture(picture);
			const lines = (await picture.locator('.text').textContent()).split('\n');
			// The bot puts a mark of no width behind each @.
			assert.equal(lines.slice(1).join('\n').replaceAll('\u200b', ''), prompt, what);
			assert.equal(await picture.locator('.picture img').getAttribute('alt'), prompt, what);
		}
		// What came of it: text, one mention of the member in each picture's line, and nothing else.
		const found = await page.evaluate(() => ({
			pwned: window.pwned,
			inside: [...new Set([...document.querySelectorAll('.message .text *')].map((n) => n.tagName.toLowerCase()))].sort(),
			mentions: [...new Set([...document.querySelectorAll('.text .mention')].map((n) => n.textContent))].sort(),
			links: [...document.querySelectorAll('a')].map((a) => a.protocol).filter((p) => !/^https?:$/.test(p)),
		}));
		assert.deepEqual(found, { pwned: undefined, inside: ['button', 'span', 'strong'],
			mentions: ['#session-petra', '@petra'], links: [] });
		await visitor.assertFits();
		await visitor.screenshot('nonsense');
	});

	it('takes a prompt of any length, as much of it as Discord would', async () => {
		await come();
		await visitor.arrive('quin');
		await visitor.imagine(null, 'word '.repeat(4000));
		await visitor.message('Only you can see this').locator('.mention').click();
		const picture = page.locator('.message.pinged');
		await visitor.picture(picture);
		assert.match(await picture.locator('.text').textContent(), /\nword word .*…$/);
		const { messages } = await sandbox.get('/control/state');
		assert.ok(messages.every((m) => m.content.length <= 2000));
		await visitor.assertFits();
	});

	it('shows what members write to each other, as text', async () => {
		await come();
		await visitor.arrive('rita');
		await page.keyboard.type('<b>hello</b> **friends** `x`');
		await page.keyboard.press('Enter');
		const said = visitor.message('friends');
		await said.waitFor();
		assert.equal(await said.locator('.text').textContent(), '<b>hello</b> friends x');
		assert.equal(await said.locator('.text strong').textContent(), 'friends');
		assert.equal(await page.locator('#say').inputValue(), '');
	});

	it('keeps its state over a reload', async () => {
		await come();
		await visitor.arrive('sara');
		await visitor.imagine(null, 'a lighthouse');
		await visitor.message('Only you can see this').waitFor();
		await page.getByRole('button', { name: 'Dismiss message' }).click();
		await visitor.channel('session-sara').click();
		await visitor.picture(page.locator('.message.pinged'));
		const before = await page.locator('#messages').innerText();
		await page.reload();
		await page.locator('h1', { hasText: 'session-sara' }).waitFor();
		await visitor.picture(page.locator('.message.pinged'));
		assert.equal(await page.locator('#messages').innerText(), before);
		assert.equal(await page.locator('#member option:checked').textContent(), 'sara');
		assert.equal(await page.locator('.channel.unread').count(), 0);
		await visitor.channel('general').click();
		await page.locator('h1', { hasText: 'general' }).waitFor();
		assert.equal(await visitor.message('Only you can see this').count(), 0, 'what was dismissed stays so');
		// A member who comes by the menu has his own place.
		await visitor.become('ben');
		assert.equal(await page.locator('h1').textContent(), 'general');
		assert.equal(await visitor.channel('session-sara').count(), 0);
	});

	it('works on a phone', async () => {
		await come({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
		const { id } = await sandbox.post('/control/users', { username: 'tom' });
		await page.locator(`#member option[value="${id}"]`).waitFor({ state: 'attached' });
		await page.locator('#menu').tap();
		await page.locator('body.side-open #member').selectOption(id);
		await page.locator('#channels .channel', { hasText: 'general' }).tap();
		await page.locator('body:not(.side-open)').waitFor();

		await page.locator('#say').tap();
		await page.keyboard.type('/');
		await page.locator('#menu-list [role=option]', { hasText: '/imagine' }).waitFor();
		await visitor.screenshot('phone-commands');
		await page.locator('#menu-list [role=option]', { hasText: '/imagine' }).tap();
		await page.locator('#menu-list [role=option]', { hasText: 'Flux (Schnell)' }).waitFor();
		await visitor.screenshot('phone-models');
		await visitor.assertFits();
		await page.locator('#menu-list [role=option]', { hasText: 'Flux (Schnell)' }).tap();
		await page.locator('textarea[name=prompt]:focus').waitFor();
		await page.keyboard.insertText('a paper boat on a wide and quiet river, seen from a bridge in the morning mist');
		await visitor.screenshot('phone-command');
		await visitor.assertFits();
		await page.locator('#send').tap();

		const link = visitor.message('Only you can see this').locator('.mention');
		await link.waitFor();
		await visitor.screenshot('phone-queued');
		await link.tap();
		await visitor.picture(page.locator('.message.pinged'));
		await visitor.message('Done in').waitFor();
		await visitor.screenshot('phone-picture');
		await visitor.assertFits();
		await page.locator('#menu').tap();
		await page.locator('body.side-open #side').waitFor();
		await page.waitForFunction(() => document.querySelector('#side').getBoundingClientRect().left === 0);
		await visitor.screenshot('phone-side');
		await page.locator('#shade').tap({ position: { x: 380, y: 400 } });
		await page.locator('body:not(.side-open)').waitFor();
		await page.locator('.message.pinged .picture').tap();
		await page.locator('#large[open]').waitFor();
		await visitor.screenshot('phone-large');
		await page.locator('#large-close').tap();
		await page.locator('#large[open]').waitFor({ state: 'detached' });

		// Nothing that is to be touched is smaller than a fingertip.
		const small = await page.evaluate(() => [...document.querySelectorAll('button, select, input')].filter((node) => {
			const box = node.getBoundingClientRect();
			return box.width > 0 && box.left >= 0 && !node.closest('.text, .only-you') && (box.height < 28 || box.width < 28);
		}).map((node) => node.outerHTML.slice(0, 100)));
		assert.deepEqual(small, []);
	});

	it('speaks Spanish with those who do', async () => {
		await come({ locale: 'es-ES' });
		assert.equal(await page.locator('html').getAttribute('lang'), 'es');
		assert.equal(await page.locator('#banner').textContent(), 'Sandbox: nada sale de este ordenador');
		await visitor.arrive('uma');
		await page.keyboard.type('/');
		await page.locator('#menu-title', { hasText: 'Comandos' }).waitFor();
		await visitor.screenshot('spanish-commands');
		await page.keyboard.press('Escape');
		await page.locator('#say').fill('');
		await visitor.imagine('schnell', 'un zorro en la nieve');
		const answer = visitor.message('Solo tú puedes ver esto');
		await answer.locator('.mention').waitFor();
		assert.match(await answer.locator('.text').textContent(), /^En cola( \(Pos: 1\))? en #session-uma$/);
		await answer.locator('.mention').click();
		const picture = page.locator('.message.pinged');
		await visitor.picture(picture);
		assert.match(await picture.locator('.text').textContent(), /semilla \d+ · .* · \d+,\d s\nun zorro en la nieve$/);
		await visitor.message('Lista en').waitFor();
		await visitor.screenshot('spanish-picture');
		const english = await page.locator('body').innerText();
		assert.doesNotMatch(english, /Queued|Done in|seed|Cancel\b|Welcome|Today|You are/);
	});
});

describe('the page and its sandbox', () => {
	before(async () => {
		browser = await browse();
	});
	after(() => browser?.close());

	it('says that the connection is lost, and comes back with the next sandbox', async () => {
		sandbox = await Sandbox.start(QUICK);
		try {
			await come();
			await visitor.arrive('vera');
			const { port } = sandbox;
			await sandbox.stop();
			await page.locator('#lost', { hasText: 'Connection lost' }).waitFor();
			await visitor.screenshot('lost');
			sandbox = await Sandbox.start({ ...QUICK, SANDBOX_PORT: port });
			await page.locator('#lost').waitFor({ state: 'hidden' });
			await page.locator('#member option:checked', { hasText: 'ana' }).waitFor({ state: 'attached' });
			await visitor.imagine(null, 'a new beginning');
			await visitor.message('Only you can see this').locator('.mention').click();
			await visitor.picture(page.locator('.message.pinged'));
			// The browser itself complains about the server that was away, and about the member
			// who is no more.
			visitor.wrongs = visitor.wrongs.filter((wrong) => !/ERR_|Failed to load resource|^404 from .*\/api\/view/.test(wrong));
			await visitor.leave();
		} finally {
			await sandbox.stop();
		}
	});

	it('says so when the pictures are another ComfyUI\'s, and when that does not answer', async () => {
		sandbox = await Sandbox.start({ ...QUICK, COMFY_URL: 'http://127.0.0.1:9' });
		try {
			await come();
			await page.locator('#banner', { hasText: 'from your own ComfyUI' }).waitFor();
			await visitor.imagine(null, 'a picture for later');
			await visitor.message('Only you can see this').locator('.mention').click();
			await visitor.message('a picture for later').filter({ hasText: 'no graphics card answers right now' }).waitFor();
			await visitor.screenshot('no-card');
			await visitor.leave();
		} finally {
			await sandbox.stop();
		}
	});
});
