// SPDX-License-Identifier: Apache-2.0
/* For tests of the dashboard in Debian's Chromium. Results are lines `ok NAME` and `not ok NAME`, with what was seen behind `#`.
 *
 *   const t = await open({base, password, shots})      t.page(user, {width, dark}) is a signed-in page of its own context
 *   t.is(wanted, got, name), t.ok(bool, name), t.like(regexp, got, name)
 *   await t.axe(page, name)                            WCAG 2.2 AA and axe's best practices
 *   await t.seen(page, name)                           a picture into the directory `shots` (for people), when there is one
 *   await t.close()                                    also: no error of a page, no dialog of a script, nothing from another host, no violation of the policy */
import fs from 'node:fs';
import path from 'node:path';
import {createRequire} from 'node:module';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const {chromium} = require('playwright-core');

export async function open({base, password, shots}) {
    const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
    const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox']});
    const faults = [];
    let failed = 0;
    const tell = (good, name, more = '') => {
        console.log(`${good ? 'ok' : 'not ok'} ${name}`);
        if (!good) {
            failed++;
            for (const line of String(more).split('\n').slice(0, 20))
                console.log(`#   ${line.slice(0, 300)}`);
        }
        return good;
    };
    const t = {
        browser, faults,
        ok: (good, name, more) => tell(Boolean(good), name, more),
        is: (wanted, got, name) => tell(Object.is(wanted, got) || JSON.stringify(wanted) === JSON.stringify(got), name, `wanted: ${JSON.stringify(wanted)}\ngot:    ${JSON.stringify(got)}`),
        like: (wanted, got, name) => tell(wanted.test(got), name, `wanted, like: ${wanted}\ngot:          ${got}`),
        /* Waits for what must come: a missing one is a result, not the end of the test. */
        async sees(page, selector, name, {timeout = 10000, ...options} = {}) {
            try {
                await page.locator(selector).first().waitFor({timeout, ...options});
                return tell(true, name);
            } catch (error) {
                return tell(false, name, `${error.message.split('\n')[0]}\n${(await page.locator('body').innerText()).slice(0, 800)}`);
            }
        },
        async visit(width = 1280, dark = false) {
            const context = await browser.newContext({viewport: {width, height: width < 600 ? 780 : 900}, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', acceptDownloads: true});
            const page = await context.newPage();
            page.setDefaultTimeout(15000);
            page.on('pageerror', (error) => faults.push(error.stack ?? String(error)));
            page.on('dialog', (dialog) => { faults.push(`a script opened a dialog: ${dialog.message()}`); dialog.dismiss(); });
            page.on('console', (message) => { if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text()); });
            page.on('request', (request) => { if (!request.url().startsWith(base) && !/^(blob|data):/.test(request.url())) faults.push(`asked another host: ${request.url()}`); });
            return page;
        },
        async signIn(page, user, where = '/jobs') {
            await page.goto(base + where);
            await page.fill('input[autocomplete=username]', user);
            await page.fill('input[type=password]', password);
            await page.click('button[type=submit]');
            await page.waitForSelector('#main .page h1');
        },
        async page(user, {width = 1280, dark = false, where = '/jobs'} = {}) {
            const page = await t.visit(width, dark);
            await t.signIn(page, user, where);
            return page;
        },
        async axe(page, name) {
            await page.evaluate(axe);
            const {violations} = await page.evaluate(() => window.axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}));
            tell(violations.length === 0, `axe: ${name}`, violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', ')}`).join('\n'));
        },
        async narrow(page, name) {
            const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
            t.ok(over <= 0, `nothing is wider than the window: ${name}`, `${over} pixels`);
        },
        async seen(page, name) {
            if (shots)
                await page.screenshot({path: path.join(shots, `${name}.png`), fullPage: true});
        },
        async close() {
            await browser.close();
            t.is([], faults, 'no errors of scripts, no dialogs, nothing from other hosts, nothing against the policy');
            process.exitCode = failed ? 3 : 0;
        },
    };
    return t;
}
export const settings = () => Object.fromEntries(process.argv.slice(2).map((arg) => [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)]));
