// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_SOURCE_PARTS_H
#define SOURCE_SOURCE_PARTS_H

#include "source/check.h"
#include "source/source.h"
#include "source/template.h"

/* The parts of a definition, each checked and taken in by one function; the source keeps borrowing from its definition. Internal to src/source. */

/* settings, with over (an object, or NULL) laid over them, put into the text of the definition: before all others. */
void source_settings(struct check *check, const cJSON *over, struct source *source);
void source_steps(struct check *check, const cJSON *definition, struct source *source);
/* foreach, documents: units that are no pages. */
void source_units(struct check *check, const cJSON *definition, struct source *source);
/* unit_cache, after the steps. */
void source_unit_cache(struct check *check, const cJSON *definition, struct source *source);
void source_suggest(struct check *check, const cJSON *definition, struct source *source);
/* auth, tls, proxy; after the steps and metering, whose headers and params must not say the same once more. */
void source_access(struct check *check, const cJSON *definition, struct source *source);
/* Every template in the definition again, when the job's members are known: each must name something that exists. */
void source_check_references(struct check *check, const struct source *source);
/* hidden_params, once steps and metering are read. */
void source_find_hidden(struct check *check, struct source *source);
void source_paging(struct check *check, const cJSON *definition, struct source *source);
void source_metering(struct check *check, const cJSON *definition, struct source *source);
void source_limits(struct check *check, const cJSON *definition, struct source *source); /* api_budget, concurrency_level */
/* The member rates of an object, behind those that the source has. */
void source_rates(struct check *check, const cJSON *object, struct source *source);
void source_errors(struct check *check, const cJSON *definition, struct source *source);
/* error_handler.throttle, after the filters and the units. */
void source_throttle(struct check *check, const cJSON *handler, struct source *source);
void source_members(struct check *check, const cJSON *definition, struct source *source);

/* A request: method, url, params, headers, json; its object may have more members (may be NULL). */
void source_read_http(struct check *check, const cJSON *http, const char *const *more, bool allow_http, struct source_http *out);
/* {"params":..,"headers":..,"json":..}, of a step or laid over one: objects of templates. */
void source_check_overlay(struct check *check, const cJSON *object);
/* A value that fits a declared member; wrong ones are told as member `name` of the current object. */
void source_member_check(struct check *check, const struct source_member *member, const char *name, const cJSON *value);

/* Calls fn for every template reference of the steps, preview and purchase, auth and proxy, in this order. */
enum rc source_each_reference(const struct source *source, template_seen *fn, void *context);
enum rc source_each_access_reference(const struct source *source, template_seen *fn, void *context);
/* A key in the query goes into hidden_params too. */
void source_hide_key(struct check *check, struct source *source);

/* Members of a job file that are not the source's own (DESIGN 4); NULL at the end. */
extern const char *const source_common_members[];
bool source_is_common_member(const char *name);

char *source_copy(struct check *check, const char *text); /* strdup */

#endif
