// SPDX-License-Identifier: Apache-2.0
/* A lease from the page of documents to its report, once: sent, watched, downloaded. Settings: base, password, shots, document, others (two, by a comma) (tests/all/dashboard-documents.t). */
import fs from 'node:fs';
import {open, settings} from './browser.mjs';

const {base, password, shots, document, others, group} = settings();
const t = await open({base, password, shots});
const page = await t.page('ops', {where: '/documents'});
await page.setInputFiles('input[type=file]', document);
await t.sees(page, '.uploads a[href*="2"]', 'what was sent is listed with its job', {timeout: 30000});
await t.seen(page, 'documents-sent');
const [sent] = (await page.getAttribute('.uploads a[href*="2"]', 'href')).match(/2\d+T[^/]*$/); /* the job, or its results when it is done already */
await page.goto(`${base}/jobs/${sent}`);
await t.sees(page, 'text=/Complete/i', 'its job is seen to complete', {timeout: 60000});
await t.sees(page, 'text=/step analyse \\(part 1\\)/', 'with the steps that it went through');
await t.sees(page, 'a:has-text("report.pdf")', 'and the reports that were made of it', {timeout: 30000});
await t.seen(page, 'documents-job');
const [pdf] = await Promise.all([page.waitForEvent('download', {timeout: 30000}), page.click('a:has-text("report.pdf")')]);
t.is('%PDF-', fs.readFileSync(await pdf.path(), 'latin1').slice(0, 5), 'its report comes as PDF');
await t.axe(page, 'the job of a document');
await page.goto(`${base}/documents`);
const job = page.locator('tr', {hasText: 'Dock House'});
await t.sees(page, 'tr:has-text("Dock House") >> text=/Group: Dock House \\(2 documents\\)/', 'the list of documents tells the group of a job', {timeout: 30000});
await t.sees(page, 'tr:has-text("Dock House") >> text=/Draft: \\d+ to review/', 'and that its reports are drafts');
t.is(0, await page.locator('tr', {hasText: 'Harbour House.pdf'}).locator('text=/Group/').count(), 'one document alone has none');
await t.seen(page, 'documents-list');
await t.axe(page, 'the list of documents');
await job.locator('a[href$="/review"]').click();
await page.waitForURL(`**/jobs/${group}/review`);
await t.sees(page, 'h1:has-text("Review")', 'the state leads to the review');
await page.goto(`${base}/documents?id=${group}`);
await t.sees(page, 'a[href$="/review"] >> text=/Draft: \\d+ to review/', 'so do the results');
await t.sees(page, 'text=/Group: Dock House/', 'which tell the group, too');
await t.seen(page, 'documents-results');
t.is(0, await page.locator('section[aria-label="Older than the review"]').count(), 'reports of a review of which nobody said a word are not old');
await page.goto(`${base}/jobs/${group}/review`);
await page.waitForSelector('.item[data-open]');
await page.locator('h1').click();
await page.keyboard.press('n');
await page.keyboard.press('c');
await t.sees(page, '.item >> text=Confirmed', 'a word of the review');
await page.goto(`${base}/documents?id=${group}`);
await t.sees(page, 'text=These reports are older than the review', 'makes reports older than it', {timeout: 10000});
await t.seen(page, 'documents-older');
await page.click('text=Make them again');
await page.locator('section[aria-label="Older than the review"]').waitFor({state: 'detached', timeout: 60000});
t.ok(true, 'and are made again by a button');

/* Several at once: one lease, in one job. */
await page.goto(`${base}/documents`);
await page.setInputFiles('input[type=file]', others.split(','));
await t.sees(page, 'dialog[open] >> text=Are they one lease', 'several files at once are asked about');
await t.axe(page, 'the question');
await page.fill('dialog input', 'Quay House');
await t.seen(page, 'documents-together');

await page.click('dialog footer >> text=One lease');
await t.sees(page, 'tr:has-text("Quay House") >> text=/Group: Quay House \\(2 documents\\)/', 'and are one job, of one lease', {timeout: 60000});
t.is(2, await page.locator('.uploads li a:has-text("Results")').count(), 'to which both rows lead');
t.is(1, new Set(await page.locator('.uploads li a').evaluateAll((links) => links.map((link) => link.href))).size, 'the same one');
await page.setInputFiles('input[type=file]', others.split(','));
await page.waitForSelector('dialog[open]');
await page.keyboard.press('Escape');
await page.locator('dialog').waitFor({state: 'detached'});
t.is(2, await page.locator('.uploads li').count(), 'who closes the question sends nothing');
await page.goto(`${base}/health`);
await t.sees(page, 'section[aria-label="What sources need"] >> text=/refused the key \\(401\\) at .* mend secret ocr_key/', 'health tells that an OCR service refused the key');
await t.seen(page, 'documents-health');
await t.axe(page, 'health');
await t.close();
