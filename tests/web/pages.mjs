// SPDX-License-Identifier: Apache-2.0
/* New job with its criteria builder, searches, schedules, URLs, documents, queue and sources, money, health, audit, account, in a browser. Settings: base, password,
 * admin, operator, viewer (names of users), shots, site (tests/site.pl with a sitemap). The sources demo and propertyradar are there, with their builder files; jobs of demo have run. */
import {open, settings} from './browser.mjs';

const {base, password, shots, site, admin = 'admin', operator = 'operator', viewer = 'viewer'} = settings();
const t = await open({base, password, shots});

const json = async (page) => JSON.parse(await page.textContent('.job-json'));
const criterion = async (page, name) => (await json(page)).criteria?.find((c) => c.name === name)?.value;
const tab = (page, name) => page.locator('[role=tab]', {hasText: new RegExp(`^${name}\\d*$`)}).click();
const add = async (page, category, title) => {
    await tab(page, category);
    await page.locator('.adds:visible button', {hasText: new RegExp(`^${title.replace(/[()]/g, '\\$&')}$`)}).click();
};

/* ---- the builder, by its file for PropertyRadar ---- */
const page = await t.page(operator, {where: '/new?source=propertyradar'});
await t.sees(page, '.criteria-find input', 'the builder is there');
{
    t.is(null, await page.evaluate(() => document.querySelector('.job-json').querySelector('*')), 'the preview is text');
    await add(page, 'Location', 'State');
    await page.keyboard.type('nev');
    await page.keyboard.press('Enter');
    t.is(['NV'], await criterion(page, 'State'), 'choices, by keys');
    await add(page, 'Location', 'ZIP code');
    await page.keyboard.type('89501');
    await page.keyboard.press('Enter');
    await page.keyboard.type('02134,');
    t.is(['89501', '02134'], await criterion(page, 'ZipFive'), 'texts');
    await add(page, 'Location', 'Street address');
    await page.fill('.address-parts input[aria-label^="Street"]', '7 Oak Ave');
    await page.fill('.address-parts input[aria-label="City"]', 'Elko');
    await page.click('button:has-text("Use this address")');
    t.is([['7 Oak Ave'], ['Elko']], [await criterion(page, 'Address'), await criterion(page, 'City')], 'an address fills several criteria');
    await add(page, 'Property', 'Bedrooms');
    await page.keyboard.type('2');
    await add(page, 'Property', 'Bathrooms');
    await page.keyboard.type('x');
    await add(page, 'Property', 'Property type');
    await page.click('label:has-text("Single family")');
    await add(page, 'Property', 'Pool');
    await page.click('label:has-text("without a pool")');
    t.is([[[2, null]], undefined, [{name: 'PType', value: ['SFR']}], [0]], await Promise.all(['Beds', 'Baths', 'PropertyType', 'Pool'].map((name) => criterion(page, name))), 'four criteria of one tab do not touch each other');
    await add(page, 'Transfers', 'Last transfer, recorded');
    await page.locator('.editor[data-kind=date] input[type=date]').nth(0).fill('2026-01-31');
    await page.locator('.editor[data-kind=date] input[type=date]').nth(1).fill('2026-02-28');
    await page.locator('.editor[data-kind=date] button:has-text("Or another time")').click();
    await page.locator('.editor[data-kind=date] .editor-row').nth(1).locator('select').first().selectOption('words');
    await page.locator('.editor[data-kind=date] .editor-row').nth(1).locator('select').nth(1).selectOption('Last 30 Days');
    t.is(['from: 1/31/2026 to: 2/28/2026', 'Last 30 Days'], await criterion(page, 'LastTransferRecDate'), 'dates, and relative ones');
    await tab(page, 'Other');
    await page.fill('input[aria-label="Name of the criterion"]', 'InList');
    await page.keyboard.press('Enter');
    await page.keyboard.type('["L1"]');
    t.is(['L1'], await criterion(page, 'InList'), 'a criterion that the builder does not know');
    await t.axe(page, 'the builder');
    await t.narrow(page, 'the builder');
    await t.seen(page, 'builder');
    await page.click('button:has-text("Submit")');
    await t.sees(page, '.criterion .error:has-text("no number")', 'what is wrong stands at its criterion');
    t.is('Bathrooms, least', await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'which is shown and has the focus');
    await page.click('.badges button[aria-label="Remove Bathrooms"]');
    t.is(9, await page.locator('.chip.crit').count(), 'a badge removes its criterion');
}
{
    const before = await json(page);
    await page.click('.segmented button:has-text("JSON")');
    t.is(before, JSON.parse(await page.inputValue('textarea.raw')), 'built, then as JSON');
    await page.fill('textarea.raw', '{"source": "propertyradar",\n "take": }');
    await t.sees(page, '.error-text:has-text("line 2, column 10")', 'JSON that is none is told by its place');
    const job = {...before, take: 5, criteria: [...before.criteria, {name: 'Weird', value: {a: '<b>'}, chipLabel: 'kept'}]};
    await page.fill('textarea.raw', JSON.stringify(job));
    await t.sees(page, '[role=status]:has-text("Taken over")', 'JSON is taken over');
    await page.click('.segmented button:has-text("Builder")');
    t.is(job, await json(page), 'and comes back unchanged, with what nobody knows');
    t.is('5', await page.inputValue('[data-pointer="/take"] input'), 'fields show what it says');
    await page.reload();
    await page.waitForSelector('.criterion', {state: 'attached'});
    t.is(job, await json(page), 'what is not submitted outlives a reload');
    await page.click('button:has-text("Start over")');
    await page.waitForFunction(() => document.querySelectorAll('.chip.crit').length === 0);
    t.is({source: 'propertyradar'}, await json(page), 'or is left behind');
}

