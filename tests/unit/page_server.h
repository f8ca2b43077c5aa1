// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_PAGE_SERVER_H
#define TESTS_UNIT_PAGE_SERVER_H

#include "base/json.h"
#include "source/answer.h"
#include "source_fixture.h"

/* A server in the process itself: it reads a request as request_make built it and answers with a body and header fields. Its records are {"id":0},
 * {"id":1} ... In patterns # stands for seven digits: the serial number of the page and its first record. */

enum reads { READS_NOTHING, READS_OFFSET, READS_PAGE, READS_TOKEN };
enum place { IN_PARAM, IN_HEADER, IN_BODY };

struct style { /* how a source pages */
    const char *name, *method;
    const char *paginator; /* its options */
    enum reads reads;
    enum place place;
    const char *at, *limit_at; /* parameter, header or Pointer of the page and the limit; limit_at NULL: it is not sent */
    const char *asked;         /* READS_TOKEN: pattern of what is found there: decoded text, in bodies the raw JSON */
    const char *body, *field;  /* pattern of the answer's member, or of its header field "name: value", which name the next page */
    unsigned base;             /* of READS_OFFSET and READS_PAGE */
    bool own_url;              /* a next page has its own URL: the limit is in there */
};

enum total { TOTAL_NONE, TOTAL_BODY, TOTAL_HEADER };

struct server {             /* what it has and does; pages count from 1, 0: none */
    unsigned records, page; /* page: how many it gives when it is not asked for a number */
    unsigned most;          /* it never gives more at once; 0: it does as asked */
    bool ignores_limit;     /* gives `page` whatever is asked */
    enum total total;
    bool total_in_pages, more;
    unsigned empty_at, short_at, again_at; /* a page without records, with one less, with the records of the one before */
    unsigned loop_at, loop_to;             /* this page names that one as the next */
    unsigned end_at, lie_at;               /* this page is the last; that one says so, and names a next one */
    unsigned forget_at;                    /* this page does not name the next one */
    unsigned grow_at, grown;               /* from this page on there are so many records */
};

struct reply {
    char body[8192];
    struct fields fields;
};

static inline void fill(char *out, size_t size, const char *pattern, const char *digits) {
    size_t length = strcspn(pattern, "#");

    (void)snprintf(out, size, "%.*s%s%s", (int)length, pattern, pattern[length] != '\0' ? digits : "", pattern[length] != '\0' ? pattern + length + 1 : "");
}

/* What the request has there, in out; false: nothing. */
static inline bool request_has(const struct request *r, enum place place, const char *at, char *out, size_t size) {
    struct slice value;
    size_t length = strlen(at);
    unsigned count = 0;

    out[0] = '\0';
    for (const char *p = strchr(r->url, '?'); place == IN_PARAM && p != NULL; p = strchr(p + 1, '&')) {
        if (strncmp(p + 1, at, length) == 0 && p[1 + length] == '=') {
            size_t used = 0;

            count++;
            for (const char *c = p + 2 + length; *c != '\0' && *c != '&'; c++) {
                unsigned byte = (unsigned char)*c;

                assert_true(used + 1 < size && *c > ' ' && *c < 0x7f);
                if (*c == '%') {
                    assert_int_equal(sscanf(c + 1, "%2x", &byte), 1);
                    c += 2;
                }
                out[used++] = (char)byte;
            }
            out[used] = '\0';
        }
    }
    for (char **header = r->headers; place == IN_HEADER && *header != NULL; header++) {
        if (strncmp(*header, at, length) == 0 && (*header)[length] == ':') {
            count++;
            (void)snprintf(out, size, "%s", *header + length + 2);
        }
    }
    if (place == IN_BODY) {
        assert_non_null(r->body);
        assert_int_equal(json_check(r->body, r->body_length, &json_rules_payload, NULL), RC_OK);
        if (json_find((struct slice){.data = r->body, .length = r->body_length}, at, &value)) {
            count++;
            (void)snprintf(out, size, "%.*s", (int)value.length, value.data);
        }
    }
    if (count > 1) {
        fail_msg("%s is there twice: %s", at, r->url);
    }
    return count == 1;
}

static inline unsigned whole(const char *text) {
    uint64_t value = 0;

    if (!str_to_u64(text, 0, 1000000, &value)) {
        fail_msg("no number: %s", text);
    }
    return (unsigned)value;
}

