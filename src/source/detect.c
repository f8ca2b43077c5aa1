// SPDX-License-Identifier: Apache-2.0
#include "source/detect_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/link.h"
#include "source/template.h"

#define MOST_URL 65536u
#define USUAL_LIMIT 100u
#define NOWHERE UINT64_MAX

/* The plan: the first page; the parameter that takes the cursor, when there is one; the one that takes the limit; the one that takes offset or page, when
 * nothing names the next page; how many records a page can have. */
enum stage { ASK_FIRST, ASK_CURSOR, ASK_LIMIT, ASK_ONE, ASK_TWO, ASK_SIZE, ASK_NOTHING };

const char *const detect_headers[] = {"Link", "X-Total-Count", "X-Total", "X-WP-Total", "Total-Count", "X-Pagination-Total-Count", NULL};

#define MOST_PARTNERS 6
static const struct spelling {
    const char *limit, *places[MOST_PARTNERS];
} spellings[] = {
    {"limit", {"offset", "skip", "page", "start", "from", NULL}},
    {"per_page", {"page", NULL}},
    {"page_size", {"page", "offset", NULL}},
    {"_limit", {"_start", "_page", NULL}},
    {"$top", {"$skip", NULL}},
    {"size", {"page", "from", "offset", NULL}},
    {"pageSize", {"page", "pageNumber", "pageIndex", "offset", NULL}},
    {"count", {"offset", "start", "page", "startIndex", NULL}},
    {"take", {"skip", NULL}},
    {"rows", {"start", NULL}},
    {"maxResults", {"startAt", "startIndex", NULL}},
    {"perPage", {"page", NULL}},
    {NULL, {"page", "offset", "skip", "start", "_page", NULL}}, /* the last: no limit */
};
#define LAST_SPELLING (sizeof(spellings) / sizeof(spellings[0]) - 1)

static const char *const cursors[] = {
    "cursor", "page_token",  "pageToken",    "after",  "starting_after", "continuation_token", "continuationToken", "next_token", "nextToken",
    "token",  "next_cursor", "start_cursor", "marker", "next",           "$skiptoken",         "scroll_id",         "page",       NULL};

/* --- URLs ---------------------------------------------------------------------------------------------------------- */

static char *decoded(const char *text, size_t length) {
    char *out = malloc(length + 1), *to = out;

    for (size_t i = 0; out != NULL && i < length; i++) {
        char hex[3] = {i + 2 < length ? text[i + 1] : '\0', i + 2 < length ? text[i + 2] : '\0', '\0'};

        if (text[i] == '%' && isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1])) {
            *to++ = (char)strtol(hex, NULL, 16);
            i += 2;
        } else {
            *to++ = text[i];
            to[-1] = text[i] == '+' ? ' ' : text[i];
        }
    }
    if (out != NULL) {
        *to = '\0';
    }
    return out;
}

/* "a=b&c" into params. */
static enum rc split_query(struct detect *d, const char *query, size_t length, struct err *err) {
    for (size_t at = 0; at < length;) {
        size_t part = strcspn(query + at, "&#"), name = strcspn(query + at, "=&#");
        struct detect_param *param = &d->params[d->param_count];

        if (part > 0) {
            if (d->param_count == DETECT_MOST_PARAMS) {
                return err_set(err, RC_PERM, "the URL has more than %u parameters", DETECT_MOST_PARAMS);
            }
            d->param_count++;
            param->name = decoded(query + at, name);
            param->value = decoded(query + at + name + (name < part), part - name - (name < part));
            if (param->name == NULL || param->value == NULL) {
                return err_set(err, RC_TEMP, "out of memory");
            }
            if (!str_is_utf8(param->name, strlen(param->name)) || !str_is_utf8(param->value, strlen(param->value))) {
                return err_set(err, RC_PERM, "the URL's parameters are no UTF-8");
            }
        }
        at += part + 1;
    }
    return RC_OK;
}

static enum rc split_url(struct detect *d, struct err *err) {
    const char *url = d->setup.url;
    size_t base = strcspn(url, "?#"), authority;

