// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CL/cl.h>
#include <stddef.h>

// The first OpenCL device, and the few calls that this program makes of it. A refused call ends
// the program with OpenCL's own word for it, except where a function says that it returns it.

struct device {
  cl_device_id id;
  cl_context context;
  cl_command_queue queue;
  unsigned units;
  char name[128];
  size_t memory_bytes;   // as the device reports it
  size_t largest_bytes;  // largest single buffer
};

struct device device_open(void);

// OpenCL's name for an error that this program may meet.
const char* error_name(cl_int status);
// Ends the program with `what` and the error's name unless status is CL_SUCCESS.
void check(cl_int status, const char* what);

// Memory in buffers of at most 256 MiB.
struct taken {
  size_t count;
  size_t bytes;
  cl_mem buffers[4096];
};

// Creates buffers of `bytes` in all. Returns the error that stopped it; buffers made so far are
// then released, so a refusal leaves nothing behind.
cl_int take(const struct device* device, size_t bytes, struct taken* taken);
// Writes every byte, so that the memory is really there: a driver may back it only at first use.
void fill(const struct device* device, const struct taken* taken);