/* The page that is asked for: its serial number, its first record, and how many. */
static inline void understand(const struct style *style, const struct server *server, const struct request *r, unsigned *serial, unsigned *from,
                              unsigned *count) {
    char text[1024], wanted[1024];
    const char *digits;
    bool has;

    *serial = 1;
    *from = 0;
    *count = server->page;
    if (style->limit_at != NULL && request_has(r, style->place, style->limit_at, text, sizeof(text))) {
        *count = server->ignores_limit ? server->page : whole(text);
    } else {
        assert_true(style->limit_at == NULL || style->own_url);
    }
    *count = server->most > 0 && *count > server->most ? server->most : *count;
    if (style->reads == READS_NOTHING) {
        return;
    }
    has = request_has(r, style->place, style->at, text, sizeof(text));
    if (style->reads == READS_TOKEN) {
        if (has) {
            digits = text + strcspn(style->asked, "#");
            if (strlen(text) + 1 != strlen(style->asked) + 7 || sscanf(digits, "%3u%4u", serial, from) != 2) {
                fail_msg("%s: no page has this name: %s", style->name, text);
            }
            fill(wanted, sizeof(wanted), style->asked, (char[8]){digits[0], digits[1], digits[2], digits[3], digits[4], digits[5], digits[6], '\0'});
            assert_string_equal(text, wanted);
        }
        return;
    }
    assert_true(has && whole(text) >= style->base);
    *from = whole(text) - style->base;
    *serial = *from + 1;
    if (style->reads == READS_PAGE) {
        *from *= *count;
    } else {
        *serial = *from / *count + 1;
    }
}

/* "name: value", and more of them behind line breaks. */
static inline void add_fields(struct fields *fields, const char *lines) {
    char name[64];

    for (size_t length; *lines != '\0'; lines += length + (lines[length] != '\0')) {
        size_t colon = strcspn(lines, ":");

        length = strcspn(lines, "\n");
        (void)snprintf(name, sizeof(name), "%.*s", (int)colon, lines);
        assert_true(colon + 2 <= length && fields_add(fields, name, lines + colon + 2, length - colon - 2));
    }
}

static inline void server_answer(const struct style *style, const struct server *server, const struct request *r, struct reply *reply) {
    unsigned serial, from, count, records, given = 0, next, at, pages;
    char digits[16], text[1024];
    size_t used;
    bool more;

    *reply = (struct reply){.fields = {.count = 0}};
    assert_string_equal(r->method, style->method);
    understand(style, server, r, &serial, &from, &count);
    records = server->grow_at > 0 && serial >= server->grow_at ? server->grown : server->records;
    pages = (records + count - 1) / count;
    at = serial == server->again_at && from >= count ? from - count : from;
    used = (size_t)snprintf(reply->body, sizeof(reply->body), "{\"items\":[");
    if (serial != server->empty_at) {
        for (; given < count - (serial == server->short_at) && at + given < records; given++) {
            used += (size_t)snprintf(reply->body + used, sizeof(reply->body) - used, "%s{\"id\":%u}", given > 0 ? "," : "", at + given);
        }
    }
    from = at != from ? from + count : from + given;
    more = from < records && serial != server->end_at;
    next = serial + 1;
    if (serial == server->loop_at) {
        next = server->loop_to;
        from = (next - 1) * count;
        more = true;
    }
    used += (size_t)snprintf(reply->body + used, sizeof(reply->body) - used, "]");
    if (server->total == TOTAL_BODY) {
        used += (size_t)snprintf(reply->body + used, sizeof(reply->body) - used, ",\"total\":%u", server->total_in_pages ? pages : records);
    } else if (server->total == TOTAL_HEADER) {
        (void)snprintf(text, sizeof(text), "X-Total: %u", server->total_in_pages ? pages : records);
        add_fields(&reply->fields, text);
    }
    if (server->more) {
        used += (size_t)snprintf(reply->body + used, sizeof(reply->body) - used, ",\"more\":%s", more && serial != server->lie_at ? "true" : "false");
    }
    (void)snprintf(digits, sizeof(digits), "%03u%04u", next % 1000, from % 10000);
    more = more && serial != server->forget_at;
    if (more && style->body != NULL) {
        fill(text, sizeof(text), style->body, digits);
        used += (size_t)snprintf(reply->body + used, sizeof(reply->body) - used, ",%s", text);
    } else if (more && style->field != NULL) {
        fill(text, sizeof(text), style->field, digits);
        add_fields(&reply->fields, text);
    }
    (void)snprintf(reply->body + used, sizeof(reply->body) - used, "}");
}

#endif
