// SPDX-License-Identifier: Apache-2.0
/* Reports as HTML in Debian's Chromium: report.mjs shots=DIR NAME=FILE...  At the width of a desktop and of a phone: the page itself never moves sideways (tables
 * do, within their frame), no word is broken that has room, and every column is wide enough to be read. */
import path from 'node:path';
import {createRequire} from 'node:module';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const {chromium} = require('playwright-core');
const settings = Object.fromEntries(process.argv.slice(2).map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
const {shots, ...files} = settings;
let failed = 0;
const is = (wanted, got, name) => {
    const good = JSON.stringify(wanted) === JSON.stringify(got);
    console.log(`${good ? 'ok' : 'not ok'} ${name}`);
    if (!good) {
        failed++;
        console.log(`#   wanted: ${JSON.stringify(wanted)}\n#   got:    ${JSON.stringify(got).slice(0, 600)}`);
    }
};
const browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});
for (const [name, file] of Object.entries(files))
    for (const [width, what] of [[1280, 'a desktop'], [390, 'a phone']]) {
        const page = await browser.newPage({viewport: {width, height: 900}});
        const faults = [];
        page.on('pageerror', (error) => faults.push(String(error)));
        page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()); });
        await page.goto(`file://${file}`);
        is([], faults, `${name}, ${what}: nothing is refused or broken`);
        is(true, await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}, ${what}: the page does not move sideways`);
        /* A word of at most 12 letters, with blanks around it, on two lines. */
        is([], await page.evaluate(() => {
            const broken = [];
            for (const cell of document.querySelectorAll('th, td')) {
                const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
                for (let node = walker.nextNode(); node; node = walker.nextNode())
                    for (const word of node.data.matchAll(/(?<=^|\s)\p{L}{2,12}(?=$|[\s,.;])/gu)) {
                        const range = document.createRange();
                        range.setStart(node, word.index);
                        range.setEnd(node, word.index + word[0].length);
                        if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1)
                            broken.push(word[0]);
                    }
            }
            return [...new Set(broken)].slice(0, 10);
        }), `${name}, ${what}: no word is broken`);
        is([], await page.evaluate(() => [...document.querySelectorAll('table')].filter((t) => t.rows.length > 2 && [...t.tHead.rows[0].cells].some((c) => c.offsetWidth < 40)).map((t) => t.caption?.textContent ?? '?')), `${name}, ${what}: no column is a thread`);
        if (shots)
            await page.screenshot({path: path.join(shots, `${name}-${width}.png`), clip: {x: 0, y: 0, width, height: 2400}, fullPage: true});
        await page.close();
    }
await browser.close();
process.exit(failed ? 3 : 0);
