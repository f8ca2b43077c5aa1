// SPDX-License-Identifier: Apache-2.0
/* The review of a lease by two people and one who may only look. Settings: base, password, shots, job (three documents, one of which failed), single (one document)
 * (tests/all/dashboard-review.t). */
import {open, settings} from './browser.mjs';

const {base, password, shots, job, single} = settings();
const t = await open({base, password, shots});
const where = `/jobs/${job}/review`;
const item = (page, key) => page.locator(`.item[data-key="${key}"]`);
const text = async (locator) => (await locator.innerText()).replace(/\s+/g, ' ');

/* ---- what is shown ---- */

const page = await t.page('ada', {where});
await t.sees(page, 'text=/Draft: \\d+ things to review/', 'how much is open');
await t.sees(page, '.needs >> text=Service charge cap', 'what needs review is listed');
await t.sees(page, 'nav.documents >> text=deed-of-variation.pdf', 'with the documents of the job');
await page.click('nav.documents >> text=high-street-lease.pdf');
await page.waitForSelector('.item[data-key="field:service_charge_cap"]');
t.like(/£|GBP 4,?000|4000 GBP/, await text(item(page, 'field:service_charge_cap')), 'candidates of a conflict');
t.like(/12500 GBP.*Page 9.*twelve thousand.*quote found there/, await text(item(page, 'field:deposit')), 'a field with value, page, quote and whether it was found');
t.like(/England and Wales.*Page 30.*also the law of England Page 31.*courts of England/, await text(item(page, 'field:law')), 'and where else it was found');
t.like(/not found in any of the 2 documents/, await text(page.locator('.needs li:has-text("Guarantor")')), 'what no document has');
t.is(0, await page.locator('.needs li:has-text("Guarantor"):has-text("deed-of-variation")').count(), 'is not said to be of one');
t.like(/quote not found/, await text(item(page, 'field:permitted_use')), 'a quote that is not in the text');
t.is(['Parties', 'Premises', 'Term', 'Rent'], (await page.locator('.card:has(> ul.items) > header > h2').allInnerTexts()).slice(1, 5), 'fields are grouped');
t.is(2, await page.locator('table[aria-label="Periods of rent"] tbody tr').count(), 'rows are tables');
t.is(`/api/batch-jobs/${job}/documents/`, (await item(page, 'field:deposit').locator('a').getAttribute('href')).slice(0, `/api/batch-jobs/${job}/documents/`.length), 'a link to the original');
t.like(/#page=9$/, await item(page, 'field:deposit').locator('a').getAttribute('href'), 'at its page');
const original = await page.evaluate(async (href) => { const answer = await fetch(href); return [answer.status, answer.headers.get('Content-Type'), answer.headers.get('Content-Disposition'), answer.headers.get('Content-Security-Policy'), (await answer.text()).slice(0, 5)]; }, await item(page, 'field:deposit').locator('a').getAttribute('href'));
t.is([200, 'application/pdf', 'inline', '%PDF-'], [original[0], original[1], original[2], original[4]], 'which is the PDF, to be shown');
t.like(/default-src 'none'/, original[3], 'under a policy of its own');
await t.axe(page, 'the review');
await t.narrow(page, 'the review');
await t.seen(page, 'review-desktop');

/* ---- what failed, once more ---- */

const whole = await t.page('ada', {where: `/jobs/${job}`});
await t.sees(whole, 'text=1 of 3 documents failed', 'a job that is complete says what failed');
await t.sees(whole, 'table[aria-label="Batches"] tr:has-text("unreadable.pdf") >> text=Failed', 'by name');
await t.sees(whole, 'table[aria-label="Batches"] tr:has-text("high-street-lease.pdf") >> text=Loaded', 'and what each payload is of');
await t.seen(whole, 'job-failed-in-part');
await whole.click('text=Try them again');
await whole.waitForURL((url) => url.pathname.startsWith('/jobs/') && !url.pathname.endsWith(job));
await t.sees(whole, 'text=Why it failed', 'it can be tried again, as a job of its own');
await whole.context().close();

/* ---- by the keyboard ---- */

await page.locator('h1').click();
await page.keyboard.press('n');
t.is('true', await page.evaluate(() => document.activeElement.dataset.open), 'n goes to what needs review');
await page.evaluate(() => document.activeElement.blur());
await item(page, 'field:permitted_use').focus();
await page.keyboard.press('c');
await t.sees(page, '.item[data-key="field:permitted_use"] >> text=Confirmed', 'c confirms');
t.is('field:permitted_use', await page.evaluate(() => document.activeElement.closest('.item')?.dataset.key), 'the focus stays');
await page.keyboard.press('j');
t.ok(await page.evaluate(() => document.activeElement.dataset.key !== 'field:permitted_use'), 'j goes on');
await page.keyboard.press('k');
await page.keyboard.press('u');
await item(page, 'field:permitted_use').locator('text=Confirmed').waitFor({state: 'detached'});
t.ok(true, 'u takes it back');
await page.keyboard.press('e');
await page.waitForSelector('dialog[open]');
t.is('TEXTAREA', await page.evaluate(() => document.activeElement.tagName), 'e opens the form, with the focus in its value');
await page.keyboard.press('Escape');
await page.locator('dialog').waitFor({state: 'detached'});

/* ---- corrections, with errors at the field ---- */

await item(page, 'field:deposit').locator('text=Correct').click();
await page.fill('dialog input[inputmode=decimal]', '12,000 pounds');
await page.click('dialog >> text=Save the correction');
await t.sees(page, 'dialog .field .error:has-text("decimal number")', 'what is no number is told at the field');
t.is('true', await page.getAttribute('dialog input[inputmode=decimal]', 'aria-invalid'), 'which is marked');
await t.axe(page, 'the form with an error');
await t.seen(page, 'review-form');
await page.fill('dialog input[inputmode=decimal]', '13000.50');
await page.locator('dialog').getByLabel('Note').fill('<b>by letter</b>');
await page.click('dialog >> text=Save the correction');
await t.sees(page, '.item[data-key="field:deposit"] >> text=Corrected', 'a correction is saved');
t.like(/13000\.5.*the analysis has 12500 GBP Page 9.*twelve thousand.*<b>by letter<\/b>/, await text(item(page, 'field:deposit')), 'shown with what the analysis has; a text stays a text');
await item(page, 'field:service_charge_cap').locator('button', {hasText: 'Take this'}).nth(1).click();
t.is('4500', await page.inputValue('dialog input[inputmode=decimal]'), 'a candidate is taken');
await page.click('dialog >> text=Save the correction');
await t.sees(page, '.item[data-key="field:service_charge_cap"] >> text=Corrected', 'and saved');
t.like(/4500 GBP the analysis has 4000 GBP or 4500 GBP/, await text(item(page, 'field:service_charge_cap')), 'with what contradicted each other');
await item(page, 'field:guarantor').locator('text=Correct').click();
await page.check('dialog input[type=checkbox]');
await page.click('dialog >> text=Save the correction');
await t.sees(page, '.item[data-key="field:guarantor"] >> text=Corrected', 'nothing can be said, too');

/* ---- rows ---- */

await page.locator('table[aria-label="Periods of rent"] tbody tr').first().locator('button', {hasText: 'Edit'}).click();
await page.locator('dialog').getByLabel('Amount').fill('51000');
const ends = page.locator('dialog').getByLabel('To', {exact: true}), before = await ends.inputValue();
await ends.fill('2018-01-01');
await page.click('dialog >> text=Save the row');
await t.sees(page, 'dialog .field:has(label:text("To")) .error:has-text("before it begins")', 'a period that ends before it begins is told at its end');
await ends.fill(before);
await page.click('dialog >> text=Save the row');
await t.sees(page, 'table[aria-label="Periods of rent"] tr:has(del:text("50000")) >> text=Confirmed', 'a cell of a row is corrected, and what it was stays');
t.like(/of what the analysis has Page 5/, await text(page.locator('table[aria-label="Periods of rent"] tbody tr').first()), 'its quote is said to be of that');
await page.locator('section[aria-label="Periods of rent"] button', {hasText: 'Add a row'}).click();
await page.locator('dialog').getByLabel('From').fill('2022-03-25');
await page.locator('dialog').getByLabel('To', {exact: true}).fill('2024-03-24');
await page.locator('dialog').getByLabel('Amount').fill('fifty');
await page.locator('dialog').getByLabel('Page', {exact: true}).fill('99');
await page.click('dialog >> text=Add the row');
await t.sees(page, 'dialog .field:has(label:text("Amount")) .error:has-text("decimal")', 'an amount that is none is told at its field');
await page.locator('dialog').getByLabel('Amount').fill('54000');
await page.click('dialog >> text=Add the row');
await t.sees(page, 'dialog .field:has(label:text("Page")) .error:has-text("pages")', 'so is a page that there is not');
await page.locator('dialog').getByLabel('Page', {exact: true}).fill('5');
await page.click('dialog >> text=Add the row');
await t.sees(page, 'table[aria-label="Periods of rent"] tr:has-text("54000") >> text=Added', 'a row is added');
await t.sees(page, '.item[data-key="field:check_rent_gaps"] >> text=/3 rows of rent follow/', 'the check of gaps is made again');
await page.locator('table[aria-label=Dates] tbody tr').first().locator('button', {hasText: 'Remove'}).click();
await page.click('dialog >> text=Remove the row');
await t.sees(page, 'table[aria-label=Dates] tr.gone >> text=Removed', 'a row is removed, and still seen');
await page.locator('table[aria-label=Dates] tr.gone').locator('button', {hasText: 'Undo'}).click();
await page.locator('tr.gone').waitFor({state: 'detached'});
t.ok(true, 'and is there again');
await t.sees(page, '.said >> text=/took back/', 'who said what is listed');
await t.axe(page, 'the review with corrections');

/* ---- another reviewer ---- */

const other = await t.page('ned', {where});
t.is(1, await other.locator('text=/There is no such|Not there/').count() ? 1 : 0, 'an operator does not see the job of another');
const boss = await t.visit();
await t.signIn(boss, 'ada', where);
await boss.click('nav.documents >> text=high-street-lease.pdf');
await boss.waitForSelector('.item[data-key="field:law"]');
await item(boss, 'field:law').locator('text=Correct').click();
await item(page, 'field:law').locator('text=Confirm').click();
await t.sees(page, '.item[data-key="field:law"] >> text=Confirmed', 'one confirms');
await boss.locator('dialog textarea, dialog input[type=text]').first().fill('Scotland');
await boss.click('dialog >> text=Save the correction');
await t.sees(boss, 'dialog .banner:has-text("look at it again")', 'the other, who has not seen it, is told');
await t.sees(boss, '.item[data-key="field:law"] >> text=Confirmed', 'and shown');
await t.seen(boss, 'review-conflict');
await boss.click('dialog >> text=Save the correction');
await t.sees(boss, '.item[data-key="field:law"] >> text=Corrected', 'and can put the own word in its place');
await t.sees(page, '.item[data-key="field:law"] >> text=Scotland', 'which the first one sees by itself', {timeout: 20000});
await boss.close();
await other.close();

/* ---- the end ---- */

for (let tries = 0; tries < 30 && await page.locator('.needs button').count(); tries++) {
    const before = await page.locator('.needs > li').count();
    await page.locator('.needs button').first().click();
    await page.waitForFunction(() => document.activeElement?.matches('.item[data-open=true]'));
    await page.keyboard.press('c');
    await page.waitForFunction((count) => document.querySelectorAll('.needs > li').length < count, before);
}
await t.sees(page, '.banner:has-text("Reviewed")', 'when all is decided it is reviewed');
await page.click('text=Make the reports anew');
await t.sees(page, '.toast:has-text("The reports are made")', 'and the reports are made anew', {timeout: 60000});
await page.click('text=Open it again');
await t.sees(page, '.banner:has-text("opened again")', 'it can be opened again');
await page.click('text=The review is done');
await t.sees(page, '.banner:has-text("Reviewed")', 'and ended');
await t.narrow(page, 'the review with corrections');
for (const wrap of await page.locator('.table-wrap').all())
    t.ok(await wrap.evaluate((element) => element.scrollWidth <= element.clientWidth), `no table is wider than its place: ${await wrap.locator('table').getAttribute('aria-label')}`, await wrap.evaluate((element) => `${element.scrollWidth} in ${element.clientWidth}: ${[...element.querySelectorAll('tr:nth-child(1) > *')].map((cell) => `${cell.innerText.slice(0, 12)} ${cell.offsetWidth}`).join(', ')}`));
await t.seen(page, 'review-done');

/* ---- who may only look; narrow; states ---- */

const viola = await t.page('viola', {where, width: 390});
await t.sees(viola, 'text=You may look at it', 'a viewer may look');
t.is(0, await viola.locator('button', {hasText: /^(Confirm|Correct|Edit|Remove|Undo|Add a row)$/}).count(), 'and has nothing to press');
await t.narrow(viola, 'on a telephone');
await t.seen(viola, 'review-phone-viewer');
await viola.close();
const phone = await t.page('ada', {where: `/jobs/${single}/review`, width: 390, dark: true});
await t.sees(phone, 'text=/Draft: \\d+ things/', 'one document, on a telephone');
await t.axe(phone, 'on a telephone');
await t.narrow(phone, 'on a telephone, dark');
await t.seen(phone, 'review-phone');
await phone.locator('table[aria-label="Periods of rent"] tbody tr').first().locator('button', {hasText: 'Edit'}).click();
await t.narrow(phone, 'a form on a telephone');
await phone.screenshot(shots ? {path: `${shots}/review-phone-form.png`} : {});
await phone.keyboard.press('Escape');
await phone.route('**/review', (route) => route.abort());
await phone.locator('button', {hasText: 'Confirm'}).first().click();
await t.sees(phone, '.toast:has-text("Not saved")', 'what does not arrive is told');
await phone.unroute('**/review');
await phone.route('**/review/documents*', (route) => route.fulfill({status: 503, contentType: 'application/problem+json', body: '{"type":"about:blank","title":"Later","status":503,"detail":"in a moment"}'}));
await phone.goto(`${base}/jobs/${single}/review`);
await t.sees(phone, 'text=in a moment', 'an answer that fails is shown with a way to go on');
await phone.unroute('**/review/documents*');
await t.sees(phone, 'text=/Draft: \\d+ things/', 'which it does by itself', {timeout: 15000});
await phone.route('**/review/documents', (route) => route.fulfill({json: {reviewed: false, open: 0, declared: null, revision: 0, documents: [], needs: []}}));
await phone.goto(`${base}/jobs/${single}/review`);
await t.sees(phone, 'text=Nothing to review', 'a job without analyses says so');
await t.close();
