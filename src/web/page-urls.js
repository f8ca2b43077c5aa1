// SPDX-License-Identifier: Apache-2.0
/* Pages to be tested: a list, pasted or taken from a file, cleaned and checked while one types; then a job of it. */
import {h, fill, button, icon} from './dom.js';
import {ApiError, isAbort} from './api.js';
import {busy, choose, confirm, openDialog} from './dialog.js';
import {checkbox, clearError, clearErrors, field, select, showErrors} from './form.js';
import {bytes, clip, num, plural, Text} from './format.js';
import {capital} from './words.js';
import {copyText, styles} from './assets.js';
import {PRIORITIES} from './builder.js';
import {jobTitle} from './jobs.js';
import {LIST_BYTES_MAX, URLS_MAX, cleanUrl, cleanUrls, partsIn, remarks, testCount} from './urllist.js';
import {safeName, upload} from './uploads.js';

const SITEMAP_MS = 70000; /* the server gives a site a minute */

/* What the source of these jobs says of their members: defaults, limits, choices. Without it the server's answer to a job says that it is missing. */
async function membersOf(page) {
    try {
        return (await page.api.get('/api/sources/pagespeed', {signal: page.signal})).job_members ?? {};
    } catch (error) {
        if (error.status === 404)
            return {};
        throw error;
    }
}
const limitsOf = ({minimum, maximum}) => maximum === undefined ? '' : `${minimum} to ${maximum}`;
const numberInput = ({minimum = null, maximum = null, default: value = ''}) => h('input', {type: 'number', min: minimum, max: maximum, step: '1', value, inputmode: 'numeric'});

