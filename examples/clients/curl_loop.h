/* SPDX-License-Identifier: MIT */
/* Curl loop: libcurl's transfers on an em_loop, through its multi-socket
 * interface (libcurl-multi(3), curl_multi_socket_action(3)).
 *
 * For the loop's thread, and not from inside a callback of libcurl's, such as
 * CURLOPT_WRITEFUNCTION; a curl_loop_fn is none of those. */

#ifndef CURL_LOOP_H
#define CURL_LOOP_H

#include <curl/curl.h>

#include <emitter/loop.h>

typedef struct curl_loop curl_loop;

/* Called when a transfer is over, exactly once for each that was added; easy is
 * the program's own again.  It may add transfers and free the curl_loop. */
typedef void curl_loop_fn(CURL *easy, CURLcode result, void *data);

/* Returns 0, -ENOMEM or -ECHILD. */
int curl_loop_new(em_loop *loop, curl_loop **ret);

/* Start a transfer, which keeps the loop alive until it is over.  easy's
 * CURLOPT_PRIVATE is taken.  Returns 0, -ENOMEM, -ESHUTDOWN while it is freed,
 * or -EINVAL for a handle that libcurl refuses. */
int curl_loop_add(curl_loop *curl, CURL *easy, curl_loop_fn *done, void *data);

/* For curl_multi_setopt, but not for the socket and timer functions. */
CURLM *curl_loop_multi(curl_loop *curl);

/* End what is under way with CURLE_ABORTED_BY_CALLBACK, and free; before the
 * loop goes.  NULL is ignored. */
void curl_loop_free(curl_loop *curl);

#endif
