// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {cleanUrl, cleanUrls, partsIn, remarks, testCount, URLS_MAX} from '../../src/web/urllist.js';

test('bare hosts get https, trailing slashes go', () => {
    const good = {
        'example.com': 'https://example.com',
        'EXAMPLE.com/Path/': 'https://example.com/Path',
        'http://example.com//': 'http://example.com',
        'https://example.com/a/?q=1': 'https://example.com/a/?q=1',
        'https://example.com/?q=1/': 'https://example.com?q=1/',
        'https://example.com:443/x': 'https://example.com/x',
        'example.com:8443/x': 'https://example.com:8443/x',
        '//cdn.example.com/x': 'https://cdn.example.com/x',
        'bücher.example/ä': 'https://xn--bcher-kva.example/%C3%A4',
        'https://example.com/#/route': 'https://example.com#/route',
        'http://127.0.0.1:8080': 'http://127.0.0.1:8080',
        'localhost:3000': 'https://localhost:3000',
        'https://example.com/a,b': 'https://example.com/a,b',
    };
    for (const [text, url] of Object.entries(good))
        assert.deepEqual(cleanUrl(text), {url}, text);
});

test('what is no web address says why', () => {
    for (const text of ['ftp://example.com', 'javascript:alert(1)', 'mailto:a@example.com', 'a@example.com', 'example', 'https://', 'https:///x', 'http://user:x@example.com', 'exa mple.com',
        'https://exam<ple.com', 'https://-a.com', 'https://example..com', `https://example.com/${'a'.repeat(2100)}`, 'https://example.com/\u202e', 'http://1.2.3', 'https://example.com:99999'])
        assert.ok(cleanUrl(text).why, text);
});

test('hosts of this machine and of private networks are those that the server refuses', () => {
    const lines = readFileSync(new URL('../private-hosts.txt', import.meta.url), 'utf8').split('\n').filter((line) => line && !line.startsWith('#')).map((line) => line.split(' '));
    assert.ok(lines.length > 40);
    for (const [kind, url] of lines)
        assert.equal(Boolean(cleanUrl(url, true).why), kind === 'private', url);
    assert.deepEqual(cleanUrls('http://10.1.2.3/\nexample.com', true).bad, [{line: 1, text: 'http://10.1.2.3/', why: 'of this machine or of a private network'}]);
    assert.deepEqual(cleanUrls('http://10.1.2.3/\nexample.com').bad, []);
});

test('a list: lines, commas, quotes, remarks; doubles and bad ones by line', () => {
    const list = cleanUrls('# mine\nexample.com\r\nhttps://example.com/, "http://b.example/x/"\n\n  nonsense  \nb.example/y;b.example/z\n<https://c.example>\nexample.com');
    assert.deepEqual(list.urls, ['https://example.com', 'http://b.example/x', 'https://b.example/y', 'https://b.example/z', 'https://c.example']);
    assert.deepEqual(list.bad, [{line: 5, text: 'nonsense', why: "no dot in the host's name"}]);
    assert.deepEqual(list.duplicates, [{line: 3, url: 'https://example.com', first: 2}, {line: 8, url: 'https://example.com', first: 2}]);
    assert.equal(testCount(list.urls, ['mobile', 'desktop']), 10);
    assert.deepEqual(cleanUrls(''), {urls: [], bad: [], duplicates: [], changed: 0, cut: 0, lines: 0});
});

test('a line of words is one complaint', () => {
    assert.deepEqual(cleanUrls('see these pages\nsee example.com').bad, [{line: 1, text: 'see these pages', why: 'no web address in this line'}, {line: 2, text: 'see', why: "no dot in the host's name"}]);
});

test('a very long list is cut, and soon read', () => {
    const text = Array.from({length: URLS_MAX + 5}, (_, i) => `host${i}.example/page/`).join('\n');
    assert.equal(cleanUrls(`${text}\n${text}`).cut, 5, 'each once');
    const begin = performance.now(), list = cleanUrls(text);
    assert.equal(list.urls.length, URLS_MAX);
    assert.equal(list.cut, 5);
    assert.ok(performance.now() - begin < 2000);
});

test('what is not all in the list is told, with its true number', () => {
    const told = Array.from({length: URLS_MAX}, (_, i) => `https://host${i}.example`), file = {name: 'big.txt', urls: new Set(told), total: 60000, rest: 50000};
    const whole = {name: 'small.txt', urls: new Set(['https://host1.example', 'https://gone.example']), total: 2, rest: 0};
    assert.deepEqual(partsIn([file], cleanUrls(told.join('\n'))), ['10,000 of 60,000 URLs of big.txt']);
    assert.deepEqual(partsIn([whole], cleanUrls('host1.example')), [], 'what somebody took out is not missed');
    assert.deepEqual(partsIn([file], cleanUrls('other.example')), [], 'nor a file that is not in the list any more');
    assert.deepEqual(partsIn([{...whole, more: true}], cleanUrls('host1.example')), ['1 of more than 2 URLs of small.txt']);
    const list = cleanUrls(`first.example\n${told.join('\n')}`);
    assert.deepEqual(partsIn([file], list), ['9,999 of 60,000 URLs of big.txt']);
    assert.deepEqual(partsIn([], list), ['10,000 of 10,001 URLs']);
});

test('what should be known before a list is tested', () => {
    assert.deepEqual(remarks(cleanUrls('a.example\nb.example\na b\n# c\n\nc\nftp://x\nd'), []), ['4 of 6 lines are wrong and will be left out.']);
    assert.deepEqual(remarks(cleanUrls('a.example b.example ftp://x'), []), ['1 of 3 addresses is wrong and will be left out.']);
    assert.deepEqual(remarks(cleanUrls('a.example\na.example'), []), []);
    const file = {name: 'bad.csv', urls: new Set(['https://a.example']), total: 2, rest: 0, wrong: 4, lines: 6};
    assert.deepEqual(remarks(cleanUrls('a.example'), [file]), ['4 of 6 lines of bad.csv are wrong and left out.']);
    assert.deepEqual(remarks(cleanUrls('b.example'), [file]), []);
    assert.deepEqual(remarks(cleanUrls('a.example'), [{...file, wrong: 0, total: 60000, rest: 59999}]), ['Only 1 of 60,000 URLs of bad.csv are in the list: the rest will not be tested.']);
});
