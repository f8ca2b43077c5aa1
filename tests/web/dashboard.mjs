// SPDX-License-Identifier: Apache-2.0
/* The shell, jobs, one job, files and errors in a browser, against batchspool-httpd with its daemon (tests/all/dashboard.t starts them).
 * Settings: base, password, shots (a directory for pictures, or nothing), held, hostile, captured, doubt (ids of jobs), spool, httpd, pid and daemon: the program that is
 * killed and started again, its process and that of the daemon, which is ended at the end; api:
 * the metered API. */
import fs from 'node:fs';
import {spawn} from 'node:child_process';
import {open, settings} from './browser.mjs';

const {base, password, shots, held, hostile, captured, doubt, spool, httpd, pid, daemon, api} = settings();
const t = await open({base, password, shots});

/* ---- signing in ---- */
{
    const page = await t.visit();
    await page.goto(`${base}/jobs/${captured}`);
    await t.sees(page, 'form.login', 'who is not signed in is asked to');
    await t.axe(page, 'sign-in');
    await page.fill('input[autocomplete=username]', 'ada');
    await page.fill('input[type=password]', 'wrong');
    await page.click('button[type=submit]');
    await t.sees(page, '[role=alert]:has-text("not known")', 'a wrong password is told');
    await page.fill('input[type=password]', password);
    await page.click('button[type=submit]');
    await t.sees(page, 'h1:has-text("Absentee")', 'then the page that was asked for is there');
    const cookies = await page.context().cookies();
    t.ok(cookies.length > 0 && cookies.every((c) => c.httpOnly && c.sameSite === 'Strict'), 'the cookies are HttpOnly and SameSite=Strict', JSON.stringify(cookies));
    t.is('', await page.evaluate(() => document.cookie), 'no script can read them');
    await page.click('button.user');
    await page.click('[role=menuitem]:has-text("Sign out")');
    await t.sees(page, 'form.login', 'signing out');
    t.is(401, await page.evaluate(async () => (await fetch('/api/auth/me')).status), 'the session is over');
}

/* ---- jobs ---- */
const page = await t.page('ada');
await t.sees(page, 'tbody tr', 'the list');
{
    const size = await page.evaluate(() => performance.getEntriesByType('resource').filter((e) => !e.name.includes('/api/')).reduce((all, e) => all + e.decodedBodySize, 0));
    t.ok(size > 20000 && size < 200000, 'the first load is below 200 kB', `${size}`);
    await t.axe(page, 'jobs');
    await t.seen(page, 'jobs');
    const row = (id) => page.locator(`tr[data-key="${id}"]`);
    t.like(/Captured\s*0 of 1,000\s*Loaded\s*0/, (await row(held).innerText()).replace(/\s+/g, ' '), 'captured and loaded are two figures');
    t.like(/<script>alert\(1\)<\/script>/, await row(hostile).innerText(), 'a name with markup is text');
    await page.keyboard.press('/');
    await page.keyboard.type('status:held');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].every((tr) => tr.innerText.includes('Held')));
    t.is(4, await page.locator('tbody tr').count(), 'the filter');
    t.like(/filter=status%3Aheld/, page.url(), 'the filter is in the address');
    await page.reload();
    await t.sees(page, `tr[data-key="${held}"]`, 'a link with a filter shows the same');
    await page.evaluate(() => document.activeElement?.blur());
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await t.sees(page, '.bulk:has-text("1 job selected")', 'j and x select');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/jobs\/2/);
    t.ok(true, 'Enter opens');
    await page.goBack();
    await t.sees(page, `tr[data-key="${held}"]`, 'back is the filtered list');
    await page.goto(`${base}/jobs?filter=nonsense:1`);
    await t.sees(page, '[role=alert]', 'a filter that is none is told');
    await page.goto(`${base}/jobs?filter=nothing-has-this-name`);
    await t.sees(page, '.empty:has-text("No job matches")', 'no match has words');
    await page.goto(`${base}/jobs/20260101T000000Z-000000000000-none`);
    await t.sees(page, 'h1:has-text("Not there")', 'a job that is not there');
    await page.keyboard.press('?');
    await t.sees(page, 'dialog[open] :text("Keys")', 'the keys are told');
    await page.keyboard.press('Escape');
}