/* ---- demo: count, price, submission ---- */
{
    await page.selectOption('.page-head select', 'demo');
    await page.waitForFunction(() => document.querySelector('.job-json')?.textContent.includes('"demo"'));
    await add(page, 'Size', 'Records found');
    await page.keyboard.type('1,203');
    await page.fill('[data-pointer="/name"] input', '<img src=x onerror=alert(1)> built');
    await page.fill('[data-pointer="/campaign_id"] input', 'not good');
    await page.click('button:has-text("Count and price")');
    await t.sees(page, '[data-pointer="/campaign_id"] .error:has-text("Letters")', 'a field says what it wants');
    await page.fill('[data-pointer="/campaign_id"] input', 'built');
    await page.fill('[data-pointer="/max_cost"] input', '1.00');
    await page.click('button:has-text("Count and price")');
    await t.sees(page, '.preview .stat:has-text("1,203")', 'the count');
    t.like(/\$2\.4/, await page.locator('.preview').innerText(), 'the price');
    t.like(/would be held/i, await page.locator('.preview').innerText(), 'and that it would be held');
    await t.axe(page, 'a preview');
    await t.seen(page, 'preview');
    await page.fill('[data-pointer="/max_cost"] input', '5');
    await t.sees(page, '.preview:has-text("changed since")', 'figures of an earlier job are told from those of now');
    await page.click('button:has-text("Count and price")');
    await t.sees(page, '.btn.primary:has-text("Submit for $2.4")', 'the button says the price');
    await page.getByLabel('Campaign', {exact: true}).fill('P-1');
    t.is(0, await page.locator('.preview.old').count(), 'a campaign does not make the price stale');
    await page.click('button:has-text("Process in background")');
    await t.sees(page, '.banner:has-text("Submitted")', 'in the background');
    t.like(/^\/jobs\/\d{8}T/, await page.locator('.banner:has-text("Submitted") a').getAttribute('href'), 'with a link to the job');
    /* Saved and scheduled, under names of this run. */
    const name = `run-${Date.now().toString(36)}`;
    const more = async (what) => {
        await page.locator('button[aria-haspopup=menu]:has-text("More"), .acts button[aria-haspopup=menu]').first().click();
        await page.click(`.menu button:has-text("${what}")`);
        await page.waitForSelector('dialog[open]');
    };
    await more('Save as a search');
    await t.axe(page, 'a dialog');
    await page.fill('dialog input[type=text]', name);
    await page.click('dialog footer .primary');
    await t.sees(page, '#toasts :text("The search is saved")', 'a search is saved');
    await page.waitForSelector('dialog[open]', {state: 'detached'});
    await more('Schedule');
    await page.fill('dialog input[maxlength="64"]', name);
    await page.click('dialog footer .primary');
    await t.sees(page, '#toasts :text("The schedule is made")', 'and scheduled');
    await page.goto(`${base}/searches`);
    await t.sees(page, `tr:has-text("${name}")`, 'the search is listed');
    await t.axe(page, 'searches');
    await page.click(`tr:has-text("${name}") a:has-text("Open")`);
    await page.waitForSelector('.criterion', {state: 'attached'});
    t.is([1203], await criterion(page, 'Count'), 'and opens with its criteria');
    await page.goto(`${base}/schedules`);
    await t.sees(page, `tr:has-text("${name}") .badge:has-text("on")`, 'the schedule is listed');
    await t.axe(page, 'schedules');
    await page.click(`tr:has-text("${name}") button:has-text("Pause")`);
    await t.sees(page, `tr:has-text("${name}") .badge:has-text("off")`, 'paused');
    await page.click(`tr:has-text("${name}") button[aria-haspopup=menu]`);
    await page.click('.menu button:has-text("Remove")');
    await page.click('dialog footer .danger');
    await page.waitForFunction((text) => ![...document.querySelectorAll('tbody tr')].some((tr) => tr.textContent.includes(text)), name);
    t.ok(true, 'removed');
}

