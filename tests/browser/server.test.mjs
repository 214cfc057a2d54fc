// SPDX-License-Identifier: Apache-2.0
// The page's server against those who are not its page.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { raw, Sandbox } from './lab.mjs';

let sandbox, own;

// A request's bytes. headers: [name, value] pairs; Host is the page's own unless given.
function request(method, path, headers = [], body = '') {
	const all = [...headers];
	if (!all.some(([name]) => name.toLowerCase() === 'host'))
		all.unshift(['Host', own]);
	if (body)
		all.push(['Content-Length', String(Buffer.byteLength(body))]);
	return `${method} ${path} HTTP/1.1\r\n${all.filter(([, v]) => v !== null)
		.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n${body}`;
}

const JSON_TYPE = ['Content-Type', 'application/json'];
const say = (headers, text) => request('POST', '/api/say', headers,
	JSON.stringify({ user: 'ana', channel: 'general', text }));
const ask = (text) => raw(sandbox.port, text);

describe('the page\'s server', () => {
	before(async () => {
		sandbox = await Sandbox.start();
		own = `127.0.0.1:${sandbox.port}`;
	});
	after(() => sandbox.stop());

	const hosts = [
		['its address', () => own, 200],
		['its name', () => `localhost:${sandbox.port}`, 200],
		['a foreign name that leads here (DNS rebinding)', () => `evil.example:${sandbox.port}`, 403],
		['a foreign name without a port', () => 'evil.example', 403],
		['a name that begins like ours', () => `127.0.0.1.evil.example:${sandbox.port}`, 403],
		['a name that begins like localhost', () => `localhost.evil.example:${sandbox.port}`, 403],
		['a foreign address', () => `192.0.2.7:${sandbox.port}`, 403],
		['an empty one', () => '', 403],
	];
	for (const [what, host, status] of hosts)
		for (const path of ['/', '/api/info', '/control/state', '/cdn/attachments/1/2/a.png'])
			it(`answers ${status} to Host: ${what}, ${path}`, async () => {
				const answer = await ask(request('GET', path, [['Host', host()]]));
				assert.equal(answer.status, status === 200 && path.startsWith('/cdn') ? 404 : status);
			});

	it('refuses a request without Host', async () => {
		const { status } = await ask(request('GET', '/api/info', [['Host', null]]));
		assert.ok(status === 400 || status === 403, String(status));
	});

	it('refuses a request with two Hosts', async () => {
		const { status } = await ask(request('GET', '/api/info', [['Host', own], ['Host', 'evil.example']]));
		assert.ok(status === 400 || status === 403, String(status));
	});

	const origins = [
		['no Origin', [], 200],
		['its own Origin', () => [['Origin', `http://${own}`]], 200],
		['a foreign Origin', () => [['Origin', 'http://evil.example']], 403],
		['another port of this computer', () => [['Origin', 'http://127.0.0.1:1']], 403],
		['the same over https', () => [['Origin', `https://${own}`]], 403],
		['the Origin null', () => [['Origin', 'null']], 403],
		['Sec-Fetch-Site: cross-site', () => [['Sec-Fetch-Site', 'cross-site']], 403],
		['Sec-Fetch-Site: same-site', () => [['Sec-Fetch-Site', 'same-site']], 403],
	];
	for (const [what, headers, status] of origins)
		it(`answers ${status} to a POST with ${what}`, async () => {
			const more = typeof headers === 'function' ? headers() : headers;
			const answer = await ask(say([...more, JSON_TYPE], what));
			assert.equal(answer.status, status, answer.body);
			const { messages } = await sandbox.get('/control/state');
			assert.equal(messages.some((m) => m.content === what), status === 200);
			assert.equal(answer.headers['access-control-allow-origin'], undefined);
		});

	it('does not take a form or plain text for JSON', async () => {
		for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
			assert.equal((await ask(say([['Content-Type', type]], 'no'))).status, 415, type);
		assert.equal((await ask(say([], 'no'))).status, 415);
		const form = await ask(request('POST', '/api/say', [['Content-Type', 'multipart/form-data; boundary=a']],
			'--a\r\nContent-Disposition: form-data; name="user"\r\n\r\nana\r\n--a--\r\n'));
		assert.equal(form.status, 415);
	});

	it('does not answer the question of a foreign page whether it may ask (CORS)', async () => {
		const answer = await ask(request('OPTIONS', '/api/say', [['Origin', 'http://evil.example'],
			['Access-Control-Request-Method', 'POST'], ['Access-Control-Request-Headers', 'content-type']]));
		assert.ok(answer.status >= 400, String(answer.status));
		assert.equal(answer.headers['access-control-allow-origin'], undefined);
	});

	const unknown = ['/nothing', '/api/', '/api/nothing', '/index.html/', '/../page.js', '/%2e%2e/etc/passwd',
		'/page.js%00', '//page.js', '/cdn/', '/cdn/../api/info', '/cdn/%2e%2e/%2e%2e/etc/passwd', '/.env', '/a'.repeat(4000)];
	for (const path of unknown)
		it(`answers 404 to ${path.slice(0, 40)}`, async () => {
			assert.equal((await ask(request('GET', path))).status, 404);
		});

	it('answers 405 to a method that a route does not have', async () => {
		assert.equal((await ask(request('GET', '/api/say'))).status, 405);
		assert.equal((await ask(request('POST', '/api/info', [JSON_TYPE], '{}'))).status, 405);
		assert.equal((await ask(request('DELETE', '/api/view'))).status, 405);
	});

	it('answers 413 to a body that is too large, before it is sent', async () => {
		const declared = await ask(request('POST', '/api/say', [JSON_TYPE, ['Content-Length', String(2 ** 31)]]));
		assert.equal(declared.status, 413);
		const chunked = await ask(`${request('POST', '/api/say', [JSON_TYPE, ['Transfer-Encoding', 'chunked']])}` +
			`7fffffff\r\n${'a'.repeat(100000)}`);
		assert.equal(chunked.status, 413);
	});

	it('answers 413 to a megabyte of words', async () => {
		assert.equal((await ask(say([JSON_TYPE], 'a'.repeat(2 ** 20)))).status, 413);
	});

	it('answers 431 to a head that is too large', async () => {
		assert.equal((await ask(request('GET', '/', [['Cookie', 'a'.repeat(64 * 1024)]]))).status, 431);
	});

	const bodies = ['', '{', '[]', '"a"', 'null', '{"user":"ana"}', '{"user":[],"channel":{},"text":7}',
		'{"user":"nobody","channel":"general","text":"a"}', `${'['.repeat(2000)}`,
		'{"user":"99999999999999999999999999","channel":"-1","text":"a"}', '{"user":"ana","channel":"general","text":""}'];
	for (const body of bodies)
		it(`answers 400 with a sentence to the body ${body.slice(0, 50)}`, async () => {
			const headers = body ? [JSON_TYPE] : [JSON_TYPE, ['Content-Length', '0']];
			const answer = await ask(request('POST', '/api/say', headers, body));
			assert.equal(answer.status, 400, answer.body);
			assert.equal(typeof JSON.parse(answer.body).error, 'string');
		});

	it('answers 400 to what is no HTTP', async () => {
		assert.equal((await ask('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n')).status, 400);
		assert.equal((await ask('GET\r\n\r\n')).status, 400);
	});

	it('tells nobody about members who are not there', async () => {
		for (const path of ['/api/view', '/api/view?user=', '/api/view?user=1', '/api/view?user=ana%00'])
			assert.equal((await ask(request('GET', path))).status, 404, path);
	});

	it('sends its policy with every answer', async () => {
		for (const path of ['/', '/page.js', '/page.css', '/icon.svg', '/api/info', '/nothing', '/cdn/nothing']) {
			const { headers } = await ask(request('GET', path));
			assert.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/, path);
			assert.doesNotMatch(headers['content-security-policy'], /unsafe|http:|https:|\*/, path);
			assert.equal(headers['x-content-type-options'], 'nosniff', path);
			assert.equal(headers['referrer-policy'], 'no-referrer', path);
			assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
		}
		const refused = await ask(request('GET', '/', [['Host', 'evil.example']]));
		assert.match(refused.headers['content-security-policy'], /default-src 'none'/);
	});
});