/* ---- one job ---- */
{
    await page.goto(`${base}/jobs/${held}`);
    await t.sees(page, '#main .banner:has-text("Would cost more than the job allows")', 'why it is held');
    t.like(/max_cost is 20\.00/, await page.locator('#main .banner').first().innerText(), 'with both numbers');
    t.like(/of \$20\.00 at most/, await page.locator('section[aria-label=Money]').innerText(), 'cost against the cap');
    await t.axe(page, 'a held job');
    await t.seen(page, 'held');
    await page.click('button:has-text("Release")');
    await t.sees(page, 'dialog[open]:has-text("The limits are checked again")', 'releasing says what it means');
    await page.click('dialog[open] button:has-text("Keep it on hold")');
    await page.click('button[aria-label="More acts"]');
    await page.click('[role=menuitem]:has-text("Priority high")');
    await t.sees(page, 'h1 .badge:has-text("high")', 'another priority');
    await page.click('button[aria-label="More acts"]');
    await page.click('[role=menuitem]:has-text("Cancel the job")');
    await page.click('dialog[open] button:has-text("Cancel the job")');
    await t.sees(page, 'h1 .badge:has-text("Cancelled")', 'cancelled');
    await t.sees(page, '.timeline:has-text("Cancelled")', 'the journal says so at once');

    await page.goto(`${base}/jobs/${hostile}`);
    await t.sees(page, 'h1:has-text("<script>")', 'a hostile name is text');
    t.ok(!(await page.locator('body').innerText()).includes('\u202e') && (await page.locator('h1').innerText()).includes('‹U+202E›'), 'what would turn other text is shown by its number');
    await page.click('button[aria-label="Payload of batch 1"]');
    await t.sees(page, 'dialog pre:has-text("RadarID")', 'the raw payload');
    t.ok((await page.locator('dialog pre').innerText()).split('\n').length > 50, 'indented');
    await t.axe(page, 'the raw payload');
    await page.keyboard.press('Escape');
}

/* ---- a charge in doubt, and errors by their cause ---- */
{
    await page.goto(`${base}/jobs/${doubt}`);
    await t.sees(page, '#main .banner:has-text("A charge is in doubt")', 'a charge in doubt is told');
    t.like(/In doubt\s+\$20\.00/, await page.locator('section[aria-label=Money]').innerText(), 'with its money');
    await t.sees(page, '.timeline li:has-text("Charge in doubt: page 2"):has-text("$20.00 at most")', 'and its page');
    await page.click('button:has-text("Decide the charge")');
    await t.sees(page, 'dialog[open] .choice:has-text("Buy once more")', 'two ways to go on, and what each costs');
    await t.axe(page, 'the decision');
    await t.seen(page, 'decision');
    await page.click('dialog[open] .choice:has-text("Buy once more")');
    await t.sees(page, 'h1 .badge:has-text("Completed")', 'bought once more: it completes', {timeout: 20000});
    await t.sees(page, 'section[aria-label=Money]:has-text("$70.00")', 'the lost page counts as spent');

    await page.goto(`${base}/errors`);
    await t.sees(page, 'article:has-text("Would cost more than the job allows"):has-text("2 jobs")', 'two jobs with one cause are one group');
    await t.axe(page, 'errors');
    await t.seen(page, 'errors');
    await page.click('article:has-text("2 jobs") button:has-text("Cancel")');
    await page.click('dialog[open] button:has-text("Cancel 2 jobs")');
    await t.sees(page, '.toast:has-text("2 done")', 'one act for both');
    await t.sees(page, '.empty:has-text("Nothing is wrong")', 'then nothing is wrong');
}

