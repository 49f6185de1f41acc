/* SPDX-License-Identifier: MIT */
/* Server: an HTTP/1.1 server of several processes.
 *
 * This file is the program's beginning.  master.c has the workers and their
 * signals; worker.c is what each of them runs, server.c its connections,
 * connection.c one of these, exchange.c the requests on it, answer.c what is
 * answered; the rest is one noun a file.
 *
 *     cc *.c $(pkg-config --cflags --libs libemitter) -lhttp_parser
 */

#include "master.h"

int main(int argc, char **argv)
{
    struct options options;
    int r = options_parse(&options, argc, argv);

    return r ? r - 1 : master_run(&options);
}
