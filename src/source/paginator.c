// SPDX-License-Identifier: Apache-2.0
#include "source/paginator.h"

#include <string.h>

#include "source/paginator_offset.h"

const struct paginator_row *const paginator_rows[] = {&paginator_offset, NULL};

const struct paginator_row *paginator_row(const char *type) {
    for (const struct paginator_row *const *row = paginator_rows; *row != NULL; row++) {
        if (strcmp((*row)->type, type) == 0) {
            return *row;
        }
    }
    return NULL;
}

enum rc paginator_new(const struct source *source, const struct paginator_start *start, struct paginator **paginator, struct err *err) {
    const struct paginator_row *row = paginator_row(source->paginator_type);
    enum rc rc;

    *paginator = NULL;
    if (row == NULL) {
        return err_set(err, RC_PERM, "there is no paginator \"%s\"", source->paginator_type);
    }
    if (source->metered && start->take != UINT64_MAX && !row->trims) {
        return err_set(err, RC_PERM, "take: the paginator %s cannot ask for less than a page, and %s charges for each record", row->type, source->name);
    }
    rc = row->create(source, start, paginator);
    if (rc != RC_OK) {
        return err_set(err, rc, "out of memory");
    }
    (*paginator)->row = row;
    return RC_OK;
}

void paginator_free(struct paginator *paginator) {
    if (paginator != NULL) {
        paginator->row->destroy(paginator);
    }
}

enum rc paginator_next(struct paginator *paginator, struct page *page) {
    return paginator->row->next(paginator, page);
}

void paginator_restore(struct paginator *paginator, const struct page *page) {
    paginator->row->restore(paginator, page);
}

void paginator_doubt(struct paginator *paginator, const struct page *page) {
    if (paginator->row->doubt != NULL) {
        paginator->row->doubt(paginator, page);
    }
}

void paginator_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct page_facts believed = *facts;

    if (believed.total == 0 && believed.records > 0) {
        believed.total = UINT64_MAX;
    }
    paginator->row->answer(paginator, page, &believed);
}

bool paginator_ended(const struct paginator *paginator) {
    return paginator->row->ended(paginator);
}

enum rc paginator_place(const struct source *source, const struct page *page, struct placement *placement, struct err *err) {
    enum rc rc = paginator_row(source->paginator_type)->place(source, page, placement);

    return rc == RC_OK ? RC_OK : err_set(err, rc, rc == RC_TEMP ? "out of memory" : "the page has no place in the request's body");
}

void paginator_read(const struct source *source, struct slice document, uint64_t header_total, struct page_facts *facts) {
    facts->total = UINT64_MAX;
    facts->token[0] = '\0';
    paginator_row(source->paginator_type)->read(source, document, facts);
    if (facts->total == UINT64_MAX) {
        facts->total = header_total;
    }
    if (facts->total == 0 && facts->records > 0) {
        facts->total = UINT64_MAX;
    }
}
