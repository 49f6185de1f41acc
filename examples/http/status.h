/* SPDX-License-Identifier: MIT */
/* Status: the page that shows the board, as HTML and as JSON. */

#ifndef HTTP_STATUS_PAGE_H
#define HTTP_STATUS_PAGE_H

#include <stdbool.h>

#include "exchange.h"

/* Whether the request was for it, and then it is answered. */
bool status_answer(struct exchange *exchange);

#endif
