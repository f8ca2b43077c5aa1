// SPDX-License-Identifier: Apache-2.0
/* A lease from the page of documents to its report, once: sent, watched, downloaded. Settings: base, password, shots, document (tests/all/dashboard-documents.t). */
import fs from 'node:fs';
import {open, settings} from './browser.mjs';

const {base, password, shots, document} = settings();
const t = await open({base, password, shots});
const page = await t.page('ops', {where: '/documents'});
await page.setInputFiles('input[type=file]', document);
await t.sees(page, 'a[href*="/jobs/2"]', 'what was sent is listed with its job', {timeout: 30000});
await t.seen(page, 'documents-sent');
await page.locator('a[href*="/jobs/2"]').first().click();
await page.waitForURL(/\/jobs\/2\d+T/);
await t.sees(page, 'text=/Complete/i', 'its job is seen to complete', {timeout: 60000});
await t.sees(page, 'text=/step analyse \\(part 1\\)/', 'with the steps that it went through');
await t.sees(page, 'a:has-text("report.pdf")', 'and the reports that were made of it', {timeout: 30000});
await t.seen(page, 'documents-job');
const [pdf] = await Promise.all([page.waitForEvent('download', {timeout: 30000}), page.click('a:has-text("report.pdf")')]);
t.is('%PDF-', fs.readFileSync(await pdf.path(), 'latin1').slice(0, 5), 'its report comes as PDF');
await t.axe(page, 'the job of a document');
await page.goto(`${base}/health`);
await t.sees(page, 'section[aria-label="What sources need"] >> text=/lease: step text by ocr_url is not configured/', 'health tells that no OCR service is configured');
await t.seen(page, 'documents-health');
await t.axe(page, 'health');
await t.close();
