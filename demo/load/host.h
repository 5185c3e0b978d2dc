// SPDX-License-Identifier: Apache-2.0
// A thread of the program that has nothing to do with OpenCL: it computes without a pause.
#ifndef MELON_DEMO_LOAD_HOST_H
#define MELON_DEMO_LOAD_HOST_H

void host_thread_start(void);
// Rounds of its computation so far; 0 where it was not started. Any thread.
unsigned long long host_thread_rounds(void);

#endif
