// SPDX-License-Identifier: Apache-2.0
/* The main job at the dashboard, once: sign in, build criteria, see the price, submit, watch it, load, download. Settings: base, password (tests/functional/dashboard-smoke.t). */
import fs from 'node:fs';
import {open, settings} from './browser.mjs';

const {base, password} = settings();
const t = await open({base, password});
const page = await t.page('ops', {where: '/new'});
await page.locator('[role=tab]', {hasText: /^Size\d*$/}).click();
await page.locator('.adds:visible button', {hasText: /^Records found$/}).click();
await page.keyboard.type('300');
await page.getByLabel('Name', {exact: true}).fill('Smoke');
await page.click('button:has-text("Count and price")');
await t.sees(page, 'text=/\\$0\\.60/', 'count and price before anything is bought');
await page.click('button:has-text("Submit")');
await page.waitForURL(/\/jobs\/2\d+T/);
await t.sees(page, 'button:has-text("Load 300 records now")', 'it is watched until all is captured', {timeout: 30000});
await page.click('button:has-text("Load 300 records now")');
await t.sees(page, 'text=/300\\s*of 300/ >> nth=1', 'loading it is seen live', {timeout: 30000});
const [download] = await Promise.all([page.waitForEvent('download', {timeout: 30000}), page.click('button:has-text("CSV")')]);
t.is(301, fs.readFileSync(await download.path(), 'utf8').trim().split('\n').length, 'a CSV of all records and a line of names');
/* A menu closes when what it belongs to is scrolled: that comes first, and is told in the frame after it. */
await page.getByRole('button', {name: 'Report', exact: true}).evaluate((element) => { element.scrollIntoView({block: 'center'}); return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); });
await page.getByRole('button', {name: 'Report', exact: true}).click();
const [workbook] = await Promise.all([page.waitForEvent('download', {timeout: 30000}), page.click('[role=menuitem]:has-text("XLSX")')]);
t.is('PK', fs.readFileSync(await workbook.path(), 'latin1').slice(0, 2), 'and a workbook');
await t.axe(page, 'one job');
await t.close();
