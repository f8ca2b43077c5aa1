// SPDX-License-Identifier: Apache-2.0
// What must not be in the dashboard's files, whatever they do: markup made of text, styles and scripts in markup, other hosts.
import test from 'node:test';
import assert from 'node:assert';
import fs from 'node:fs';

const web = new URL('../../src/web/', import.meta.url);
const files = fs.readdirSync(web).filter((name) => /\.(js|html|css|svg)$/.test(name));
const read = (name) => fs.readFileSync(new URL(name, web), 'utf8');

test('no text becomes markup', () => {
    for (const name of files.filter((n) => n.endsWith('.js')))
        assert.doesNotMatch(read(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|setHTML|\beval\(|new Function/, name);
});
test('no script and no style in markup, which the policy forbids', () => {
    for (const name of files.filter((n) => n.endsWith('.html')))
        assert.doesNotMatch(read(name), /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:/i, name);
    for (const name of files.filter((n) => n.endsWith('.js')))
        assert.doesNotMatch(read(name), /setAttribute\('style'/, name);
});
test('nothing from another host', () => {
    for (const name of files)
        for (const [address] of read(name).matchAll(/\b(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}[^\s'"`)]*/gi))
            assert.match(address, /^http:\/\/www\.w3\.org\/2000\/svg|example\.(com|org)/, `${name}: ${address}`);
});
test('every file has its licence', () => {
    for (const name of files.filter((n) => !n.endsWith('.svg')))
        assert.match(read(name).slice(0, 200), /SPDX-License-Identifier: Apache-2\.0/, name);
});
test('every module that is imported is there', () => {
    for (const name of files.filter((n) => n.endsWith('.js')))
        for (const [, other] of read(name).matchAll(/(?:from|import\()\s*['"]\.\/([^'"]+)['"]/g))
            assert.ok(files.includes(other), `${name}: ${other}`);
    for (const [, name] of read('index.html').matchAll(/(?:src|href)="\/([^"]+)"/g))
        assert.ok(files.includes(name), name);
});