/* ---- loading ---- */
{
    await page.goto(`${base}/jobs/${captured}`);
    await t.sees(page, 'section[aria-label="Captured, not loaded"]', 'what is captured is not loaded yet');
    await t.seen(page, 'captured');
    await page.click('button:has-text("Load 1,000 records now")');
    await t.sees(page, 'section[aria-label=Progress]:has-text("1,000 of 1,000")', 'loaded live');
    await page.waitForFunction(() => /Loaded\s*1,000 of 1,000/.test(document.querySelector('section[aria-label=Progress]').innerText.replace(/\s+/g, ' ')), null, {timeout: 15000}).catch(() => {});
    t.like(/Loaded 1,000 of 1,000/, (await page.locator('section[aria-label=Progress]').innerText()).replace(/\s+/g, ' '), 'all of it');
    await t.sees(page, '.timeline:has-text("Loaded: pages 1 to 3")', 'the timeline tells it');
    await t.axe(page, 'a completed job');
    for (const format of ['CSV', 'NDJSON']) {
        const [download] = await Promise.all([page.waitForEvent('download', {timeout: 20000}).catch(() => null), page.click(`button:has-text("${format} of 1,000 records")`)]);
        const text = download ? fs.readFileSync(await download.path(), 'utf8') : '';
        t.is(format === 'CSV' ? 1001 : 1000, text.trimEnd().split('\n').length, `${format} of its records is made and downloaded`);
    }

    await page.goto(`${base}/files`);
    await t.sees(page, 'tbody tr', 'payloads that wait');
    await t.axe(page, 'files');
    const waiting = await page.locator('tbody tr').count();
    await page.locator('tbody tr input').first().check();
    await page.click('button:has-text("Load 1 selected payload")');
    await t.sees(page, 'section[aria-label="Results of the run"]:has-text("Results of the run")', 'one that is chosen is loaded', {timeout: 20000});
    await page.waitForFunction((n) => document.querySelectorAll('tbody tr').length === n - 1, waiting).catch(() => {});
    t.is(waiting - 1, await page.locator('tbody tr').count(), 'and is gone from the shelf');
    await t.seen(page, 'run');
}

/* ---- live: a job that is made elsewhere, from its drop to its end ---- */
{
    await page.goto(`${base}/jobs`);
    await page.waitForSelector('tbody tr');
    const id = await page.evaluate(async (criteria) => {
        const me = await (await fetch('/api/auth/me')).json();
        const answer = await fetch('/api/batch-jobs', {method: 'POST', headers: {'Content-Type': 'application/json', [me.csrf_header]: me.csrf_token}, body: JSON.stringify(criteria)});
        return (await answer.json()).job_id;
    }, {source: 'properties', name: 'Made while one looks', criteria: [{name: 'State', value: ['OR']}], max_cost: '100'});
    await t.sees(page, `tr[data-key="${id}"]`, 'a new job appears by itself');
    await t.sees(page, `tr[data-key="${id}"]:has-text("Completed")`, 'its end too', {timeout: 20000});
    await t.sees(page, '.toast:has-text("Made while one looks")', 'with a notice');

    /* A job that takes a while: each page is in the browser within a second of its line in the journal. */
    await fetch(`${api}/_faults`, {method: 'POST', body: JSON.stringify({faults: [{kind: 'delay', on: 'paid', ms: 500, count: -1}]})});
    fs.writeFileSync(`${spool}/jobs/tmp/slow.json`, JSON.stringify({source: 'properties', name: 'Slow', criteria: [{name: 'State', value: ['ID']}], batch_size: 100, max_cost: '80'}));
    fs.renameSync(`${spool}/jobs/tmp/slow.json`, `${spool}/jobs/pending/slow.json`);
    await page.goto(`${base}/jobs`);
    await page.click('tbody tr a:has-text("Slow")');
    await t.sees(page, 'h1 .badge:has-text("Processing")', 'a job that runs');
    const slow = new URL(page.url()).pathname.split('/').pop();
    await page.evaluate(() => {
        window.seen = [];
        const look = () => {
            const match = /([\d,]+) of 1,000/.exec(document.querySelector('section[aria-label=Progress]')?.innerText ?? '');
            if (match && window.seen.at(-1)?.[0] !== match[1])
                window.seen.push([match[1], Date.now()]);
        };
        new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
    });
    await t.seen(page, 'running');
    await t.sees(page, 'h1 .badge:has-text("Completed")', 'to its end', {timeout: 30000});
    const seen = new Map((await page.evaluate(() => window.seen)).map(([text, at]) => [Number(text.replaceAll(',', '')), at]));
    let records = 0, worst = 0, figures = 0;
    for (const line of fs.readFileSync(`${spool}/journal/${slow}.ndjson`, 'utf8').trim().split('\n').map(JSON.parse))
        if (line.event === 'captured') {
            records += line.records;
            if (seen.has(records)) {
                worst = Math.max(worst, seen.get(records) - Date.parse(line.ts));
                figures++;
            }
        }
    t.ok(figures >= 5 && worst < 1000, `${figures} figures of progress, each within a second of its line`, `${worst} ms`);

    /* All that match, frozen. */
    await page.goto(`${base}/jobs?filter=${encodeURIComponent('source:properties')}`);
    await page.waitForSelector('tbody tr');
    t.is(200, await page.evaluate(async () => {
        const {count} = await (await fetch('/api/bulk?filter=name-of-none')).json();
        return count === 0 ? 200 : count;
    }), 'a filter of none counts none');
    await page.locator('tbody tr input').first().check();
    await page.click('.bulk button:has-text("Hold")');
    await page.click('dialog[open] button:has-text("Hold: 1 job")');
    await t.sees(page, 'dialog[open]:has-text("left as they were"), .toast:has-text("done")', 'what an act on several did, and did not, is told');
    await page.keyboard.press('Escape');
}

