// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every way in which a program obtains device memory through OpenCL.

#include <string>
#include <vector>

#include "scene.h"

namespace melon::test {

/// One object, whatever made it.
struct Object {
  cl_mem mem = nullptr;
  void* address = nullptr;
  bool intel = false;
  explicit operator bool() const { return mem != nullptr || address != nullptr; }
};

struct Route {
  std::string name;
  /// Makes an object of `bytes` (a multiple of 4096).
  Object (*make)(Scene& scene, std::size_t bytes, cl_int* status);
  /// What the program is told when the grant is full; 0: only that there is no object.
  cl_int refusal = CL_MEM_OBJECT_ALLOCATION_FAILURE;
};
const std::vector<Route>& routes();

void release(Scene& scene, const Object& object);

}  // namespace melon::test
