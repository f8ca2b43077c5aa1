// SPDX-License-Identifier: Apache-2.0
/* New job: a source, its criteria (built, or as JSON), the fields of the job, what it will find and cost, and the ways to have it done.
 * ?source=NAME begins with a source, ?search=NAME with a saved search, ?from=ID with the criteria of an earlier job. What is not submitted yet outlives a reload. */
import {h, fill, add, button, icon} from './dom.js';
import {isAbort, job as jobPath} from './api.js';
import {busy, choose, menuButton} from './dialog.js';
import {clearErrors, field, select, showErrors} from './form.js';
import {emptyState, errorState} from './table.js';
import {clip, money, plural, Text, Time} from './format.js';
import {reasonText} from './words.js';
import {copyText, styles} from './assets.js';
import {jobAgain, jobOfText, jsonText, locate, makeJob, readBuilder, stateOf} from './builder.js';
import {builderView} from './builder-view.js';
import {jobForm} from './job-form.js';
import {askPreview, previewView} from './job-preview.js';
import {saveSearch} from './search-form.js';
import {editSchedule} from './schedule-form.js';

const DRAFT = 'draft-job';
/* What the source is asked for: a name or a campaign changes neither count nor price. */
const asked = ({name, campaign_id: campaign, process, ...rest}) => JSON.stringify(rest);
const slug = (text) => text.trim().toLowerCase().normalize('NFKD').replace(/[\u0300-\u036f]/g, '').replace(/[^a-z0-9_-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);

export async function render(root, params, page) {
    await styles('/pages.css');
    page.title('New job');
    const [{sources}, start] = await Promise.all([page.api.get('/api/sources', {signal: page.signal}), startJob(page)]);
    if (!sources.length)
        return fill(root, h('h1', {}, 'New job'), emptyState('No sources yet', 'A source is a definition in sources/NAME.json beside the configuration. `batchspool sources new URL` drafts one.'));
    const wanted = start.job?.source ?? page.query.get('source') ?? remembered();
    const first = sources.find((s) => s.name === wanted) ?? sources.find((s) => s.ok !== false && s.builder) ?? sources.find((s) => s.name === 'propertyradar') ?? sources.find((s) => s.ok !== false) ?? sources[0];
    const body = h('div', {class: 'stack'});
    const chooser = select(sources.map((s) => [s.name, s.title ?? s.name]), {value: first.name, onchange: () => open(chooser.value, {source: chooser.value})});
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'New job'), field('Source', chooser, {class: 'inline'}), button('Start over', {icon: 'refresh', class: 'ghost', onclick: () => { page.setQuery({search: null, from: null}); open(chooser.value, {source: chooser.value}); }})),
        start.note && h('div', {class: 'banner', role: 'status'}, icon('info'), h('p', {}, start.note)), body);
    let turn = 0;
    async function open(name, job) {
        const mine = ++turn;
        chooser.value = name;
        try {
            const source = await page.api.get(`/api/sources/${encodeURIComponent(name)}`, {signal: page.signal});
            if (mine === turn)
                workshop(body, page, source, job, {search: start.search, other: (other) => sources.some((s) => s.name === other.source) && open(other.source, other)});
        } catch (error) {
            if (!isAbort(error) && mine === turn)
                fill(body, errorState(error, () => open(name, job)));
        }
    }
    await open(first.name, start.job ?? {source: first.name});
}

function remembered() {
    try {
        return localStorage.getItem('source');
    } catch {
        return null;
    }
}
const draftKey = (page) => `${DRAFT} ${page.user.name}`;
function forget(page) {
    try {
        sessionStorage.removeItem(draftKey(page));
    } catch { /* there is none */ }
}

/* What the page begins with: {job, search, note}. */
async function startJob(page) {
    const search = page.query.get('search'), id = page.query.get('from');
    if (search) {
        const found = await page.api.get(`/api/searches/${encodeURIComponent(search)}`, {signal: page.signal});
        return {job: {...found.job, source: found.job?.source ?? found.source}, search: found, note: ['From the saved search ', h('strong', {}, Text(found.name, 100)), '.']};
    }
    if (id) {
        const found = await page.api.get(jobPath(id), {signal: page.signal});
        const whole = found.job ?? {source: found.source, criteria: found.criteria ?? undefined, name: found.name ?? undefined, campaign_id: found.campaign_id ?? undefined};
        return {job: jobAgain(whole), note: ['From the job ', h('a', {href: `/jobs/${encodeURIComponent(id)}`}, Text(found.name || id, 100)), '. Change what you like; it becomes a job of its own.']};
    }
    try {
        const draft = JSON.parse(sessionStorage.getItem(draftKey(page)) ?? 'null');
        if (draft?.source && (!page.query.get('source') || page.query.get('source') === draft.source))
            return {job: draft};
    } catch { /* no draft, then */ }
    return {};
}