export async function render(root, params, page) {
    const [members] = await Promise.all([membersOf(page), styles('/pages.css')]);
    const {urls: pages = {}, strategies: ways = {}, concurrency: atATime = {}, timeout_s: seconds = {}} = members;
    const publicOnly = !pages.private_hosts;
    const strategies = new Set(ways.default);
    const labels = new Map(); /* of a file's columns, or a sitemap, by cleaned address */
    let list = cleanUrls(''), sources = [], fromFile = null, timer = 0, key = null, closeRefused = () => {}; /* sources: files and sitemaps of which something is in the list (urllist.js) */
    const area = h('textarea', {class: 'input mono url-list', rows: '14', spellcheck: 'false', wrap: 'off', placeholder: 'example.com\nhttps://example.com/pricing/\n# a line that begins with # is a remark', oninput: () => { changed(); clearTimeout(timer); timer = setTimeout(check, area.value.length > 200000 ? 600 : 150); }});
    const file = h('input', {type: 'file', accept: '.txt,.csv,.xml,.gz,text/plain,text/csv', class: 'hidden', tabindex: '-1', 'aria-label': 'A file with a list', onchange: () => { if (file.files[0]) take(file.files[0]); file.value = ''; }});
    const about = h('div', {class: 'stack', role: 'status'}), told = h('div', {class: 'stack'});
    const name = h('input', {type: 'text', maxlength: '128', placeholder: 'Shop, November'});
    const campaign = h('input', {type: 'text', maxlength: '64', spellcheck: 'false', placeholder: 'web-2026-11'});
    const priority = select(PRIORITIES.map((p) => [p, capital(p)]), {value: 'normal'});
    const concurrency = numberInput(atATime), timeout = numberInput(seconds);
    const count = h('span', {class: 'value'}, '0'), countMore = h('span', {class: 'more'});
    const submit = h('button', {type: 'submit', class: 'btn primary wide'}, icon('play'), h('span', {}, 'Start'));
    const done = h('div', {role: 'status'});
    const tests = (ways.values ?? ['mobile', 'desktop']).map((strategy) => checkbox(capital(strategy), {checked: strategies.has(strategy), onchange: (event) => { if (event.target.checked) strategies.add(strategy); else strategies.delete(strategy); counted(); }}));
    const strategyField = h('fieldset', {class: 'field', dataset: {pointer: '/strategies'}}, h('legend', {class: 'small'}, 'Tested as'), h('div', {class: 'row options'}, tests), h('p', {class: 'error'}));

    /* The server reads files, as the command line does: lists, CSV with labels, sitemaps, compressed ones. */
    async function take(chosen) {
        closeRefused();
        fromFile = null;
        check();
        changed();
        const refused = (title, text) => { closeRefused = page.toast(title, {tone: 'bad', text}); };
        if (chosen.size > LIST_BYTES_MAX)
            return refused('This file is too large', `${chosen.name}: at most ${bytes(LIST_BYTES_MAX)}.`);
        try {
            const found = await upload('/api/uploads/urls', chosen, {type: 'text/plain', query: {name: safeName(chosen.name)}, signal: page.signal});
            const how = await replaceOrAdd(chosen.name, found.total);
            if (!how)
                return;
            for (const [url, said] of Object.entries(found.labels))
                keepLabels(url, said);
            const left = [...found.rejected, ...found.notes].sort((a, b) => a.line - b.line);
            fromFile = left.length ? {name: chosen.name, left} : null;
            add(found.urls, {name: chosen.name, total: found.total, wrong: found.rejected.length, lines: found.total + found.rejected.length + (found.duplicates ?? 0)}, how === 'replace');
        } catch (error) {
            if (!isAbort(error))
                refused('This file has no list of pages', `${chosen.name}: ${error.errors?.[0]?.detail ?? error.message}`);
        }
    }
    /* undefined: neither. */
    async function replaceOrAdd(from, count) {
        if (!area.value.trim())
            return 'add';
        check();
        return choose({title: 'The list is not empty', text: `${plural(count, 'page')} of ${clip(from, 60)} came in; the list has ${num(list.urls.length)} already.`,
            choices: [{value: 'replace', label: 'Replace the list', text: `Only those of ${clip(from, 60)} are tested.`}, {value: 'add', label: 'Add to the list', text: 'Doubles are left out.'}]});
    }
    function keepLabels(url, said) {
        labels.set(cleanUrl(url).url ?? url, said);
    }
    function add(urls, source, instead = false) {
        const text = urls.join('\n');
        sources = instead ? [] : sources;
        sources.push({...source, rest: source.total - urls.length, urls: new Set(urls.map((url) => cleanUrl(url).url ?? url))});
        area.value = !instead && area.value.trim() ? `${area.value.replace(/\s+$/, '')}\n${text}` : text;
        changed();
        check();
        area.focus();
    }
    /* What was said of the list as it was is out of date. */
    function changed() {
        fill(done);
        clearError(form, '/urls');
    }
    /* What lies at the address of a sitemap is added to the list; the server reads it. */
    function fromSitemap() {
        const where = h('input', {type: 'text', maxlength: '2048', spellcheck: 'false', inputmode: 'url', autocomplete: 'off', placeholder: 'example.com, or https://example.com/sitemap.xml'});
        const other = h('input', {type: 'checkbox'}), labelled = h('input', {type: 'checkbox'}), instead = h('input', {type: 'checkbox'});
        const go = h('button', {type: 'submit', class: 'btn primary'}, icon('download'), h('span', {}, 'Read it'));
        const form = h('form', {class: 'stack', novalidate: true, onsubmit: read},
            field('Address of a sitemap, or a host', where, {pointer: '/url', help: 'Of a host what its robots.txt names is read, else /sitemap.xml. It may take a minute.'}),
            h('div', {class: 'field', dataset: {pointer: '/any_host'}}, h('div', {}, h('label', {class: 'check'}, other, h('span', {}, 'Pages of other hosts, too'))), h('p', {class: 'error'})),
            h('label', {class: 'check'}, labelled, h('span', {}, "With labels: the sitemap's name, and when the page was changed")),
            area.value.trim() !== '' && h('label', {class: 'check'}, instead, h('span', {}, `Instead of the ${num(cleanUrls(area.value).urls.length)} in the list`)), h('div', {class: 'row end'}, button('Cancel', {onclick: () => shown.close()}), go));
        const shown = openDialog({title: 'Pages from a sitemap', content: [form]});
        where.focus();
        async function read(event) {
            event.preventDefault();
            clearErrors(form);
            if (!where.value.trim())
                return showErrors(form, {message: 'An address is missing.', errors: [{pointer: '/url', detail: 'Which sitemap, or which host?'}]});
            try {
                const found = await busy(go, page.api.post('/api/uploads/sitemap', {url: where.value.trim(), any_host: other.checked, labels: labelled.checked}, {signal: page.signal, timeout: SITEMAP_MS}));
                shown.close();
                const urls = found.urls.map((one) => one.url ?? one);
                for (const {url, labels: said} of labelled.checked ? found.urls : [])
                    keepLabels(url, said);
                fromFile = null;
                add(urls, {name: where.value.trim(), total: found.total, more: found.more}, instead.checked);
                const left = found.other_hosts ? `${plural(found.other_hosts, 'page')} of other hosts left out.` : '';
                page.toast(`${plural(found.urls.length, 'page')} found`, {text: left, tone: left ? 'warn' : undefined});
            } catch (error) {
                if (!isAbort(error) && form.isConnected)
                    showErrors(form, error);
            }
        }
    }
    function counted() {
        const sum = testCount(list.urls, [...strategies]);
        count.textContent = num(sum);
        countMore.textContent = `${plural(list.urls.length, 'page')} × ${plural(strategies.size, 'way')}`;
    }
    function check() {
        list = cleanUrls(area.value, publicOnly);
        const {urls, bad, duplicates, changed: cleaned, cut} = list, parts = partsIn(sources, list);
        if (urls.length)
            clearError(form, '/urls');
        const withLabels = urls.filter((url) => labels.has(url)).length;
        fill(about, h('div', {class: 'row'}, h('span', {class: `badge ${urls.length ? '' : 'plain'}`, dataset: {tone: urls.length ? 'ok' : 'neutral'}}, plural(urls.length, 'page')),
            withLabels > 0 && h('span', {class: 'badge', dataset: {tone: 'info'}}, `${num(withLabels)} with labels`),
            cleaned > 0 && h('span', {class: 'badge', dataset: {tone: 'info'}}, `${num(cleaned)} cleaned`), duplicates.length > 0 && h('span', {class: 'badge', dataset: {tone: 'neutral'}}, `${plural(duplicates.length, 'double')} left out`),
            bad.length > 0 && h('span', {class: 'badge', dataset: {tone: 'bad'}}, `${num(bad.length)} wrong`)),
            parts.length > 0 && h('div', {class: 'banner', dataset: {tone: 'warn'}, 'aria-label': 'Not all of it'}, icon('alert'), h('div', {}, parts.map((part) => h('p', {}, h('strong', {}, clip(part, 300)))), h('p', {}, `The rest does not fit here, where a list has at most ${num(URLS_MAX)}; `, h('code', {}, 'batchspool submit --urls'), ' takes more.'))));
        fill(told, fromFile && h('section', {class: 'card', 'aria-label': 'Left out of the file'}, h('header', {}, h('h2', {class: 'grow'}, 'Left out of ', Text(fromFile.name, 60)), button('Hide', {icon: 'close', class: 'ghost small', onclick: () => { fromFile = null; check(); }})),
            h('ul', {class: 'line-list'}, fromFile.left.map(({line, text, detail}) => h('li', {}, h('span', {class: 'nowrap muted'}, `Line ${num(line)}`), h('span', {class: 'grow'}, Text(text, 160), h('span', {class: 'muted'}, ' ', Text(detail, 160))))))),
        bad.length > 0 && h('section', {class: 'card', 'aria-label': 'Lines that are wrong'}, h('header', {}, h('h2', {class: 'grow'}, 'Wrong, left out'), button('Take them out of the list', {icon: 'trash', class: 'ghost small', onclick: dropBad})),
            h('ul', {class: 'line-list'}, bad.slice(0, 100).map(({line, text, why}) => h('li', {}, h('button', {type: 'button', class: 'btn ghost small', onclick: () => show(line)}, `Line ${num(line)}`), h('span', {class: 'grow'}, Text(text, 160), h('span', {class: 'muted'}, ` ${why}`)))), bad.length > 100 && h('li', {class: 'muted'}, `and ${num(bad.length - 100)} more`))),
        duplicates.length > 0 && h('details', {class: 'card doubles'}, h('summary', {}, `${plural(duplicates.length, 'double')}, left out`), h('ul', {class: 'line-list'}, duplicates.slice(0, 100).map(({line, url, first}) => h('li', {}, h('button', {type: 'button', class: 'btn ghost small', onclick: () => show(line)}, `Line ${num(line)}`), h('span', {class: 'grow'}, Text(url, 160), h('span', {class: 'muted'}, ` as in line ${num(first)}`)))))));
        counted();
    }
    function show(line) {
        const lines = area.value.split('\n');
        const from = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
        area.focus();
        area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
        area.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(area).lineHeight));
    }
    function dropBad() {
        area.value = list.urls.join('\n');
        check();
        area.focus();
    }
    const tidy = button('Show as cleaned', {icon: 'check', class: 'small', onclick: () => { area.value = list.urls.join('\n'); check(); page.toast('The list is as it will be tested'); }});

    async function send(event) {
        event.preventDefault();
        clearTimeout(timer);
        check();
        clearErrors(form);
        fill(done);
        const errors = [];
        const whole = (input, {minimum = 1, maximum = Infinity}, pointer) => {
            const value = Number(input.value);
            if (input.value && (!Number.isInteger(value) || value < minimum || value > maximum))
                errors.push({pointer, detail: `A whole number from ${minimum} to ${maximum}`});
            return input.value ? value : undefined; /* the source's own */
        };
        const body = {urls: list.urls.map((url) => (labels.has(url) ? {url, labels: labels.get(url)} : url)), strategies: [...strategies], priority: priority.value, concurrency: whole(concurrency, atATime, '/concurrency'), timeout_s: whole(timeout, seconds, '/timeout_s')};
        if (name.value.trim())
            body.name = name.value.trim();
        if (campaign.value.trim())
            body.campaign_id = campaign.value.trim();
        if (body.campaign_id && !/^[A-Za-z0-9_-]{1,64}$/.test(body.campaign_id))
            errors.push({pointer: '/campaign_id', detail: 'Letters, digits, _ and -, at most 64'});
        if (!list.urls.length)
            errors.push({pointer: '/urls', detail: 'No page to test yet'});
        if (!strategies.size)
            errors.push({pointer: '/strategies', detail: 'Choose at least one'});
        if (errors.length)
            return showErrors(form, {message: 'Something is missing or wrong.', errors});
        const known = remarks(list, sources);
        if (known.length && !await confirm({title: `Start with ${plural(list.urls.length, 'page')}?`, content: h('ul', {class: 'remarks'}, known.map((text) => h('li', {}, clip(text, 400)))), ok: `Start with ${num(list.urls.length)}`, cancel: 'Back to the list'}))
            return;
        key ??= crypto.randomUUID();
        try {
            const sent = await busy(submit, page.api.post('/api/v1/batch-processing/start', body, {headers: {'Idempotency-Key': key}, signal: page.signal}));
            key = null;
            const href = `/jobs/${encodeURIComponent(sent.job_id)}`;
            fill(done, h('div', {class: 'banner', dataset: {tone: 'ok'}}, icon('check'), h('p', {}, 'Started: ', h('a', {href}, Text(jobTitle(sent), 120)), `, ${plural(testCount(body.urls, body.strategies), 'test')}.`)));
            page.toast(`Started: ${jobTitle(sent)}`, {href, text: plural(testCount(body.urls, body.strategies), 'test')});
        } catch (error) {
            if (isAbort(error))
                return;
            if (error.status !== 0)
                key = null;
            const source = error.errors?.find((e) => e.pointer === '/source');
            showErrors(form, source ? new ApiError(error.status, {detail: 'This server has no source for tests of web pages yet.', errors: [{pointer: '', detail: `${source.detail}. An administrator adds its definition as sources/pagespeed.json; your list stays here.`}, ...error.errors.filter((e) => e !== source)]}) : error);
        }
    }
    const form = h('form', {class: 'stack', onsubmit: send, novalidate: true, oninput: (event) => { const at = event.target.closest('[data-pointer]'); if (at) clearError(form, at.dataset.pointer); }},
        h('div', {class: 'grid main-side'},
            h('div', {class: 'stack'}, h('section', {class: 'card', 'aria-label': 'List of pages', ondragover: (event) => event.preventDefault(), ondrop: (event) => { if (event.dataTransfer?.files[0]) { event.preventDefault(); take(event.dataTransfer.files[0]); } }},
                h('header', {}, h('h2', {class: 'grow'}, 'Pages'), button('From a file', {icon: 'upload', class: 'small', onclick: () => file.click()}), file, button('From a sitemap', {icon: 'link', class: 'small', onclick: fromSitemap}), tidy,
                    button('Copy', {icon: 'copy', class: 'ghost small', onclick: async () => page.toast(await copyText(list.urls.join('\n')) ? 'Copied' : 'This browser does not allow copying', {key: 'copy'})})),
                h('div', {class: 'card-body'}, field('Addresses, one a line or with blanks between', area, {pointer: '/urls', help: 'https:// is put before bare hosts, trailing slashes and doubles go.'}), about)), told),
            h('aside', {class: 'stack sticky', 'aria-label': 'Tests'}, h('section', {class: 'card'}, h('header', {}, h('h2', {}, 'Tests')), h('div', {class: 'card-body'},
                h('div', {class: 'stats preview-one'}, h('div', {class: 'stat'}, h('span', {class: 'label'}, 'Tests'), count, countMore)),
                strategyField,
                h('div', {class: 'form-grid narrow'}, field('At a time', concurrency, {pointer: '/concurrency', help: limitsOf(atATime)}), field('Seconds for each', timeout, {pointer: '/timeout_s', help: limitsOf(seconds)})),
                field('Priority', priority, {pointer: '/priority'}), field('Name', name, {pointer: '/name'}), field('Campaign', campaign, {pointer: '/campaign_id'}), submit, done)))));
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'URLs'), h('p', {}, 'Test how web pages do, many at a time.')), form);
    page.leave(() => clearTimeout(timer));
    check();
}