    if (!str_starts(url, "https://") && !str_starts(url, "http://")) {
        return err_set(err, RC_PERM, "the URL must begin with https:// (or http://)");
    }
    authority = (size_t)(strchr(url, ':') - url) + 3;
    authority += strcspn(url + authority, "/?#");
    if (memchr(url, '@', authority) != NULL) {
        return err_set(err, RC_PERM, "the URL must not have a user name or password in it: use --header");
    }
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) {
            return err_set(err, RC_PERM, "the URL must be ASCII without blanks");
        }
    }
    d->base = strndup(url, base);
    if (d->base == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    return url[base] == '?' ? split_query(d, url + base + 1, strcspn(url + base + 1, "#"), err) : RC_OK;
}

/* "v1", "api" and numbers say nothing. */
static bool says_something(const char *part, size_t length) {
    return length >= 3 && length <= 60 && isalpha((unsigned char)*part) && strncasecmp(part, "api", length) != 0 && strncasecmp(part, "rest", length) != 0;
}

void detect_name(const char *url, char out[65]) {
    const char *host = strstr(url, "://") != NULL ? strstr(url, "://") + 3 : url, *best = host;
    size_t length = strcspn(host, ":/?#"), end = strcspn(host, "?#");

    for (size_t at = strcspn(host, "/?#"); at < end; at += strcspn(host + at, "/?#")) {
        size_t part = strcspn(host + ++at, "./?#");

        if (says_something(host + at, part)) {
            best = host + at;
            length = part;
        }
    }
    (void)str_format(out, 65, "%.*s", (int)(length < 60 ? length : 60), length > 0 ? best : "source");
    for (char *c = out; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) || *c == '-' || *c == '_' ? (char)tolower((unsigned char)*c) : '-';
    }
    if (length == 0) {
        (void)str_copy(out, 65, "source");
    }
}