/* ---- one source ---- */

function workshop(body, page, source, job, {search, other}) {
    const {builder, problems: flaws} = readBuilder(source.builder);
    const built = builder.categories.length > 0, declared = source.job_members ?? {};
    source.builderNames = new Set(builder.form === 'members' ? builder.categories.flatMap((c) => c.criteria.map((d) => d.name)) : []);
    let state, view = null, made = null, preview = null, raw = !built, timer = 0, unsaved = null;
    const left = h('div', {class: 'stack'});
    const json = h('pre', {class: 'code job-json', tabindex: '0', 'aria-label': 'The job as JSON'});
    const result = h('div', {'aria-live': 'polite'});
    const badges = h('div', {class: 'badges'});
    const form = h('form', {class: 'stack', onsubmit: (event) => event.preventDefault(), novalidate: true});

    const take = (next) => {
        state = stateOf(builder, declared, next);
        state.source = source.name;
        if (!built)
            [state.entries, state.other] = [[], next.criteria];
    };
    function changed() {
        made = makeJob(builder, declared, state);
        json.textContent = jsonText(made.job);
        view?.refresh(made.problems, made.index);
        if (!view)
            fill(badges);
        const text = JSON.stringify(made.job), fresh = preview?.of === asked(made.job);
        if (preview && !fresh)
            showPreview();
        submit.firstChild.nextSibling.textContent = fresh && preview.answer.cost ? `Submit for ${money(preview.answer.cost, preview.answer.currency)}` : 'Submit';
        jump.textContent = `This job: ${plural(state.entries.length, 'criterion', 'criteria')}`;
        unsaved = text;
        clearTimeout(timer);
        timer = setTimeout(keep, 300);
    }
    /* What is there outlives a reload, and going to another page. */
    function keep() {
        clearTimeout(timer);
        if (unsaved === null)
            return;
        try {
            sessionStorage.setItem(draftKey(page), unsaved);
            localStorage.setItem('source', source.name);
        } catch { /* then it does not */ }
        unsaved = null;
    }
    addEventListener('pagehide', keep);
    page.leave(() => { removeEventListener('pagehide', keep); keep(); });
    async function suggest(what, text, signal) {
        try {
            const answer = await page.api.get(`/api/sources/${encodeURIComponent(source.name)}/suggest`, {query: {field: what, q: text}, signal});
            return answer?.available === false || !Array.isArray(answer?.suggestions) ? null : answer.suggestions.filter((item) => typeof item?.label === 'string');
        } catch (error) {
            if (isAbort(error))
                throw error;
            return null;
        }
    }

    /* ---- left: criteria and form ---- */
    const ways = h('div', {class: 'segmented', role: 'group', 'aria-label': 'How the criteria are written'});
    function draw() {
        const criteria = h('section', {class: 'card', 'aria-label': 'Criteria'}, h('header', {}, h('h2', {class: 'grow'}, raw ? 'The whole job as JSON' : 'Criteria'), built && ways));
        fill(ways, [[false, 'Builder'], [true, 'JSON']].map(([value, label]) => h('button', {type: 'button', 'aria-pressed': String(raw === value), onclick: () => { if (raw !== value) { raw = value; draw(); changed(); } }}, label)));
        view = null;
        if (raw)
            add(criteria, rawEditor());
        else if (state.other !== undefined)
            add(criteria, h('div', {class: 'card-body'}, h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('alert'), h('p', {}, 'The criteria of this job have a form that the builder does not know. They are kept as they are; change them as JSON.'))));
        else {
            view = builderView({builder, entries: state.entries, changed, suggest});
            add(criteria, builder.help && h('p', {class: 'card-note muted'}, clip(builder.help, 400)), view.element);
        }
        fill(badges, view?.badges);
        fill(left, criteria, !raw && h('section', {class: 'card', 'aria-label': 'Job'}, h('header', {}, h('h2', {}, 'Job')), jobForm({source, form: state.form, changed})));
    }
    function rawEditor() {
        const about = h('p', {class: 'help', role: 'status'}, built ? 'A whole job, or only its criteria: a list, or {"Criteria": [...]}. The builder shows what you write here, and the other way round.' : 'This source has no builder: write the job as its definition wants it.');
        const area = h('textarea', {class: 'input mono raw', spellcheck: 'false', 'aria-label': 'The job as JSON', rows: '22', value: jsonText(makeJob(builder, declared, state).job)});
        let wait = 0;
        area.addEventListener('input', () => {
            clearTimeout(wait);
            wait = setTimeout(() => {
                const read = jobOfText(area.value, source.name);
                about.className = read.problem ? 'error-text' : 'help';
                about.textContent = read.problem ? `This is no JSON yet: ${read.problem}` : 'Taken over.';
                area.toggleAttribute('aria-invalid', Boolean(read.problem));
                broken = Boolean(read.problem);
                if (read.problem)
                    return;
                if (read.job.source !== source.name) {
                    if (!other(read.job))
                        about.textContent = `There is no source "${clip(read.job.source, 64)}".`;
                    return;
                }
                const kept = state;
                take(read.partly ? {...makeJob(builder, declared, {...kept, entries: [], other: undefined}).job, ...read.job} : read.job);
                changed();
            }, 300);
        });
        return h('div', {class: 'card-body field', dataset: {pointer: '/criteria'}}, area, about, h('p', {class: 'error'}));
    }
    let broken = false;

    /* ---- right: what it is, what it costs, what to do ---- */
    const ask = button('Count and price', {icon: 'search', onclick: () => doPreview()});
    const submit = button('Submit', {icon: 'play', class: 'primary', onclick: () => doSubmit(false)});
    const background = button('Process in background', {icon: 'clock', onclick: () => doSubmit(true)});
    const more = menuButton(button('More', {icon: 'more', class: 'ghost'}), () => [
        {label: search && mineIs(search) ? `Save changes to ${clip(search.name, 24)}` : 'Save as a search…', icon: 'star', onclick: () => keepSearch()},
        ...(search && mineIs(search) ? [{label: 'Save as another search…', icon: 'plus', onclick: () => keepSearch(true)}] : []),
        {label: 'Schedule…', icon: 'clock', onclick: () => good() && editSchedule(page, {job: made.job, name: slug(state.form.name)})},
    ]);
    const mineIs = (s) => !s.owner || s.owner === page.user.name;

    /* Everything that is wrong is said at its place. */
    function complain(error) {
        const first = error.errors.map((e) => (e.pointer?.startsWith('#') ? {entry: Number(e.pointer.slice(1))} : locate(e.pointer ?? '', made.index))).find((at) => at?.entry);
        if (first)
            view?.reveal(first.entry);
        for (const details of form.querySelectorAll('details.more'))
            if (error.errors.some((e) => details.querySelector(`[data-pointer="${CSS.escape(e.pointer ?? '')}"]`)))
                details.open = true;
        showErrors(form, error);
    }
    function good() {
        clearErrors(form);
        changed();
        if (broken)
            return showErrors(form, {message: 'The JSON cannot be read yet.', errors: []}), false;
        if (!made.problems.length)
            return true;
        complain({message: 'Something is missing or wrong.', errors: made.problems.map((p) => ({pointer: p.entry ? `#${p.entry}` : `/${p.field}`, detail: p.detail}))});
        return false;
    }

    function showPreview(busyNow = false) {
        const answer = preview?.answer;
        if (busyNow)
            return fill(result, h('div', {class: 'preview', 'aria-busy': 'true'}, h('p', {class: 'muted'}, 'Asking the source; nothing is bought…')));
        if (!answer)
            return fill(result);
        fill(result, previewView(answer, preview.of !== asked(made.job)));
    }
    async function doPreview() {
        if (!good())
            return false;
        const text = asked(made.job);
        const before = preview;
        showPreview(true);
        try {
            preview = {of: text, answer: await busy(ask, askPreview(page, made.job))};
            changed();
            showPreview();
            return true;
        } catch (error) {
            preview = before;
            showPreview();
            if (!isAbort(error))
                complain(error);
            return false;
        }
    }
    async function doSubmit(inBackground) {
        if (!good())
            return;
        const text = JSON.stringify(made.job), seen = preview?.of === asked(made.job);
        if (source.metered && !seen && !made.job.max_cost && !made.job.max_records) {
            const what = await choose({title: 'Submit without knowing the price?', text: 'The source charges for records and this job has no limit.', choices: [
                {value: 'preview', label: 'Count first', text: 'Free, and takes some seconds.'}, {value: 'submit', label: 'Submit anyway', text: 'It buys all that it finds.', danger: true}]});
            if (what === 'preview')
                return doPreview();
            if (what !== 'submit')
                return;
        }
        key ??= crypto.randomUUID();
        try {
            const sent = await busy(inBackground ? background : submit, page.api.post('/api/batch-jobs', made.job, {headers: {'Idempotency-Key': key}, signal: page.signal}));
            key = unsaved = null;
            forget(page);
            const href = `/jobs/${encodeURIComponent(sent.job_id)}`;
            if (!inBackground)
                return page.navigate(href);
            page.toast('Submitted', {href, text: 'It goes on in the background; you are told when it ends.'});
            fill(done, h('div', {class: 'banner', dataset: {tone: 'ok'}}, icon('check'), h('p', {}, 'Submitted: ', h('a', {href}, Text(sent.name || sent.job_id, 120)), '. It goes on in the background.')));
        } catch (error) {
            if (isAbort(error))
                return;
            if (error.status !== 0)
                key = null; /* an answer came: the next try is another one. Without an answer the same key makes sure that it is submitted once. */
            complain(error);
        }
    }
    let key = null;
    const done = h('div', {role: 'status'});

    async function keepSearch(another = false) {
        if (!good())
            return;
        if (search && mineIs(search) && !another)
            return page.api.put(`/api/searches/${encodeURIComponent(search.name)}`, {name: search.name, source: source.name, shared: search.shared === true, job: made.job}, {signal: page.signal})
                .then(() => page.toast('The search is saved', {href: '/searches'}), (error) => page.toastError(error, 'The search could not be saved'));
        saveSearch(page, {source: source.name, job: made.job, name: slug(state.form.name)});
    }

    const price = source.metered ? (source.cost_per_record ? `${money(source.cost_per_record, source.currency)} a record` : 'Charges for records') : 'Free of charge';
    const copy = button('Copy', {icon: 'copy', class: 'ghost small', onclick: async () => page.toast(await copyText(json.textContent) ? 'Copied' : 'This browser does not allow copying', {key: 'copy'})});
    fill(form,
        flaws.length > 0 && h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('alert'), h('div', {}, h('strong', {}, 'The builder file of this source has errors; what is right is shown.'), h('ul', {}, flaws.slice(0, 5).map((text) => h('li', {}, clip(text, 200)))))),
        source.ok === false && h('div', {class: 'banner', dataset: {tone: 'bad'}}, icon('alert'), h('div', {}, h('strong', {}, 'The definition of this source has an error'), h('p', {}, Text(source.error, 400)))),
        (source.paused || source.limits?.paused) && h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('pause'), h('p', {}, 'Nothing is sent to this source now: ', Text(source.paused || reasonText(source.limits.paused), 200), source.limits?.paused_until && [', until ', Time(source.limits.paused_until)], '. The job waits till it goes on.')),
        h('div', {class: 'grid main-side'}, left,
            h('aside', {class: 'stack sticky', 'aria-label': 'This job'}, h('section', {class: 'card'},
                h('header', {}, h('h2', {class: 'grow'}, 'This job'), h('span', {class: 'muted small'}, price)),
                h('div', {class: 'card-body'}, badges, result, done,
                    h('div', {class: 'acts'}, submit, background, h('div', {class: 'row nowrap'}, h('div', {class: 'grow'}, ask), more)))),
            h('section', {class: 'card'}, h('header', {}, h('h2', {class: 'grow'}, 'JSON'), copy), json))));
    /* Where this job stands far below its criteria: a way to it. */
    const jump = button('', {class: 'primary jump', onclick: () => { const side = form.querySelector('aside'); side.scrollIntoView({block: 'start'}); side.querySelector('button')?.focus({preventScroll: true}); }});
    form.append(jump);
    ask.classList.add('wide');
    take(job);
    draw();
    fill(body, form);
    changed();
}