/* ---- URLs, documents ---- */
{
    await page.goto(`${base}/urls`);
    await page.waitForSelector('textarea.url-list');
    t.is([['true', 'false'], '5', '180'], await page.evaluate(() => [[...document.querySelectorAll('[data-pointer="/strategies"] input')].map((box) => String(box.checked)),
        document.querySelector('[data-pointer="/concurrency"] input').value, document.querySelector('[data-pointer="/timeout_s"] input').value]), "defaults are the source's");
    await page.fill('textarea.url-list', 'example.com\n10.1.2.3\nhttp://localhost:3000\nhttp://169.254.169.254/');
    await t.sees(page, '.badge:has-text("3 wrong")', 'pages of private networks are told while one types');
    t.like(/Line 3\s+http:\/\/localhost:3000 of this machine or of a private network/, await page.locator('section[aria-label="Lines that are wrong"]').innerText(), 'each with its line');
    await page.check('label:has-text("Desktop") input');
    await page.fill('textarea.url-list', 'example.com/\nhttps://example.com\nftp://x.example\nhttps://shop.example/a/, https://shop.example/b\n# remark');
    await t.sees(page, '.badge:has-text("3 pages")', 'addresses are cleaned as one types');
    t.like(/2 cleaned[\s\S]*1 double[\s\S]*1 wrong/, await page.locator('#main').innerText(), 'doubles and wrong ones are told');
    t.like(/^\s*Tests\s*6/m, await page.locator('.preview-one').innerText(), 'tests are counted');
    await page.click('button:has-text("Line 3")');
    t.is('ftp://x.example', await page.evaluate(() => { const area = document.activeElement; return area.value.slice(area.selectionStart, area.selectionEnd); }), 'a wrong line is shown');
    await page.fill('[data-pointer="/concurrency"] input', '21');
    await page.click('button:has-text("Start")');
    await t.sees(page, '[data-pointer="/concurrency"] .error:has-text("1 to 20")', 'limits are checked');
    await page.fill('[data-pointer="/concurrency"] input', '20');
    await page.route('**/batch-processing/start', (route) => route.fulfill({status: 422, contentType: 'application/problem+json', body: JSON.stringify({title: 'Unprocessable', status: 422, errors: [{pointer: '/source', detail: 'there is no source'}]})}));
    await page.click('button:has-text("Start")');
    await page.click('dialog button:has-text("Start with 3")');
    await t.sees(page, '.banner[data-errors]:has-text("no source for tests")', 'a server without the source says so');
    await page.unroute('**/batch-processing/start');
    await page.click('button:has-text("Start")');
    await t.sees(page, 'dialog:has-text("1 of 5 addresses is wrong and will be left out.")', 'what is wrong is not left out without a word');
    await t.axe(page, 'the question');
    await t.seen(page, 'urls-wrong');
    await page.click('dialog button:has-text("Back to the list")');
    t.is(0, await page.locator('.banner:has-text("Started")').count(), 'who goes back has started nothing');
    await page.click('button:has-text("Start")');
    await page.click('dialog button:has-text("Start with 3")');
    await t.sees(page, '.banner:has-text("Started")', 'one with it starts the tests');
    t.like(/^\S+ \([0-9a-f]{6}\)$/, await page.innerText('.banner:has-text("Started") a'), 'and says which job it is, although it has no name');
    await page.fill('textarea.url-list', '');
    t.is(0, await page.locator('.banner:has-text("Started")').count(), 'which is gone when the list is another one');
    await page.click('button:has-text("Start")');
    await t.sees(page, '[data-pointer="/urls"] .error:has-text("No page to test yet")', 'an empty list is told');
    await t.axe(page, 'URLs');
    /* From a file: CSV with labels is read as the command line reads it, and what is sent has them. */
    await page.goto(`${base}/urls`);
    await page.setInputFiles('input[type=file]', {name: 'shop.csv', mimeType: 'text/csv', buffer: Buffer.from('url,team\nshop.example.org/w1,Shop\nnonsense here,Pay\nshop.example.org/w2,Pay\nshop.example.org/w3,\n,Web\n192.168.1.1,Home\n')});
    await t.sees(page, '.badge:has-text("2 with labels")', 'the labels of a file are kept');
    t.is('https://shop.example.org/w1\nhttps://shop.example.org/w2\nhttps://shop.example.org/w3', await page.inputValue('textarea.url-list'), 'its addresses are those of its column');
    t.like(/Line 3\s+nonsense here[\s\S]*Line 6\s+Web stands in a row without a URL[\s\S]*Line 7\s+192\.168\.1\.1 is a host of this machine/, await page.locator('section[aria-label="Left out of the file"]').innerText(), 'what is wrong in it, or left out, is told by line');
    await t.seen(page, 'urls-file');
    await t.axe(page, 'URLs of a file');
    await page.click('button:has-text("Start")');
    await t.sees(page, 'dialog li:has-text("2 of 5 lines of shop.csv are wrong and left out.")', 'and once more before it starts');
    const [start] = await Promise.all([page.waitForRequest(/batch-processing\/start/), page.click('dialog button:has-text("Start with 3")')]);
    t.is([{url: 'https://shop.example.org/w1', labels: {team: 'Shop'}}, {url: 'https://shop.example.org/w2', labels: {team: 'Pay'}}, 'https://shop.example.org/w3'], start.postDataJSON().urls, 'and sent with them');
    await page.setInputFiles('input[type=file]', {name: 'empty.csv', mimeType: 'text/csv', buffer: Buffer.from('url,team\n')});
    await t.sees(page, '#toasts :text("no list of pages")', 'a file without any is told');
    t.is(0, await page.locator('section[aria-label="Left out of the file"]').count(), 'what was left out of the one before is not told beside it');
    /* Into a list that is not empty: in its place, or to it. A file of which not all fits says so for as long as it is in. */
    await page.fill('textarea.url-list', '');
    await page.click('button:has-text("Start")');
    await t.sees(page, '[data-pointer="/urls"] .error:has-text("No page to test yet")', 'nothing to test');
    const some = (count, host = 'many.example') => Buffer.from(Array.from({length: count}, (_, i) => `${host}/${i}`).join('\n'));
    await page.setInputFiles('input[type=file]', {name: 'small.txt', mimeType: 'text/plain', buffer: some(30)});
    await t.sees(page, '.badge:has-text("30 pages")', 'a file comes in');
    t.is([0, 0], [await page.locator('form .error:not(:empty)').count(), await page.locator('#toasts :text("no list of pages")').count()], 'and what was told of the list before is gone');
    await page.setInputFiles('input[type=file]', {name: 'big.txt', mimeType: 'text/plain', buffer: some(60000)});
    await t.sees(page, 'dialog:has-text("The list is not empty"):has-text("60,000 pages of big.txt")', 'a second one: in place of it, or to it?');
    await t.axe(page, 'replace or add');
    await t.seen(page, 'urls-replace');
    await page.keyboard.press('Escape');
    await t.sees(page, '.badge:has-text("30 pages")', 'neither');
    await page.setInputFiles('input[type=file]', {name: 'big.txt', mimeType: 'text/plain', buffer: some(60000)});
    await page.click('dialog .choice:has-text("Replace")');
    await t.sees(page, '.banner:has-text("10,000 of 60,000 URLs of big.txt"):has-text("batchspool submit --urls")', 'how much of a big file is in is told');
    t.is(0, await page.locator('.badge:has-text("double")').count(), 'nothing of the one before is left');
    await t.seen(page, 'urls-big');
    await t.axe(page, 'URLs of a big file');
    await page.setViewportSize({width: 360, height: 780});
    await t.narrow(page, 'URLs of a big file');
    await t.seen(page, 'small-urls-big');
    await page.setViewportSize({width: 1280, height: 900});
    await page.setInputFiles('input[type=file]', {name: 'other.txt', mimeType: 'text/plain', buffer: some(5, 'other.example')});
    await page.click('dialog .choice:has-text("Add")');
    await t.sees(page, '.banner:has-text("10,000 of 60,000 URLs of big.txt")', 'also after another one');
    await page.click('button:has-text("Start")');
    await t.sees(page, 'dialog li:has-text("10,000 of 60,000 URLs of big.txt")', 'and before it starts');
    await t.seen(page, 'urls-big-start');
    await page.click('dialog button:has-text("Back to the list")');
    /* From a sitemap: what is wrong is told in the dialog; what is found comes into the list. */
    await page.goto(`${base}/urls`);
    await page.fill('textarea.url-list', 'example.com');
    await page.click('button:has-text("From a sitemap")');
    await page.click('dialog footer .primary, dialog .btn.primary');
    await t.sees(page, 'dialog .error:has-text("Which sitemap")', 'a sitemap needs an address');
    await page.fill('dialog [data-pointer="/url"] input', `${site}/missing.xml`);
    await page.click('dialog .btn.primary');
    await t.sees(page, 'dialog [data-pointer="/url"] .error:has-text("missing.xml: the server answers 404")', 'one that is not there is told');
    await t.axe(page, 'the dialog for a sitemap');
    await t.seen(page, 'sitemap-dialog');
    await page.fill('dialog [data-pointer="/url"] input', `${site}/sitemap.xml`);
    await page.press('dialog [data-pointer="/url"] input', 'Enter');
    await t.sees(page, 'dialog [data-pointer="/any_host"] .error:has-text("all of its 12 URLs are of other hosts")', 'pages of other hosts are told at what takes them');
    await t.seen(page, 'sitemap-others');
    await page.check('dialog label:has-text("other hosts") input');
    await page.check('dialog label:has-text("With labels") input');
    await page.press('dialog [data-pointer="/url"] input', 'Enter');
    await t.sees(page, '#toasts :text("12 pages found")', 'what is found is told');
    await t.sees(page, '.badge:has-text("13 pages")', 'and added to the list');
    await t.sees(page, '.badge:has-text("12 with labels")', 'with labels');
    await t.seen(page, 'sitemap-found');
    /* Jobs of units: tests, not pages; those that failed are failed, not missing. */
    const tested = async (urls) => {
        await page.goto(`${base}/urls`);
        await page.fill('textarea.url-list', urls);
        await page.click('button:has-text("Start")');
        await page.click('.banner:has-text("Started") a');
        await page.waitForURL(/\/jobs\/2/);
        return new URL(page.url()).pathname.split('/').pop();
    };
    const part = await tested('good.example/1\ngood.example/2\ngood.example/3\ngone.example/dead-404');
    await t.sees(page, 'h1 .badge:has-text("Completed")', 'a list with a dead page is done', {timeout: 30000});
    await t.sees(page, 'h1 .badge:has-text("1 failed")', 'and says beside it that one failed');
    await t.sees(page, '.banner:has-text("1 of 4 tests failed")', 'of its tests');
    await t.sees(page, 'section[aria-label=Progress]:has-text("3 tests captured")', 'tests are no pages');
    await t.sees(page, '.timeline li:has-text("Completed"):has-text("1 failed")', 'the timeline says so, too');
    t.is([], (await page.locator('#main').innerText()).match(/[^\n]*(\bpages? \d|\d pages?\b|[1-9]\d* missing|\d errors?\b)[^\n]*/g) ?? [], 'nothing is missing, and nothing is a page');
    await t.seen(page, 'job-tests');
    await t.axe(page, 'a job of which a test failed');
    const none = await tested('gone.example/dead-404\ngone.example/dead-dns');
    await t.sees(page, '.banner:has-text("Every one of its 2 tests failed")', 'a job of which all failed says so', {timeout: 30000});
    t.is(0, await page.locator('#main :text("Records are missing")').count(), 'not that records are missing');
    await t.seen(page, 'job-none');
    await page.goto(`${base}/jobs`);
    const partRow = `tr[data-key="${part}"]`, noneRow = `tr[data-key="${none}"]`;
    await t.sees(page, `${partRow} .badge:has-text("1 failed")`, 'the list says how many failed');
    await t.sees(page, `${noneRow}:has-text("All 2 failed")`, 'or that all did');
    t.ok(await page.locator(`${partRow} a`).first().innerText() !== await page.locator(`${noneRow} a`).first().innerText(), 'jobs without a name are told from each other');
    await t.seen(page, 'jobs-tests');
    await t.axe(page, 'jobs of tests');
    /* A part of the source that fails: who it is. */
    const soon = new Date(Date.now() + 600000).toISOString().replace(/\.\d+Z/, 'Z'), past = '2026-01-01T00:00:00Z';
    await page.route(`**/api/batch-jobs/${part}`, async (route) => {
        const answer = await route.fetch(), job = await answer.json();
        const why = `job: ${part}\nIt runs: 3 records captured of 4.\nIt waits until ${soon} (throttled) and then goes on by itself.\nWaits for origin https://sick.example until ${soon}: 7 tries in a row failed, the last: status 503.\nWaits for origin https://well.example until ${past}: 5 tries in a row failed, the last: <b>.\n`;
        await route.fulfill({json: {...job, status: 'PROCESSING', place: 'processing', reason: null, waiting_until: soon, waiting_for: 'throttled', why}});
    });
    await page.goto(`${base}/jobs/${part}`);
    await t.sees(page, '.banner[aria-label="Waits in part"]:has-text("Waits for origin https://sick.example until")', 'a job that runs says for whom a part of it waits');
    const waits = await page.innerText('.banner[aria-label="Waits in part"]');
    t.like(/in\s(9|10)\smin\): 7 tries in a row failed, the last: status 503/, waits, 'until when, and why');
    t.ok(!waits.includes('well.example') && !waits.includes('It runs'), 'without what is past, or told elsewhere', waits);
    t.ok(!(await page.innerText('section[aria-label=Progress]')).includes('Waits: Waits'), 'told once');
    await t.seen(page, 'job-waits');
    await t.axe(page, 'a job of which a part waits');
    await page.setViewportSize({width: 360, height: 780});
    await t.narrow(page, 'a job of which a part waits');
    await t.seen(page, 'small-job-waits');
    await page.goto(`${base}/jobs`);
    await t.sees(page, `${partRow} .badge:has-text("1 failed")`, 'on a telephone, too');
    await t.narrow(page, 'jobs of tests');
    await t.seen(page, 'small-jobs-tests');
    await page.setViewportSize({width: 1280, height: 900});
    await page.unroute(`**/api/batch-jobs/${part}`);
    await page.goto(`${base}/documents`);
    await page.setInputFiles('input[type=file]', [{name: 'bad.pdf', mimeType: 'application/pdf', buffer: Buffer.from('hello')}, {name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0)},
        {name: 'Lease (final).pdf', mimeType: 'application/pdf', buffer: Buffer.concat([Buffer.from('%PDF-1.4\n'), Buffer.alloc(200000, 120), Buffer.from('%%EOF\n')])}]);
    await t.sees(page, '.uploads li:has-text("bad.pdf") :text("named as PDF but is none")', 'a file that is none is not sent');
    await t.sees(page, '.uploads li:has-text("empty.png") :text("empty")', 'nor an empty one');
    await t.sees(page, '.uploads li:has-text("Lease (final).pdf") :is(.badge, .error-text)', 'the other one is sent, or told why not');
    await t.axe(page, 'documents');
}

