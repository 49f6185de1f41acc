/* SPDX-License-Identifier: MIT */
/* JS: what the add-ons share of talking to Node-API.
 *
 * Either a call into Node-API works, or a JavaScript exception is pending and
 * whoever called it returns at once: the exception appears where JavaScript
 * called us. */

#ifndef EXAMPLES_NODE_JS_H
#define EXAMPLES_NODE_JS_H

#include <stdbool.h>

#define NAPI_VERSION 8 /* Node.js 12.22, 14.17, 15.12 and later */
#include <node_api.h>

#ifdef NODE_API_MODULE_GET_API_VERSION /* which NAPI_MODULE_INIT() defines */
NAPI_MODULE_EXPORT int32_t NODE_API_MODULE_GET_API_VERSION(void);
#endif

/* Whether it worked; else an exception is pending. */
bool js_ok(napi_env env, napi_status status);

/* Throw what the library answered.  Returns NULL, for the caller to return. */
napi_value js_throw_errno(napi_env env, int r);

/* Memory that is zeroed; NULL, and an exception pending. */
void *js_alloc(napi_env env, size_t size);

bool js_is(napi_env env, napi_value value, napi_valuetype type);

/* object[name](...argv).  ret, which may be NULL, gets what it returned. */
bool js_call(napi_env env, napi_value object, const char *name, size_t argc,
             const napi_value *argv, napi_value *ret);

#endif
