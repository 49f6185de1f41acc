/* SPDX-License-Identifier: MIT */
/* Number: see number.h.  By hand: printf would be a tenth of the request. */

#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "number.h"

static char *put_number(char *to, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    memcpy(to, digits + at, sizeof(digits) - at);
    return to + sizeof(digits) - at;
}

void number_answer(struct exchange *exchange)
{
    static pid_t pid;
    char text[64] = "process=", *at = text + 8;

    if (!pid)
        pid = getpid();
    at = put_number(at, (uint64_t)pid);
    memcpy(at, "; reqno=", 8);
    at = put_number(at + 8, exchange->number);
    *at++ = '\n';
    answer_text(exchange, HTTP_STATUS_OK, "text/plain", text,
                (size_t)(at - text));
}