/* ---- figures and administration ---- */
{
    const chief = await t.page(admin, {where: '/queue'});
    await t.sees(chief, 'table[aria-label=Sources] tr:has-text("demo")', 'queue and sources');
    await t.axe(chief, 'queue');
    await chief.click('tr:has-text("$0.002") button:has-text("Pause")');
    await chief.fill('dialog [data-pointer="/reason"] input', 'for a test <b>');
    await chief.click('dialog footer .primary');
    await t.sees(chief, 'tr:has-text("$0.002"):has-text("for a test <b>") button:has-text("Resume")', 'a source is paused, with its reason');
    await chief.click('tr:has-text("$0.002") button:has-text("Resume")');
    await chief.click('dialog footer .primary');
    await t.sees(chief, 'tr:has-text("$0.002") button:has-text("Pause")', 'and resumed');
    for (const [where, selector] of [['/money', 'table[aria-label="Money by source"]'], ['/health', '.chart canvas'], ['/audit', 'tbody tr'], ['/account', 'table[aria-label=Users]']]) {
        await chief.goto(base + where);
        await t.sees(chief, selector, `${where} shows its figures`);
        await t.axe(chief, where);
        await t.seen(chief, where.slice(1));
    }
    await chief.goto(`${base}/audit?event=login`);
    await t.sees(chief, `tbody tr:has-text("Login"):has-text("${viewer}"), tbody tr:has-text("Login"):has-text("${admin}")`, 'the audit has who signed in');
    await chief.goto(`${base}/audit?source=demo`);
    await t.sees(chief, 'tbody tr:has-text("Source pause")', 'and who paused a source');
    const small = await t.page(admin, {width: 360, dark: true});
    for (const where of ['/new?source=propertyradar', '/searches', '/schedules', '/urls', '/documents', '/queue', '/money', '/health', '/audit', '/account']) {
        await small.goto(base + where);
        await small.waitForSelector('#main h1');
        await small.waitForTimeout(400);
        await t.narrow(small, where);
        await t.axe(small, `${where}, 360 pixels, dark`);
        await t.seen(small, `small-${where.slice(1).replace(/\?.*/, '')}`);
    }
    const guest = await t.page(viewer, {where: '/queue'});
    await t.sees(guest, 'table[aria-label=Sources]', 'a viewer sees the queue');
    t.is(0, await guest.locator('#main button:has-text("Pause")').count(), 'but changes nothing');
    await guest.goto(`${base}/new`);
    await t.sees(guest, 'h1:has-text("Not for your role")', 'nor submits');
    await guest.goto(`${base}/audit`);
    await t.sees(guest, 'h1:has-text("Not for your role")', 'nor reads the audit');
}
await t.close();
