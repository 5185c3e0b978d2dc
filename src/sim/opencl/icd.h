// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <vector>

#include "sim/opencl/objects.h"

namespace melon::sim {

/// The simulated devices, made once by the script.
const std::vector<cl_device_id>& devices();
cl_platform_id platform();

// Each fills its part of the dispatch table.
void add_information(cl_icd_dispatch& table);
void add_memory(cl_icd_dispatch& table);
void add_commands(cl_icd_dispatch& table);
void add_programs(cl_icd_dispatch& table);
void add_transfers(cl_icd_dispatch& table);

/// Frees what was given out by address; false for an address that is nobody's.
bool free_by_address(void* address);

/// A function that is reached only by an extension's address, or null.
void* extension_function(const char* name);

inline void set_status(cl_int* out, cl_int status) {
  if (out != nullptr) *out = status;
}

inline cl_int answer_bytes(const void* value, size_t bytes, size_t room, void* out, size_t* size) {
  if (out != nullptr && room < bytes) return CL_INVALID_VALUE;
  if (out != nullptr && bytes != 0) std::memcpy(out, value, bytes);
  if (size != nullptr) *size = bytes;
  return CL_SUCCESS;
}
template <class T>
cl_int answer(T value, size_t room, void* out, size_t* size) {
  return answer_bytes(&value, sizeof value, room, out, size);
}
inline cl_int answer_text(const char* text, size_t room, void* out, size_t* size) {
  return answer_bytes(text, std::strlen(text) + 1, room, out, size);
}

}  // namespace melon::sim