/* ---- other roles, other sizes ---- */
{
    const viola = await t.page('viola', {width: 360, dark: true, where: `/jobs/${captured}`});
    await t.sees(viola, 'section[aria-label=Progress]', 'a viewer sees a job');
    t.is(0, await viola.locator('button:has-text("Retry"), button:has-text("Load "), button:has-text("Release")').count(), 'and has no acts');
    await t.narrow(viola, 'one job');
    await t.axe(viola, 'one job, dark, narrow');
    await t.seen(viola, 'job-360-dark');
    await viola.click('button[aria-label=Menu]');
    t.is(0, await viola.locator('nav a:has-text("New job"):visible').count(), 'nor a way to make jobs');
    await viola.click('nav a:has-text("Jobs")');
    await t.sees(viola, 'tbody tr', 'the list, narrow');
    await t.narrow(viola, 'jobs');
    await t.axe(viola, 'jobs, dark, narrow');
    await t.seen(viola, 'jobs-360-dark');
    await viola.goto(`${base}/audit`);
    await t.sees(viola, 'h1:has-text("Not for your role")', 'the audit is not for viewers');

    const rival = await t.page('rival', {where: `/jobs/${captured}`});
    await t.sees(rival, 'h1:has-text("Not there")', "another operator's job is not there");
}

/* ---- a session that is renewed; the server killed and started again ---- */
{
    const other = await page.context().newPage();
    await Promise.all([page.goto(`${base}/jobs`), other.goto(`${base}/files`)]);
    await page.waitForSelector('tbody tr');
    await page.context().clearCookies({name: 'bs_access'});
    await Promise.all([page.click('nav a:has-text("Files")'), other.click('nav a:has-text("Jobs")')]);
    await t.sees(other, 'tbody tr', 'an access token that is gone is renewed');
    await t.sees(page, 'h1:has-text("Files")', 'for two windows at once');
    await other.close();

    await page.goto(`${base}/jobs`);
    await t.sees(page, '.live[data-state=live]', 'live');
    process.kill(Number(pid), 'SIGKILL');
    await t.sees(page, '.banner.top:has-text("Not connected")', 'killed: the page says that its numbers are old');
    await t.seen(page, 'offline');
    fs.writeFileSync(`${spool}/jobs/tmp/meanwhile.json`, JSON.stringify({source: 'properties', name: 'While nobody served', criteria: [{name: 'State', value: ['WA']}]}));
    fs.renameSync(`${spool}/jobs/tmp/meanwhile.json`, `${spool}/jobs/pending/meanwhile.json`);
    const again = spawn(httpd, ['--listen', new URL(base).host], {stdio: 'ignore'});
    await t.sees(page, 'tbody tr:has-text("While nobody served")', 'started again: what happened meanwhile is there, without a reload', {timeout: 30000});
    await t.sees(page, 'tbody tr:has-text("While nobody served"):has-text("Completed")', 'to its end', {timeout: 20000});
    t.is(false, await page.locator('.banner.top').isVisible(), 'and the page is live');
    await page.goto(`${base}/jobs/${captured}`);
    await t.sees(page, 'section[aria-label=Progress]', 'nobody had to sign in again');
    process.kill(Number(daemon), 'SIGTERM');
    await page.waitForFunction(async () => !(await (await fetch('/api/queue/status')).json()).daemon.running, null, {polling: 200}).catch(() => {});
    await page.reload();
    await t.sees(page, '.banner.top:has-text("The daemon is not running")', 'without a daemon the page says so');
    again.kill();
    await new Promise((resolve) => again.once('exit', resolve));
}
await t.close();