static bool has_param(const struct detect *d, const char *name) {
    for (unsigned i = 0; i < d->param_count; i++) {
        if (strcmp(d->params[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

struct trial { /* a parameter that is set for a request */
    const char *name, *value;
};

static bool add_query(struct buf *out, const char *name, const char *value, bool *begun) {
    bool good = buf_add_char(out, *begun ? '&' : '?') == RC_OK;

    *begun = true;
    good = good && template_percent(name, strlen(name), out) == RC_OK && buf_add_char(out, '=') == RC_OK;
    return good && template_percent(value, strlen(value), out) == RC_OK;
}

/* The URL as it was given, with these parameters set. NULL: out of memory. */
static char *url_with(const struct detect *d, const struct trial *trials, size_t count) {
    struct buf out = BUF_INIT(MOST_URL);
    bool good = buf_add_text(&out, d->base) == RC_OK, begun = false;

    for (unsigned i = 0; good && i < d->param_count; i++) {
        bool set = false;

        for (size_t j = 0; j < count; j++) {
            set = set || strcmp(trials[j].name, d->params[i].name) == 0;
        }
        good = set || add_query(&out, d->params[i].name, d->params[i].value, &begun);
    }
    for (size_t j = 0; good && j < count; j++) {
        good = add_query(&out, trials[j].name, trials[j].value, &begun);
    }
    if (!good) {
        buf_release(&out);
        return NULL;
    }
    return buf_take(&out);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

enum rc detect_new(const struct detect_setup *setup, struct detect **detect, struct err *err) {
    struct detect *d = calloc(1, sizeof(*d));
    enum rc rc;

    *detect = NULL;
    if (d == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    d->setup = *setup;
    rc = split_url(d, err);
    for (const char *const *header = setup->headers; rc == RC_OK && *header != NULL; header++) {
        const char *colon = strchr(*header, ':');

        if (colon == NULL || colon == *header || strpbrk(*header, "\r\n") != NULL || !str_is_utf8(*header, strlen(*header))) {
            rc = err_set(err, RC_PERM, "a header must be \"Name: value\"");
        }
    }
    if (rc != RC_OK) {
        detect_free(d);
        return rc;
    }
    *detect = d;
    return RC_OK;
}

void detect_free(struct detect *detect) {
    if (detect == NULL) {
        return;
    }
    for (unsigned i = 0; i < detect->param_count; i++) {
        free(detect->params[i].name);
        free(detect->params[i].value);
    }
    buf_release(&detect->look.token);
    free(detect->sums);
    free(detect->base);
    free(detect);
}

bool detect_is_secret(const char *name, bool header) {
    static const char *const parts[] = {"secret", "password", "passwd", "apikey", "signature", "session", "auth", NULL};
    static const char *const pages[] = {"pagetoken", "nexttoken", "nextpagetoken", "continuationtoken", "skiptoken", NULL};
    char plain[64];

    detect_plain(name, plain);
    for (const char *const *part = parts; *part != NULL; part++) {
        if (strstr(plain, *part) != NULL) {
            return true;
        }
    }
    if (header) {
        return strstr(plain, "key") != NULL || strstr(plain, "token") != NULL || strstr(plain, "cookie") != NULL;
    }
    for (const char *const *page = pages; *page != NULL; page++) {
        if (strcmp(plain, *page) == 0) {
            return false;
        }
    }
    return str_ends(plain, "key") || str_ends(plain, "token") || strcmp(plain, "sig") == 0;
}

/* --- the plan ------------------------------------------------------------------------------------------------------ */

static const struct spelling *spelling_of(const struct detect *d) {
    for (size_t i = 0; i < LAST_SPELLING; i++) {
        if (d->limit_param != NULL && strcmp(spellings[i].limit, d->limit_param) == 0) {
            return &spellings[i];
        }
    }
    return &spellings[LAST_SPELLING];
}

/* Limits in the order of trying: first those that the URL has. */
static const char *limit_at(const struct detect *d, size_t at) {
    for (unsigned given = 0; given < 2; given++) {
        for (size_t i = 0; i < LAST_SPELLING; i++) {
            if (has_param(d, spellings[i].limit) == (given == 0) && at-- == 0) {
                return spellings[i].limit;
            }
        }
    }
    return NULL;
}

/* "next_page_token" is most likely taken by page_token. */
static bool is_likely(const struct detect *d, const char *param) {
    const char *slash = strrchr(d->look.cursor, '/');
    char from[64], to[64];

    detect_plain(slash != NULL ? slash + 1 : "", from);
    detect_plain(param, to);
    return strcmp(from, to) == 0 || (str_starts(from, "next") && strcmp(from + 4, to) == 0) || (str_starts(from, "end") && strcmp(to, "after") == 0);
}

static const char *cursor_at(const struct detect *d, size_t at) {
    for (unsigned likely = 0; likely < 2; likely++) {
        for (const char *const *cursor = cursors; *cursor != NULL; cursor++) {
            if (is_likely(d, *cursor) == (likely == 0) && at-- == 0) {
                return *cursor;
            }
        }
    }
    return NULL;
}

static void begin(struct detect *d, enum stage stage) {
    d->stage = stage;
    d->at = 0;
}

bool detect_next(struct detect *detect, char **url) {
    struct detect *d = detect;
    const char *place = d->stage == ASK_ONE || d->stage == ASK_TWO ? spelling_of(d)->places[d->at] : NULL;
    struct trial trials[2];
    size_t count = 0;

    *url = NULL;
    if (d->requests == DETECT_MOST_REQUESTS || d->stage == ASK_NOTHING || d->failed) {
        return false;
    }
    if (d->stage == ASK_CURSOR) {
        trials[count++] = (struct trial){cursor_at(d, d->at), buf_text(&d->look.token)};
    } else if (d->stage == ASK_LIMIT) {
        trials[count++] = (struct trial){limit_at(d, d->at), "2"};
    } else if (d->stage == ASK_SIZE) {
        trials[count++] = (struct trial){d->limit_param, "100"};
    } else if (place != NULL) {
        trials[count++] = (struct trial){place, d->stage == ASK_ONE ? "1" : "2"};
        if (d->limit_param != NULL) {
            trials[count++] = (struct trial){d->limit_param, "2"};
        }
    }
    *url = url_with(d, trials, count);
    d->failed = *url == NULL;
    d->requests++;
    return *url != NULL;
}

static void after_limit(struct detect *d) {
    const bool more = d->limit_param != NULL && d->look.count < USUAL_LIMIT && (d->look.total[0] == '\0' || d->look.total_value > d->look.count);

    begin(d, more ? ASK_SIZE : ASK_NOTHING);
}

static void find_limit(struct detect *d) {
    /* A page of two must be told from the page as it comes. */
    begin(d, d->look.count >= 3 ? ASK_LIMIT : ASK_NOTHING);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

struct seen { /* of an answer after the first */
    struct detect_look look;
    bool good;
    uint64_t place;      /* of its first record in the first answer; NOWHERE */
    uint64_t next_place; /* of its second */
};

static uint64_t place_of(const struct detect *d, struct slice record) {
    unsigned char sum[DIGEST_BYTES];

    detect_sum(&d->look, record, sum);
    for (size_t i = 0; i < d->sum_count; i++) {
        if (memcmp(d->sums[i], sum, sizeof(sum)) == 0) {
            return i;
        }
    }
    return NOWHERE;
}

static void see(const struct detect *d, int status, struct slice body, struct seen *seen) {
    struct json_iter iter;
    struct slice records, name, record;

    *seen = (struct seen){.place = NOWHERE, .next_place = NOWHERE};
    seen->good = detect_look_at(body, "", &seen->look, NULL) == RC_OK && status >= 200 && status < 300 && json_find(body, d->look.records, &records) &&
                 json_iter_init(&iter, records) && !iter.object;
    if (!seen->good) {
        return;
    }
    seen->look.count = json_count(records);
    if (json_iter_next(&iter, &name, &record)) {
        seen->place = place_of(d, record);
    }
    if (json_iter_next(&iter, &name, &record)) {
        seen->next_place = place_of(d, record);
    }
}

static void see_fields(struct detect *d, const struct fields *fields) {
    const char *link = fields != NULL ? fields_get(fields, "Link") : NULL;
    struct slice target;

    d->link_header = link != NULL && link_find(link, "next", &target);
    for (const char *const *name = detect_headers + 1; fields != NULL && d->total_header == NULL && *name != NULL; name++) {
        const char *value = fields_get(fields, *name);

        if (value != NULL && str_to_u64(value, d->look.count, UINT64_MAX - 1, &d->total_header_value)) {
            d->total_header = *name;
        }
    }
}

static bool keep_sums(struct detect *d, struct slice body) {
    struct json_iter iter;
    struct slice records, name, record;

    d->sums = calloc(DETECT_MOST_RECORDS, sizeof(*d->sums));
    if (d->sums == NULL || !json_find(body, d->look.records, &records) || !json_iter_init(&iter, records)) {
        return d->sums != NULL;
    }
    while (d->sum_count < DETECT_MOST_RECORDS && json_iter_next(&iter, &name, &record)) {
        detect_sum(&d->look, record, d->sums[d->sum_count++]);
    }
    return true;
}

static enum rc first_answer(struct detect *d, int status, struct slice body, const struct fields *fields, struct err *err) {
    enum rc rc;

    begin(d, ASK_NOTHING);
    if (status < 200 || status > 299) {
        return err_set(err, RC_PERM,
                       status >= 300 && status < 400    ? "the answer has status %d: give the URL that it leads to"
                       : status == 401 || status == 403 ? "the answer has status %d: give what it wants to know with --header 'Name: value'"
                                                        : "the answer has status %d",
                       status);
    }
    rc = detect_look_at(body, "", &d->look, err);
    if (rc != RC_OK) {
        return rc;
    }
    if (!d->look.has_records) {
        return err_set(err, RC_PERM, "the answer has no list of records, at its root or up to 3 levels deep");
    }
    if (!keep_sums(d, body)) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    see_fields(d, fields);
    if (d->link_header || d->look.next_url[0] != '\0') {
        d->kind = d->link_header ? DETECT_HEADER_LINK : DETECT_JSON_LINK;
        find_limit(d);
    } else if (d->look.cursor[0] != '\0' && d->look.count > 0) {
        begin(d, ASK_CURSOR);
    } else {
        find_limit(d);
    }
    return RC_OK;
}

static void see_cursor(struct detect *d, const struct seen *s) {
    if (s->good && s->look.count > 0 && s->place == NOWHERE) {
        d->kind = DETECT_CURSOR;
        d->place_param = cursor_at(d, d->at);
        find_limit(d);
    } else if (cursor_at(d, ++d->at) == NULL) {
        d->refused_cursor = true;
        find_limit(d);
    }
}

/* The total that this answer names where the first one named its own; 0: none. */
static uint64_t total_in(const struct detect *d, struct slice body, const struct fields *fields) {
    const char *text = d->total_header != NULL && fields != NULL ? fields_get(fields, d->total_header) : NULL;
    struct slice value;
    uint64_t total = 0;

    if (text != NULL) {
        (void)str_to_u64(text, 0, UINT64_MAX, &total);
    } else if (d->look.total[0] != '\0' && json_find(body, d->look.total, &value)) {
        (void)json_to_u64(value, true, &total);
    }
    return total;
}

static void see_limit(struct detect *d, const struct seen *s, struct slice body, const struct fields *fields) {
    const uint64_t before = d->total_header != NULL ? d->total_header_value : d->look.total_value, total = total_in(d, body, fields);
    /* A total that follows is one of the page, or what was asked for was a smaller search. */
    const bool follows = total == s->look.count, narrows = follows && before > d->look.count;

    if (s->good && s->look.count == 2 && s->place == 0 && s->next_place == 1 && !narrows) {
        d->limit_param = limit_at(d, d->at);
        d->total_checked = d->look.total[0] != '\0' && !follows;
        if (follows) {
            d->look.total[0] = '\0';
            d->total_header = NULL;
        }
    } else if (limit_at(d, ++d->at) != NULL) {
        return;
    }
    if (d->kind != DETECT_SINGLE) {
        after_limit(d);
    } else {
        begin(d, ASK_ONE);
    }
}

static void found_place(struct detect *d, enum detect_kind kind, uint64_t base) {
    d->kind = kind;
    d->base_number = base;
    d->place_param = spelling_of(d)->places[d->at];
    after_limit(d);
}

static void next_place(struct detect *d) {
    d->stage = ASK_ONE;
    if (spelling_of(d)->places[++d->at] == NULL) {
        after_limit(d);
    }
}

/* With 1 in it, pages of `size`: the second record, when it counts records from 0; the second page, when it counts pages from 0; else the first page. */
static void see_one(struct detect *d, const struct seen *s) {
    uint64_t size = d->limit_param != NULL ? 2 : d->look.count;

    if (s->good && s->place == 1) {
        found_place(d, DETECT_OFFSET, 0);
    } else if (s->good && s->look.count > 0 && (s->place == size || (s->place == NOWHERE && size >= d->look.count))) {
        found_place(d, DETECT_PAGE, 0);
    } else if (s->good && s->place == 0) {
        d->stage = ASK_TWO;
    } else {
        next_place(d);
    }
}

static void see_two(struct detect *d, const struct seen *s) {
    uint64_t size = d->limit_param != NULL ? 2 : d->look.count;

    if (s->good && s->place == 1) {
        found_place(d, DETECT_OFFSET, 1);
    } else if (s->good && s->look.count > 0 && (s->place == size || (s->place == NOWHERE && size >= d->look.count))) {
        found_place(d, DETECT_PAGE, 1);
    } else {
        next_place(d);
    }
}

static void see_size(struct detect *d, const struct seen *s) {
    if (s->good && s->look.count > d->look.count) {
        d->limit = s->look.count < USUAL_LIMIT ? s->look.count : USUAL_LIMIT;
        d->max_limit = s->look.count < USUAL_LIMIT && d->look.total[0] != '\0' && d->look.total_value > s->look.count ? s->look.count : 0;
    }
    begin(d, ASK_NOTHING);
}

enum rc detect_answer(struct detect *detect, int status, struct slice body, const struct fields *fields, struct err *err) {
    struct seen seen;

    if (detect->stage == ASK_FIRST) {
        return first_answer(detect, status, body, fields, err);
    }
    see(detect, status, body, &seen);
    switch ((enum stage)detect->stage) {
    case ASK_CURSOR:
        see_cursor(detect, &seen);
        break;
    case ASK_LIMIT:
        see_limit(detect, &seen, body, fields);
        break;
    case ASK_ONE:
        see_one(detect, &seen);
        break;
    case ASK_TWO:
        see_two(detect, &seen);
        break;
    case ASK_SIZE:
        see_size(detect, &seen);
        break;
    case ASK_FIRST:
    case ASK_NOTHING:
        break;
    }
    buf_release(&seen.look.token);
    return RC_OK;
}
